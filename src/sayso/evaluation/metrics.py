"""How good a classifier is, in numbers, and how sure one may be of them.

Scores and labels in, figures out: this room knows neither clips nor models. `scores` are logits or
probabilities `(N, L)`, `labels` whole numbers `(N,)`; the answer to a clip is its highest score. Intervals
take the speaker, not the clip, for what was sampled: the clips of one voice are right or wrong together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]

CALIBRATION_BINS = 15
RESAMPLES = 2_000
CONFIDENCE_LEVEL = 0.95
TEMPERATURES = 0.01, 100.0  # what `fit_temperature` may answer

_SMALLEST_PROBABILITY = 1e-30  # a float32 probability may be zero, and its logarithm must stay finite
_DRAWS_AT_ONCE = 1 << 22  # bounds the memory of the bootstrap


@dataclass(frozen=True)
class WordFigures:
    """How one word fares."""

    word: str
    clips: int  # that hold the word
    recall: float | None  # share of them answered with the word; None without clips
    precision: float | None  # share of the answers with the word that were right; None without answers


@dataclass(frozen=True)
class ReliabilityBin:
    """The clips whose confidence lies in (low, high]."""

    low: float
    high: float
    clips: int
    confidence: float | None  # their mean confidence; None without clips
    accuracy: float | None  # the share of them answered rightly


@dataclass(frozen=True)
class Interval:
    """A mean over clips with its interval."""

    value: float
    low: float
    high: float
    clips: int
    speakers: int


@dataclass(frozen=True)
class McNemar:
    """Two models on the same clips: where one alone is right."""

    first_alone: int
    second_alone: int
    p_value: float  # of a split at least so uneven, were both equally good


def is_right(scores: Scores, labels: Labels) -> NDArray[np.bool_]:
    """Whether each clip's answer is its label, `(N,)`."""
    if len(scores) != len(labels) or not len(labels):
        raise ValueError(f"{len(scores)} rows of scores for {len(labels)} labels")
    right: NDArray[np.bool_] = np.argmax(scores, axis=1) == labels
    return right


def accuracy(scores: Scores, labels: Labels) -> float:
    """Share of the clips answered rightly."""
    return float(is_right(scores, labels).mean())


def balanced_accuracy(scores: Scores, labels: Labels) -> float:
    """Mean recall of the words that have clips: each word counts the same, however scarce."""
    counts = np.bincount(labels)
    right = np.bincount(labels, weights=is_right(scores, labels))
    return float((right[counts > 0] / counts[counts > 0]).mean())


def top_k_accuracy(scores: Scores, labels: Labels, k: int) -> float:
    """Share of the clips whose label is among the `k` highest scores; of equal ones the first leads."""
    own = np.take_along_axis(scores, np.asarray(labels)[:, None], axis=1)  # (N, 1)
    earlier = np.arange(scores.shape[1]) < np.asarray(labels)[:, None]  # (N, L)
    rank = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)  # (N,)
    return float((rank < k).mean())


def confusion(scores: Scores, labels: Labels) -> NDArray[np.int64]:
    """Count of clips `(L, L)` by label (row) and answer (column)."""
    size = scores.shape[1]
    cells = np.asarray(labels) * size + np.argmax(scores, axis=1)
    return np.bincount(cells, minlength=size * size).reshape(size, size).astype(np.int64)


def per_word(scores: Scores, labels: Labels, words: Sequence[str]) -> tuple[WordFigures, ...]:
    """Recall, precision and number of clips of each word, given the words in label order."""
    counts = confusion(scores, labels)
    clips, answers, right = counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()
    return tuple(
        WordFigures(
            word=word,
            clips=int(clips[label]),
            recall=float(right[label] / clips[label]) if clips[label] else None,
            precision=float(right[label] / answers[label]) if answers[label] else None,
        )
        for label, word in enumerate(words)
    )


def softmax(logits: Scores, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities `(N, L)` of logits divided by a temperature."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return result


def negative_log_likelihood(probabilities: Scores, labels: Labels) -> float:
    """Mean of -log of the probability given to the right label, in nats."""
    own = np.take_along_axis(probabilities, np.asarray(labels)[:, None], axis=1).astype(np.float64)
    return float(-np.log(np.maximum(own, _SMALLEST_PROBABILITY)).mean())


def reliability(
    probabilities: Scores, labels: Labels, bins: int = CALIBRATION_BINS
) -> tuple[ReliabilityBin, ...]:
    """Compare confidence with accuracy in equally wide bins of confidence (the reliability diagram)."""
    right = is_right(probabilities, labels)
    confidence = probabilities.max(axis=1).astype(np.float64)
    chosen = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    clips = np.bincount(chosen, minlength=bins)
    confidences = np.bincount(chosen, weights=confidence, minlength=bins)
    rights = np.bincount(chosen, weights=right, minlength=bins)
    return tuple(
        ReliabilityBin(
            low=index / bins,
            high=(index + 1) / bins,
            clips=int(count),
            confidence=float(confidences[index] / count) if count else None,
            accuracy=float(rights[index] / count) if count else None,
        )
        for index, count in enumerate(clips)
    )


def expected_calibration_error(probabilities: Scores, labels: Labels, bins: int = CALIBRATION_BINS) -> float:
    """Mean distance of confidence from accuracy over the bins, weighted by clips (Guo et al. 2017, eq. 3)."""
    distances = [
        abs(each.confidence - each.accuracy) * each.clips
        for each in reliability(probabilities, labels, bins)
        if each.confidence is not None and each.accuracy is not None
    ]
    return float(sum(distances) / len(labels))


def fit_temperature(logits: Scores, labels: Labels) -> float:
    """Find the temperature under which the labels are most likely (Guo et al. 2017, section 4.2).

    The likelihood is concave in 1 / temperature, so the zero of its slope is found by halving. Where every
    answer is right, colder is always better and the lowest of `TEMPERATURES` is returned.
    """
    values = np.asarray(logits, dtype=np.float64)
    own = np.take_along_axis(values, np.asarray(labels)[:, None], axis=1)  # (N, 1)
    cold, hot = np.log(TEMPERATURES)
    while hot - cold > 1e-6:
        middle = (cold + hot) / 2
        expected = (softmax(values, float(np.exp(middle))) * values).sum(axis=1, keepdims=True)  # (N, 1)
        too_sure = (expected - own).mean() > 0  # the probabilities promise more than the labels keep
        cold, hot = (middle, hot) if too_sure else (cold, middle)
    return float(np.exp((cold + hot) / 2))


def bootstrap(
    values: NDArray[Any], speakers: Sequence[str] | NDArray[Any], *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Estimate the 95 % interval of a mean over clips by drawing the speakers anew (percentile bootstrap).

    Args:
        values: `(N,)`, one per clip: right or wrong, or the difference of two models.
        speakers: `(N,)`, who spoke each clip.
        resamples: how often as many speakers as there are get drawn, with replacement.
        seed: of the draws; the same seed gives the same interval.

    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) != len(speakers) or not len(values):
        raise ValueError(f"{len(values)} values for {len(speakers)} speakers")
    _, speaker = np.unique(np.asarray(speakers), return_inverse=True)  # (N,) in 0 … G - 1
    clips = np.bincount(speaker).astype(np.float64)  # (G,)
    sums = np.bincount(speaker, weights=values)  # (G,)
    random = np.random.default_rng(seed)
    means: list[NDArray[np.float64]] = []
    at_once = max(1, _DRAWS_AT_ONCE // len(clips))
    for first in range(0, resamples, at_once):
        drawn = random.integers(len(clips), size=(min(at_once, resamples - first), len(clips)))  # (R, G)
        means.append(sums[drawn].sum(axis=1) / clips[drawn].sum(axis=1))
    tail = (1 - CONFIDENCE_LEVEL) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return Interval(float(values.mean()), float(low), float(high), len(values), len(clips))


def accuracy_interval(
    scores: Scores, labels: Labels, speakers: Sequence[str] | NDArray[Any], *, seed: int = 0
) -> Interval:
    """Accuracy with its 95 % interval over speakers, see `bootstrap`."""
    return bootstrap(is_right(scores, labels), speakers, seed=seed)


def mcnemar(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> McNemar:
    """Test whether two models differ on the same clips (McNemar 1947, the exact two-sided binomial form).

    Args:
        first_right: `(N,)`, the clips that the first model answers rightly.
        second_right: `(N,)`, the same of the second.

    """
    first_right, second_right = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    first, second = int((first_right & ~second_right).sum()), int((second_right & ~first_right).sum())
    differing, ways, tail = first + second, 1, 0
    for rights in range(min(first, second) + 1):  # whole numbers: no rounding, however many clips
        tail += ways
        ways = ways * (differing - rights) // (rights + 1)
    return McNemar(first, second, min(1.0, 2 * tail / 2**differing))
