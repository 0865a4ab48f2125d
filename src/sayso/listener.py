"""A stream of samples -> the words in it, each with its time.

The listener knows no model: it is given `score`. Its windows lie on the stream's own clock, one each hop
from the first sample on, so that the sizes of the chunks it is fed never matter: any chopping of a stream
gives the detections of the whole. Memory does not grow, however long it listens.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sayso.decision import Decider, Decision, ListenerSettings
from sayso.errors import SettingsError

__all__ = ["Detection", "Listener", "ListenerSettings"]

Array = NDArray[np.float32]

_BATCH_HOPS = 32  # windows scored at once, at most, when much sound comes at once
_FLOOR = 1e-5  # level taken for digital silence: -100 dB


@dataclass(frozen=True)
class Detection:
    """A word that was heard, and the stretch of the stream in which it was heard, to about one hop."""

    word: str
    confidence: float  # probability, averaged over the last windows
    start_s: float  # seconds from the stream's first sample
    end_s: float
    accepted: bool = True  # false only with the setting `unsure`: what speech without a word resembled most


class Listener:
    """Finds words in a stream of any length."""

    def __init__(
        self,
        score: Callable[[Array], NDArray[np.floating]],
        labels: Sequence[str],
        *,
        sample_rate: int,
        window_samples: int,
        settings: ListenerSettings | None = None,
    ) -> None:
        """Start at the beginning of a stream.

        Args:
            score: turns windows `(B, window_samples)` into probabilities `(B, L)`, each row by itself.
            labels: the L labels.
            sample_rate: of the samples fed, in hertz.
            window_samples: length of a window.
            settings: how eagerly words are reported.

        Raises:
            SettingsError: the settings do not fit the labels or the window.

        """
        self.settings = settings or ListenerSettings()
        self.labels = tuple(labels)
        self.sample_rate = sample_rate
        self._score = score
        self._window = window_samples
        self._hop = round(self.settings.hop_seconds * sample_rate)
        if not 1 <= self._hop <= window_samples:
            raise SettingsError("The hop must be at least one sample and no longer than the window.")
        self._gate = 10 ** (self.settings.gate_dbfs / 20)  # as an amplitude
        self._contrast = 10 ** (self.settings.contrast_db / 20)
        self._frames = -(-window_samples // self._hop)  # hops that touch a window
        self._edge = round(self.settings.edge_seconds / self.settings.hop_seconds)
        self._restart()

    def feed(self, samples: Array) -> list[Detection]:
        """Listen to what came next.

        Args:
            samples: `(n,)` float32 in [-1, 1], any n.

        Returns:
            the words decided for meanwhile, in the order of their decision.

        """
        detections = []
        while len(samples):
            free = len(self._buffer) - self._filled
            taken, samples = samples[:free], samples[free:]
            self._buffer[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            if self._filled >= self._window:
                detections += self._advance()
        return detections

    def finish(self) -> list[Detection]:
        """End the stream as if half a window of silence followed; the next feed begins a new stream."""
        detections = self.feed(np.zeros(self._window // 2 + self._hop, np.float32))
        self._restart()
        return detections

    def _restart(self) -> None:
        # The stream is taken to begin in silence, so that the first window ends with the first hop.
        self._buffer = np.zeros(self._window + (_BATCH_HOPS - 1) * self._hop, np.float32)
        self._filled = self._window - self._hop
        self._clock = 0  # samples before the end of the latest window
        self._levels = np.zeros(self._frames - 1 + self.settings.smoothing_hops)  # of the latest hops
        self._decider = Decider(self.labels, self.settings)

    def _advance(self) -> list[Detection]:
        """Score all windows that are complete, and drop what no later window needs."""
        count = (self._filled - self._window) // self._hop + 1
        windows = sliding_window_view(self._buffer[: self._filled], self._window)[:: self._hop]  # (count, T)
        latest = self._buffer[self._window - self._hop :][: count * self._hop].reshape(count, self._hop)
        levels = np.concatenate([self._levels, latest.std(axis=1)])  # a constant offset is no sound
        of_windows = sliding_window_view(levels, self._frames)[-count:]  # (count, frames)
        loud = of_windows.max(axis=1)
        quiet = of_windows.min(axis=1) if self._frames > 1 else 0  # of one hop alone nothing stands out
        is_sound = (loud >= self._gate) & (loud >= self._contrast * quiet)  # not where a sample is NaN
        loudest = of_windows.argmax(axis=1)
        is_open = is_sound & (loudest >= self._edge) & (loudest < self._frames - self._edge)
        scores = iter(self._score(windows[is_open]) if is_open.any() else ())
        detections = []
        for index in range(count):
            self._clock += self._hop
            decision = self._decider.step(next(scores) if is_open[index] else None)
            if decision:
                until = len(levels) - count + index + 1 - decision.hops_ago
                detections.append(self._locate(decision, levels[until - self._frames : until]))
        self._levels = levels[count:]
        self._filled -= count * self._hop
        self._buffer[: self._filled] = self._buffer[count * self._hop :][: self._filled]
        return detections

    def _locate(self, decision: Decision, levels: NDArray[np.floating]) -> Detection:
        """Find the word in the window that is surest of it: the hops about the loudest one.

        Args:
            decision: says which window.
            levels: `(frames,)` of the hops that touch the window.

        """
        levels = np.maximum(levels, _FLOOR)
        loudest = int(levels.argmax())
        is_quiet = levels < math.sqrt(levels.min() * levels.max())  # half way, in decibels
        first, last = loudest, loudest
        while first > 0 and not is_quiet[first - 1]:
            first -= 1
        while last < len(levels) - 1 and not is_quiet[last + 1]:
            last += 1
        window_end = self._clock - decision.hops_ago * self._hop
        start = window_end - (len(levels) - first) * self._hop
        end = window_end - (len(levels) - 1 - last) * self._hop
        return Detection(
            self.labels[decision.label],
            decision.confidence,
            max(start, window_end - self._window, 0) / self.sample_rate,
            end / self.sample_rate,
            decision.accepted,
        )
