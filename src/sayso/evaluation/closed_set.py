"""How often a model is right on words it knows: the first figure of every report.

The set is closed: the likeliest of the words is the answer, also of a model that could have answered silence
or another word. How often it would have is a figure of its own, and the open set judges it.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sayso.card import Figure, is_rejection
from sayso.evaluation import metrics
from sayso.evaluation.metrics import Interval, WordFigures

Score = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # windows (B, T) -> logits (B, labels)

COVERED_CLIPS = 300  # a word with at least so many training clips is "covered"
TIMED_CLIPS = 200


@dataclass(frozen=True)
class ClosedSet:
    """Figures of one model on the clips of one split."""

    split: str
    accuracy: Interval  # over all words
    covered: (
        Interval | None
    )  # over the words with `COVERED_CLIPS` or more training clips, where they are known
    covered_words: int
    balanced_accuracy: float
    calibration_error: float  # ECE over all words, any answer possible
    refused: float  # share of the clips whose likeliest label is no word
    words: tuple[WordFigures, ...]

    def figures(self) -> tuple[Figure, ...]:
        """The figures as they stand on a card."""
        named = [("accuracy, all words", self.accuracy)]
        if self.covered is not None:
            named.append((f"accuracy, {self.covered_words} covered words", self.covered))
        return tuple(
            Figure(name, round(of.value, 5), self.split, of.clips, round(of.low, 5), round(of.high, 5))
            for name, of in named
        )


def judge(
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    speakers: Sequence[str],
    *,
    split: str,
    words: Sequence[str],
    training_clips: Sequence[int] = (),
    temperature: float = 1.0,
) -> ClosedSet:
    """Judge scores of clips against their words.

    Args:
        logits: `(clips, labels)`.
        labels: `(clips,)`, the right label of each clip.
        speakers: `(clips,)`, who spoke each; the intervals are a bootstrap over them.
        split: name of the split, for the reader.
        words: the labels' names.
        training_clips: how many training clips each label had, where known.
        temperature: of the model's confidences.

    """
    enough = np.array(
        [
            count >= COVERED_CLIPS and not is_rejection(word)
            for word, count in zip(words, training_clips, strict=False)
        ],
        dtype=bool,
    )
    chosen = enough[labels] if len(enough) else np.zeros(len(labels), bool)
    who, closed = np.asarray(speakers), among_words(logits, words)
    return ClosedSet(
        split=split,
        accuracy=metrics.accuracy_interval(closed, labels, who),
        covered=metrics.accuracy_interval(closed[chosen], labels[chosen], who[chosen])
        if chosen.any()
        else None,
        covered_words=int(enough.sum()),
        balanced_accuracy=metrics.balanced_accuracy(closed, labels),
        calibration_error=metrics.expected_calibration_error(metrics.softmax(logits, temperature), labels),
        refused=float(refuses(logits, words).mean()),
        words=metrics.per_word(closed, labels, words),
    )


def among_words(logits: NDArray[np.float32], labels: Sequence[str]) -> NDArray[np.float32]:
    """Logits `(N, L)` with the labels that are no words out of the question."""
    return np.where([is_rejection(label) for label in labels], np.float32(-np.inf), logits)


def refuses(logits: NDArray[np.float32], labels: Sequence[str]) -> NDArray[np.bool_]:
    """Whether the likeliest label is no word, `(N,)`."""
    result: NDArray[np.bool_] = np.array([is_rejection(label) for label in labels])[np.argmax(logits, axis=1)]
    return result


def score_all(score: Score, batches: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Logits `(clips, labels)` of all windows, batch by batch."""
    return np.concatenate([score(batch) for batch in batches])


def milliseconds_per_clip(score: Score, windows: NDArray[np.float32]) -> float:
    """Median time of scoring one window, alone, after a warm-up."""
    score(windows[:1])
    times = []
    for clip in windows[:TIMED_CLIPS, None]:
        started = time.perf_counter()
        score(clip)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1000
