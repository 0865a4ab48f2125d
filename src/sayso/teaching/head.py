"""A few embeddings become the rows of a head. Arrays in, arrays out; `static/teaching.js` does the same.

The new rows are a logistic regression: against each other, against the embeddings that the model remembers,
and against the rows that stay as they are. Its loss is convex, and each of its steps is a ridge regression on
what is still wrong, scaled by an upper bound of the curvature (D. Böhning, Annals of the Institute of
Statistical Mathematics 44, 1992) and accelerated (Y. Nesterov, 1983). A fixed number of steps from zero,
nothing drawn at random: the same embeddings give the same head wherever it is computed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEPS = 30
REGULARIZATION = 1.5  # of the rows' squared length, beside a loss of one a recording
FOLDS = 5  # each recording is judged by rows that were learnt without it

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """Embeddings to learn from.

    Attributes:
        embeddings: `(N, E)`.
        labels: `(N,)`, the new word of each, counted from 0; -1 for what is no new word.
        weights: `(N,)`, what each counts.
        folds: `(N,)`, in which fold each is kept apart; -1 for never.

    """

    embeddings: Numbers
    labels: NDArray[np.int64]
    weights: Numbers
    folds: NDArray[np.int64]


def learn(
    examples: Examples, words: int, others: Numbers, *, without_fold: int = -2
) -> tuple[Numbers, Numbers]:
    """Learn the rows of new words.

    Args:
        examples: what to learn from.
        words: how many new words there are.
        others: `(N, L)`, the scores that the rows that stay give the examples; zeros `(N, 1)` where none do.
        without_fold: leaves out the examples of that fold.

    Returns:
        the weight `(words, E)` and the bias `(words,)`.

    """
    mean, scale = standard(examples)
    chosen = examples.folds != without_fold
    inputs = np.concatenate(
        [(examples.embeddings[chosen] - mean) / scale, np.ones((int(chosen.sum()), 1))], axis=1
    )  # (N, E + 1)
    weights = examples.weights[chosen, None]
    targets = np.zeros((len(inputs), words))
    known = np.flatnonzero(examples.labels[chosen] >= 0)
    targets[known, examples.labels[chosen][known]] = 1
    rival = log_sum_exp(others[chosen])[:, None]  # (N, 1)
    penalty = np.full(inputs.shape[1], REGULARIZATION)
    penalty[-1] = REGULARIZATION / 1000  # the bias is all but free
    step = np.linalg.inv((inputs * weights).T @ inputs / 2 + np.diag(penalty))
    rows = ahead = np.zeros((inputs.shape[1], words))
    momentum = 1.0
    for _ in range(STEPS):
        wrong = targets - softmax(np.concatenate([inputs @ ahead, rival], axis=1))[:, :words]
        moved = ahead + step @ (inputs.T @ (weights * wrong) - penalty[:, None] * ahead)
        following = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
        ahead = moved + (momentum - 1) / following * (moved - rows)
        rows, momentum = moved, following
    weight = rows[:-1].T / scale
    return weight, rows[-1] - weight @ mean


def cross_validate(examples: Examples, words: int, others: Numbers) -> Numbers:
    """Score each example by rows that were learnt without its fold.

    Returns:
        scores `(N, words)` of the new words; zeros for examples that are never kept apart.

    """
    result = np.zeros((len(examples.labels), words))
    for fold in range(int(examples.folds.max()) + 1):
        weight, bias = learn(examples, words, others, without_fold=fold)
        kept = examples.folds == fold
        result[kept] = examples.embeddings[kept] @ weight.T + bias
    return result


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


def standard(examples: Examples) -> tuple[Numbers, Numbers]:
    """Mean and standard deviation `(E,)` of what is no new word: the measure of all features."""
    rest = examples.embeddings[examples.labels < 0]
    return rest.mean(axis=0), rest.std(axis=0) + 1e-6


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
