"""How well words are found in a long recording: hits, misses, wrong words, false alarms, latency.

Judges any listener. Beside our own count stands TensorFlow's (`test_streaming_accuracy`), for comparison.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sayso.evaluation.stream_recordings import Spoken, StreamRecording

Array = NDArray[np.float32]

TENSORFLOW_TOLERANCE_SECONDS = 1.5


class Hears(Protocol):
    """What a listener reports: at least the word."""

    @property
    def word(self) -> str:
        """Text."""


class StreamListener(Protocol):
    """Anything that listens to a stream."""

    def feed(self, samples: Array, /) -> Sequence[Hears]:
        """Listen to the next samples."""

    def finish(self) -> Sequence[Hears]:
        """End the stream."""


@dataclass(frozen=True)
class Heard:
    """A word and the moment it was reported: the end of the sound that had been fed by then."""

    word: str
    at_s: float


@dataclass(frozen=True)
class Outcome:
    """What a listener found in recordings with known words."""

    seconds: float
    spoken: int
    hits: int  # words reported rightly while or soon after they are said
    wrong: int  # another word reported in their place
    false_alarms: int  # words reported where none is said, or reported again
    latencies: tuple[
        float, ...
    ] = ()  # of the hits: seconds from the word's end; negative where it was sooner

    @property
    def misses(self) -> int:
        """Words not reported, or only wrongly."""
        return self.spoken - self.hits

    @property
    def miss_rate(self) -> float:
        """Share of the words."""
        return self.misses / self.spoken if self.spoken else 0.0

    @property
    def false_alarms_per_hour(self) -> float:
        """Wrong words not included."""
        return self.false_alarms / self.seconds * 3600 if self.seconds else 0.0

    @property
    def median_latency(self) -> float | None:
        """In seconds; None without hits."""
        return statistics.median(self.latencies) if self.latencies else None

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.seconds + other.seconds,
            self.spoken + other.spoken,
            self.hits + other.hits,
            self.wrong + other.wrong,
            self.false_alarms + other.false_alarms,
            self.latencies + other.latencies,
        )


@dataclass(frozen=True)
class TensorFlowOutcome:
    """Counts by TensorFlow's streaming protocol."""

    spoken: int
    correct: int
    wrong: int
    false_positives: int


@dataclass(frozen=True)
class CurvePoint:
    """One threshold and what it costs."""

    threshold: float
    miss_rate: float
    false_alarms_per_hour: float


def run(listener: StreamListener, recording: StreamRecording, *, chunk_seconds: float = 0.1) -> list[Heard]:
    """Play a recording to a listener, chunk by chunk, as a microphone would."""
    size = max(1, round(chunk_seconds * recording.sample_rate))
    heard = []
    for start in range(0, len(recording.samples), size):
        chunk = recording.samples[start : start + size]
        at_s = (start + len(chunk)) / recording.sample_rate
        heard += [Heard(found.word, at_s) for found in listener.feed(chunk)]
    return heard + [Heard(found.word, recording.seconds) for found in listener.finish()]


def judge(
    spoken: Sequence[Spoken], heard: Iterable[Heard], seconds: float, *, tolerance_seconds: float = 1.0
) -> Outcome:
    """Count.

    Args:
        spoken: what was said, in order of time.
        heard: what was reported, in order of time.
        seconds: length of the recording.
        tolerance_seconds: a report belongs to a word from the word's start until so long after its end; of
            several words to one that it names and that is not yet found, or else to the latest.

    """
    found: set[int] = set()
    wrong = false_alarms = 0
    latencies = []
    for report in heard:
        near = [
            index
            for index, word in enumerate(spoken)
            if word.start_s <= report.at_s <= word.end_s + tolerance_seconds
        ]
        named = [index for index in near if spoken[index].word == report.word]
        new = [index for index in named if index not in found]
        if new:
            found.add(new[0])
            latencies.append(report.at_s - spoken[new[0]].end_s)
        elif near and not named:
            wrong += 1
        else:
            false_alarms += 1
    return Outcome(seconds, len(spoken), len(found), wrong, false_alarms, tuple(latencies))


def judge_as_tensorflow(
    spoken: Sequence[Spoken],
    heard: Iterable[Heard],
    *,
    tolerance_seconds: float = TENSORFLOW_TOLERANCE_SECONDS,
) -> TensorFlowOutcome:
    """Count as TensorFlow's `test_streaming_accuracy` does.

    Each report is held against the first word whose start is within the tolerance, and no other: it is
    correct if it names that word, for the first time, and wrong otherwise. Without such a word it is a false
    positive.
    """
    matched: set[int] = set()
    correct = wrong = false_positives = 0
    for report in heard:
        near = [
            index for index, word in enumerate(spoken) if abs(word.start_s - report.at_s) <= tolerance_seconds
        ]
        if not near:
            false_positives += 1
            continue
        if spoken[near[0]].word == report.word and near[0] not in matched:
            correct += 1
        else:
            wrong += 1
        matched.add(near[0])
    return TensorFlowOutcome(len(spoken), correct, wrong, false_positives)


def curve(outcome_at: Callable[[float], Outcome], thresholds: Iterable[float]) -> list[CurvePoint]:
    """Misses against false alarms, over the threshold."""
    points = []
    for threshold in thresholds:
        outcome = outcome_at(threshold)
        points.append(CurvePoint(threshold, outcome.miss_rate, outcome.false_alarms_per_hour))
    return points


class RememberedScore:
    """A score that is computed once: later runs over the same windows get the same answers at no cost.

    Thresholds and smoothing do not change which windows a listener asks about; the hop and the gate do.
    """

    def __init__(self, score: Callable[[Array], NDArray[np.floating]]) -> None:
        """Remember what a score answers."""
        self._score = score
        self._answers: list[NDArray[np.floating]] = []
        self._next = 0

    def __call__(self, windows: Array) -> NDArray[np.floating]:
        """Answer for windows `(B, T)`."""
        if self._next == len(self._answers):
            self._answers.append(self._score(windows))
        answer = self._answers[self._next]
        if len(answer) != len(windows):
            raise ValueError("these are not the windows that were asked about before")
        self._next += 1
        return answer

    def rewind(self) -> None:
        """Begin another run over the same windows."""
        self._next = 0
