"""A few embeddings become the rows of a head. Arrays in, arrays out; `static/teach-head.js` does the same.

The new rows are a logistic regression: against each other, against the embeddings that the model remembers,
and against rows that stay as they are. Its loss is convex, and each of its steps is a ridge regression on
what is still wrong, scaled by an upper bound of the curvature (D. Böhning, Annals of the Institute of
Statistical Mathematics 44, 1992) and accelerated (Y. Nesterov, 1983). A fixed number of steps from a fixed
start, nothing drawn at random: the same embeddings give the same head wherever it is computed.

Beside a model's own words, it starts from nothing, and those keep their rows. Words taught alone start from
a generative model, see `measure`, of them, of the words that are remembered and of any other word.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sayso.card import UNKNOWN
from sayso.teaching.measure import Measure
from sayso.teaching.model_file import Head

STEPS = 30
FOLDS = 5  # each recording is judged by rows that were learnt without it

_REGULARIZATION = 1.5  # of the rows' squared length, beside a loss of one a recording
_GENERATIVE_REGULARIZATION = 30.0  # of what is learnt beyond the generative model
_SHARPNESS = 0.06  # of the generative model's scores: features that it takes for independent are not

Numbers = NDArray[np.float64]
Chosen = NDArray[np.bool_]


@dataclass(frozen=True)
class Examples:
    """Embeddings to learn from.

    Attributes:
        embeddings: `(N, E)`.
        labels: `(N,)`, the new word of each, counted from 0; -1 for what is no new word.
        weights: `(N,)`, what each counts.
        folds: `(N,)`, in which fold each is kept apart; -1 for never.
        groups: `(N,)`, the new words again, then, from their number on, other words that are remembered well;
            -1 for varied recordings, and for what is said too seldom.
        speech: `(N,)`, whether each is remembered, and no noise.

    """

    embeddings: Numbers
    labels: NDArray[np.int64]
    weights: Numbers
    folds: NDArray[np.int64]
    groups: NDArray[np.int64]
    speech: Chosen


Learn = Callable[[Examples, Chosen], Head]  # from the chosen ones: rows of the new words, then all others


def learn_beside(examples: Examples, chosen: Chosen, words: tuple[str, ...], kept: Head) -> Head:
    """Learn the rows of words beside those that are kept, in the features that these have.

    Args:
        examples: what to learn from.
        chosen: `(N,)`, which of them.
        words: the new words.
        kept: the rows that stay, at least one.

    """
    features = kept.features(examples.embeddings)
    rest = features[examples.labels < 0]
    mean, scale = rest.mean(axis=0), rest.std(axis=0) + 1e-6
    inputs = (features[chosen] - mean) / scale
    rows = _regress(
        inputs,
        np.zeros((len(inputs), len(words))),
        log_sum_exp(kept.scores(examples.embeddings[chosen])),
        examples.labels[chosen],
        examples.weights[chosen],
        _REGULARIZATION,
    )
    weight = rows[:-1].T / scale
    new = replace(kept, labels=words, weight=weight, bias=rows[-1] - weight @ mean)
    return new.joined(kept)


def learn_alone(examples: Examples, chosen: Chosen, words: tuple[str, ...], first: int) -> Head:
    """Learn the rows of words alone, and of all other speech.

    Args:
        examples: what to learn from.
        chosen: `(N,)`, which of them.
        words: the new words.
        first: see `Measure`.

    """
    embeddings, groups = examples.embeddings[chosen], examples.groups[chosen]
    groups = np.searchsorted(np.unique(groups[groups >= 0]), groups) - (groups < 0)  # without gaps
    start, precision = generative(embeddings, groups, embeddings[examples.speech[chosen]], first)
    start = replace(start, labels=words + (UNKNOWN,) * (len(start.bias) - len(words)))
    scores = start.scores(embeddings)
    white = np.linalg.cholesky(precision)
    rows = _regress(
        start.features(embeddings)[:, :-1] @ white,
        scores[:, : len(words)],
        log_sum_exp(scores[:, len(words) :]),
        examples.labels[chosen],
        examples.weights[chosen],
        _GENERATIVE_REGULARIZATION,
    )
    start.weight[: len(words), :-1] += (white @ rows[:-1]).T
    start.bias[: len(words)] += rows[-1]
    return start


def generative(
    embeddings: Numbers, groups: NDArray[np.int64], speech: Numbers, first: int = 0
) -> tuple[Head, Numbers]:
    """The rows of words, and a last one of any other word, as their distributions are; see `Measure.of`.

    Args:
        embeddings: `(N, E)`.
        groups: `(N,)`, the word of each, at least one; -1 for those that are left out.
        speech: `(M, E)`, of words of all kinds.
        first: see `Measure`.

    Returns:
        the rows, without labels, and the precision of a word's recordings.

    """
    measure, precision = Measure.of(embeddings, groups, speech, first)
    centred = measure.centred(embeddings)  # (N, E)
    means = np.stack([centred[groups == group].mean(axis=0) for group in range(int(groups.max()) + 1)])
    weight = np.zeros((len(means) + 1, centred.shape[1] + 1))
    weight[:-1, :-1] = means @ precision
    weight[-1, -1] = 1  # any other word
    bias = np.append(-(weight[:-1, :-1] * means).sum(axis=1) / 2, -measure.offset)
    return Head((), weight * _SHARPNESS, bias * _SHARPNESS, measure), precision


def _regress(
    inputs: Numbers,
    start: Numbers,
    rival: Numbers,
    labels: NDArray[np.int64],
    weights: Numbers,
    regularization: float,
) -> Numbers:
    """What is to be added to new words' scores: rows `(F + 1, words)`, the last one their bias.

    Args:
        inputs: `(N, F)`.
        start: `(N, words)`, the scores so far.
        rival: `(N,)`, the score of all that is no new word.
        labels: `(N,)`, see `Examples`.
        weights: `(N,)`.
        regularization: of the rows' squared length.

    """
    inputs, words = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1), start.shape[1]
    weights, rival = weights[:, None], rival[:, None]
    targets = (labels[:, None] == np.arange(words)).astype(np.float64)
    penalty = np.full(inputs.shape[1], regularization)
    penalty[-1] = regularization / 1000  # the bias is all but free
    step = np.linalg.inv((inputs * weights).T @ inputs / 2 + np.diag(penalty))
    rows = ahead = np.zeros((inputs.shape[1], words))
    momentum = 1.0
    for _ in range(STEPS):
        wrong = targets - softmax(np.concatenate([start + inputs @ ahead, rival], axis=1))[:, :words]
        moved = ahead + step @ (inputs.T @ (weights * wrong) - penalty[:, None] * ahead)
        following = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
        ahead = moved + (momentum - 1) / following * (moved - rows)
        rows, momentum = moved, following
    return rows


def cross_validate(examples: Examples, learn: Learn, words: int) -> tuple[Numbers, Numbers]:
    """Score each example by rows that were learnt without its fold.

    Returns:
        scores `(N, words)` of the new words, and `(N, L)` of all other labels; zeros for examples that are
        never kept apart.

    """
    scores, others = np.zeros((len(examples.folds), words)), np.zeros((len(examples.folds), 1))
    for fold in range(int(examples.folds.max()) + 1):
        kept = examples.folds == fold
        head = learn(examples, ~kept)
        rows, labels = head.scores(examples.embeddings[kept]), list(dict.fromkeys(head.labels[words:]))
        if fold == 0:
            others = np.zeros((len(kept), len(labels)))
        scores[kept] = rows[:, :words]
        for column, label in enumerate(labels):
            own = [row for row in range(words, len(head.labels)) if head.labels[row] == label]
            others[kept, column] = log_sum_exp(rows[:, own])
    return scores, others


def lead(scores: Numbers, others: Numbers) -> Numbers:
    """By how much the new words' scores may fall until the surest of them is given a half.

    Args:
        scores: `(N, words)`.
        others: `(N, L)`, the scores of all that is no new word.

    Returns:
        `(N,)`; very small where two new words are so close that none is ever given a half.

    """
    highest = scores.max(axis=1)
    among = np.exp(scores - highest[:, None]).sum(axis=1)  # 1 where one word stands alone
    room = np.maximum(2 - among, 1e-12)
    result: Numbers = highest - log_sum_exp(others) + np.log(room)
    return result


def surest(scores: Numbers, others: Numbers) -> Numbers:
    """The probability `(N,)` of the surest new word, given as for `lead`."""
    highest = scores.max(axis=1)
    result: Numbers = np.exp(highest - log_sum_exp(np.concatenate([scores, others], axis=1)))
    return result


def threshold_for(values: Numbers, rate: float) -> float:
    """The lowest threshold that no larger share of strangers' values `(M,)` reaches.

    It lies midway between the last that may pass and the first that may not: rounding moves neither across.
    """
    ordered = np.sort(values)[::-1]
    passing = min(max(1, int(np.floor(rate * len(ordered) + 1e-9))), len(ordered) - 1)
    return float((ordered[passing - 1] + ordered[passing]) / 2)


def softmax(scores: Numbers) -> Numbers:
    """Probabilities `(N, L)` of scores."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Numbers = powers / powers.sum(axis=1, keepdims=True)
    return result


def log_sum_exp(scores: Numbers) -> Numbers:
    """The one score `(N,)` that weighs in a softmax as much as all `(N, L)` together."""
    highest = scores.max(axis=1)
    result: Numbers = highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1))
    return result
