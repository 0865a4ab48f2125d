"""How a model listens: an hour of words in noise, an hour of strangers, and a single wake word.

Each recording is scored once; thresholds, which change nothing of what is asked, are then varied at no cost.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sayso.card import ModelCard
from sayso.evaluation import streaming
from sayso.evaluation.stream_recordings import StreamRecording, build_recording
from sayso.evaluation.streaming import Heard, Outcome, RememberedScore
from sayso.listener import Listener, ListenerSettings

Array = NDArray[np.float32]
Score = Callable[[Array], NDArray[np.floating]]

SNR_DB = 10.0
CHUNK_SECONDS = 0.1
RECORDING_S = 3600.0
WORDS_PER_MINUTE = 10.0
STRANGERS_PER_MINUTE = 10.0
WAKE_WORDS_PER_MINUTE = 2.5
WAKE_WORD = "marvin"
MISSES_ALLOWED = 0.05  # at which false alarms are compared
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)


@dataclass(frozen=True)
class Material:
    """What recordings are made of, all at the model's rate."""

    words: Sequence[tuple[str, Array]]  # clips of the model's words
    noises: Sequence[Array]
    strangers: Sequence[Array]  # speech that holds none of the words


class Recording:
    """A long recording, as one model hears it."""

    def __init__(self, recording: StreamRecording, score: Score, card: ModelCard) -> None:
        """Remember what the model answers."""
        self.recording, self._card = recording, card
        self._score = RememberedScore(score)
        # Where nothing is to be heard, nobody asks when it was heard.
        self._chunk_seconds = CHUNK_SECONDS if recording.spoken else 30 * CHUNK_SECONDS

    def hear(self, settings: ListenerSettings) -> list[Heard]:
        """What is reported. Settings may differ between calls in what does not change the windows asked."""
        self._score.rewind()
        listener = Listener(
            self._score,
            self._card.labels,
            sample_rate=self._card.sample_rate,
            window_samples=self._card.window_samples,
            settings=settings,
        )
        return streaming.run(listener, self.recording, chunk_seconds=self._chunk_seconds)

    def judge(self, settings: ListenerSettings) -> Outcome:
        """How right that is."""
        return streaming.judge(self.recording.spoken, self.hear(settings), self.recording.seconds)


def record(material: Material, score: Score, card: ModelCard, seed: int = 0) -> dict[str, Recording]:
    """The recordings of the exam, by name."""

    def build(clips: Sequence[tuple[str, Array]], seconds: float, seed: int, **often: float) -> Recording:
        recording = build_recording(
            clips, material.noises, material.strangers, sample_rate=card.sample_rate, seconds=seconds,
            snr_db=SNR_DB, seed=seed, **often
        )  # fmt: skip
        return Recording(recording, score, card)

    strangers = {"words_per_minute": 0.0, "strangers_per_minute": STRANGERS_PER_MINUTE}
    found = {
        "words": build(material.words, RECORDING_S, seed, words_per_minute=WORDS_PER_MINUTE),
        "strangers": build([], RECORDING_S, seed + 1, **strangers),
    }
    wake_words = [clip for clip in material.words if clip[0] == WAKE_WORD]
    if wake_words:
        others = [clip for clip in material.words if clip[0] != WAKE_WORD]
        seconds = 60 * len(wake_words) / WAKE_WORDS_PER_MINUTE
        found["wake words"] = build(wake_words, seconds, seed + 2, words_per_minute=WAKE_WORDS_PER_MINUTE)
        found["other words"] = build(others, RECORDING_S, seed + 3, words_per_minute=WORDS_PER_MINUTE)
    return found


def examine(recordings: dict[str, Recording], settings: ListenerSettings) -> dict[str, Any]:
    """Judge what a listener makes of the recordings.

    Args:
        recordings: see `record`.
        settings: for all words; a single one has `ListenerSettings.for_word`.

    Returns:
        plain values, ready for JSON.

    """
    words, strangers = recordings["words"], recordings["strangers"]
    report: dict[str, Any] = {
        "settings": _changed(settings),
        "snr_db": SNR_DB,
        "words": _words(words, settings),
        "strangers": _alarms(strangers, settings),
        "curve": [
            _point(words, [strangers], dataclasses.replace(settings, threshold=threshold))
            for threshold in THRESHOLDS
        ],
    }
    report["fewest_alarms"] = fewest_alarms(report["curve"])
    if "wake words" in recordings:
        wake, others = recordings["wake words"], recordings["other words"]
        settings = ListenerSettings.for_word(WAKE_WORD)
        curve = [
            _point(wake, [strangers, others], dataclasses.replace(settings, threshold=threshold))
            for threshold in THRESHOLDS
        ]
        report["wake_word"] = {
            "word": WAKE_WORD,
            "settings": _changed(settings),
            "words": _words(wake, settings),
            "strangers": _alarms(strangers, settings),
            "other_words": _alarms(others, settings),
            "curve": curve,
            "fewest_alarms": fewest_alarms(curve),
        }
    return report


def fewest_alarms(curve: Sequence[dict[str, float]]) -> dict[str, float] | None:
    """The point of a curve with the fewest false alarms where no more is missed than allowed, if any."""
    allowed = [point for point in curve if point["miss_rate"] <= MISSES_ALLOWED]
    return min(allowed, key=lambda point: point["false_alarms_per_hour"], default=None)


def share_interval(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if not of:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.975)
    share, spread = count / of, z * z / of
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / of / 4)
    return max(0.0, centre - half), min(1.0, centre + half)


def _words(recording: Recording, settings: ListenerSettings) -> dict[str, Any]:
    heard, spoken = recording.hear(settings), recording.recording.spoken
    outcome = streaming.judge(spoken, heard, recording.recording.seconds)
    low, high = share_interval(outcome.misses, outcome.spoken)
    return {
        "minutes": outcome.seconds / 60,
        "spoken": outcome.spoken,
        "missed": outcome.misses,
        "miss_rate": outcome.miss_rate,
        "miss_rate_low": low,
        "miss_rate_high": high,
        "wrong": outcome.wrong,
        "false_alarms": outcome.false_alarms,
        "false_alarms_per_hour": outcome.false_alarms_per_hour,
        "median_latency_s": outcome.median_latency,
        "tensorflow": dataclasses.asdict(streaming.judge_as_tensorflow(spoken, heard)),
    }


def _alarms(recording: Recording, settings: ListenerSettings) -> dict[str, Any]:
    outcome = recording.judge(settings)
    reports = outcome.hits + outcome.wrong + outcome.false_alarms  # none is asked for here
    return {
        "hours": outcome.seconds / 3600,
        "false_alarms": reports,
        "false_alarms_per_hour": reports / outcome.seconds * 3600,
    }


def _point(words: Recording, elsewhere: Sequence[Recording], settings: ListenerSettings) -> dict[str, float]:
    outcome = words.judge(settings)
    return {
        "threshold": settings.threshold,
        "miss_rate": outcome.miss_rate,
        "wrong": outcome.wrong,
        "false_alarms_beside_words_per_hour": outcome.false_alarms_per_hour,
        "false_alarms_per_hour": max(_alarms(one, settings)["false_alarms_per_hour"] for one in elsewhere),
    }


def _changed(settings: ListenerSettings) -> dict[str, Any]:
    return {key: value for key, value in dataclasses.asdict(settings).items() if value not in (None, {})}
