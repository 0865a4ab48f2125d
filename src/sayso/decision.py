"""From a probability for each label at each hop to: now a word was said.

Pure arithmetic on score sequences, without sound, so that other languages can follow it line by line.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sayso.card import SILENCE, is_rejection
from sayso.errors import SettingsError

_ROUNDING = 1e-6  # of a sum of probabilities, so that a presence of 1 can be reached
_SPEECH = 0.9  # averaged probability of anything but silence from which somebody speaks
_PAUSE_SECONDS = 0.6  # of silence: who spoke has ended; shorter, a word is said in two parts


@dataclass(frozen=True)
class ListenerSettings:
    """How eagerly a listener reports words. The defaults are chosen by `benchmarks/listening.py`.

    Raises:
        SettingsError: a value outside its range.

    """

    # Step between two windows. Shorter: a little sooner, and as many times more work.
    hop_seconds: float = 0.1
    # Stretch over which probabilities are averaged. Longer: fewer false alarms, later detections.
    smoothing_seconds: float = 0.3
    # The words to report; None for all. Others are still recognised, so that they are not taken for these.
    words: Sequence[str] | None = None
    # Averaged probability from which a word counts as said. Higher: fewer wrong words, more misses.
    threshold: float = 0.5
    # Thresholds of single words, in place of `threshold`: higher for a word that is often heard wrongly.
    word_thresholds: Mapping[str, float] = field(default_factory=dict)
    # Averaged probability of all the model's words together from which one of them may be reported; the rest
    # is silence, unknown speech and windows that were not scored. Higher: fewer false alarms from noise and
    # from other speech, more misses. 0: off.
    presence_threshold: float = 0.85
    # A word is reported again only after its average lay below this share of its threshold, for so long.
    # Lower or longer: a word that is drawn out is not reported twice; but nor is one repeated at once.
    release_ratio: float = 0.5
    release_seconds: float = 0.3
    # After a word, none is reported for this long. Longer: fewer echoes of one word, fewer rapid commands.
    suppression_seconds: float = 0.5
    # Of the windows averaged, how many the word must lead. Higher: clicks and bangs pass less often.
    minimum_count: int = 2
    # Windows that are nowhere louder than this (level of a hop; full scale is 0 dB) are taken for silence and
    # not scored. Higher: less work, fewer false alarms in quiet rooms; too high: quiet speech is lost.
    # -inf: score everything.
    gate_dbfs: float = -60.0
    # Nor are windows scored whose loudest hop is less than so much louder than their quietest one: a fan,
    # rain, hiss. Higher: less work in noise; too high: words that noise nearly drowns are lost. 0: off.
    contrast_db: float = 3.0
    # A window is scored only if its loudest hop lies at least so far from its ends, as in the recordings that
    # models learn from: of a word that is but half in the window, another one is often heard. Longer: fewer
    # wrong words; too long: fewer windows for each word, and words beside louder sounds are lost. 0: off.
    edge_seconds: float = 0.2
    # Also report speech that has ended without one of the model's words in it, as a decision that is not
    # `accepted`: for those who want to say "not sure" rather than nothing.
    unsure: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.hop_seconds <= 10:
            raise SettingsError("The hop must be longer than 0 and at most 10 seconds.")
        if not 0 <= self.smoothing_seconds <= 60:
            raise SettingsError("Smoothing must last 0 to 60 seconds.")
        if not all(
            0 <= seconds < math.inf
            for seconds in (self.suppression_seconds, self.release_seconds, self.edge_seconds)
        ):
            raise SettingsError("Suppression, release and edge must not be negative.")
        if not all(0 < level <= 1 for level in (self.threshold, *self.word_thresholds.values())):
            raise SettingsError("Thresholds must lie above 0 and at most at 1.")
        if not 0 <= self.presence_threshold <= 1:
            raise SettingsError("The presence threshold must lie from 0 to 1.")
        if self.words is not None and (isinstance(self.words, str) or not self.words):
            raise SettingsError("The words to report must be a list of one or more, or None for all.")
        if not 0 < self.release_ratio <= 1:
            raise SettingsError("The release ratio must lie above 0 and at most at 1.")
        if not 1 <= self.minimum_count <= self.smoothing_hops:
            raise SettingsError(
                f"The minimum count must be 1 to {self.smoothing_hops}, the windows that are averaged."
            )
        if math.isnan(self.gate_dbfs):
            raise SettingsError("The gate must be a level in dB.")
        if not 0 <= self.contrast_db < math.inf:
            raise SettingsError("The contrast must be 0 dB or more.")

    @classmethod
    def for_word(cls, word: str) -> Self:
        """Settings for waiting for one word alone.

        The model's other words are strangers then, so how probable the one is says enough.
        """
        return cls(words=(word,), presence_threshold=0.0)

    @property
    def smoothing_hops(self) -> int:
        """How many windows are averaged."""
        return max(1, round(self.smoothing_seconds / self.hop_seconds))

    @property
    def release_hops(self) -> int:
        """For how many hops a word must be low before it is reported again."""
        return max(1, round(self.release_seconds / self.hop_seconds))

    @property
    def suppression_hops(self) -> int:
        """At least so many hops lie between two detections."""
        return max(1, math.ceil(self.suppression_seconds / self.hop_seconds - 1e-6))


@dataclass(frozen=True)
class Decision:
    """A word, decided at some hop."""

    label: int
    confidence: float  # the averaged probability
    hops_ago: int  # the window, of those averaged, in which the word was surest; 0 is the latest
    accepted: bool = True  # if not, it is only what speech without a word in it resembled most; any label


class Decider:
    """Decides at each hop whether a word was said; remembers as much as it averages."""

    def __init__(self, labels: Sequence[str], settings: ListenerSettings) -> None:
        """Start in silence.

        Args:
            labels: the L labels; those of silence and of unknown speech are never decided for.
            settings: see there.

        Raises:
            SettingsError: a word to report, or one with a threshold, that the model lacks.

        """
        self._is_word = np.array([not is_rejection(label) for label in labels])  # (L,)
        known = [label for label in labels if not is_rejection(label)]
        lacking = sorted({*settings.word_thresholds, *(settings.words or ())} - set(known))
        if lacking:
            raise SettingsError(
                f"The model does not know {', '.join(lacking)}: choose from {', '.join(known)}."
            )
        self._is_wanted = [label in known and label in (settings.words or known) for label in labels]
        levels = [settings.word_thresholds.get(label, settings.threshold) for label in labels]
        self._thresholds = np.array(levels)  # (L,)
        self._release = self._thresholds * settings.release_ratio
        self._settings = settings
        self._history = np.zeros((settings.smoothing_hops, len(labels)))  # oldest first
        self._armed = np.ones(len(labels), np.bool_)
        self._low_hops = np.zeros(len(labels), np.int64)  # for how many hops each average is low by now
        self._pause_hops = max(1, round(_PAUSE_SECONDS / settings.hop_seconds))
        self._silent_hops = (
            settings.smoothing_hops + settings.release_hops + self._pause_hops
        )  # since one was scored
        self._hops = settings.suppression_hops  # since the last decision
        self._is_speech = np.array([label != SILENCE for label in labels])  # (L,)
        self._quiet_hops = self._pause_hops  # since somebody spoke
        self._resembled: Decision | None = None  # what is being said, as long as no word was sure

    def step(self, probabilities: NDArray[np.floating] | None) -> Decision | None:
        """Go one hop on.

        Args:
            probabilities: `(L,)` of this hop's window; None stands for silence.

        """
        self._hops += 1
        self._silent_hops = 0 if probabilities is not None else self._silent_hops + 1
        if self._silent_hops > len(self._history) + max(self._settings.release_hops, self._pause_hops):
            return None  # nothing is left to average, to decide or to forget
        self._history[:-1] = self._history[1:]
        self._history[-1] = 0 if probabilities is None else probabilities
        smoothed = self._history.mean(axis=0)
        self._low_hops = np.where(smoothed < self._release, self._low_hops + 1, 0)
        self._armed |= self._low_hops >= self._settings.release_hops
        best = int(smoothed.argmax())
        is_sure = bool(
            self._is_word[best]
            and smoothed[best] >= self._thresholds[best]
            and smoothed[self._is_word].sum() >= self._settings.presence_threshold - _ROUNDING
            and self._lead(best) >= self._settings.minimum_count
        )
        unsure = self._follow(smoothed, is_sure) if self._settings.unsure else None
        is_free = self._hops >= self._settings.suppression_hops
        if not (is_sure and is_free and self._armed[best] and self._is_wanted[best]):
            return unsure if is_free else None
        self._armed[best] = False
        self._hops = 0
        latest_first = self._history[::-1, best]
        return Decision(best, float(smoothed[best]), int(latest_first.argmax()))

    def _follow(self, smoothed: NDArray[np.floating], is_sure: bool) -> Decision | None:
        """Follow what is said from pause to pause; once over, and if no word was sure: what it resembled."""
        speech = np.where(self._is_speech, smoothed, 0.0)
        if speech.sum() < _SPEECH:
            self._quiet_hops += 1
            if self._quiet_hops != self._pause_hops:
                return None
            ended, self._resembled = self._resembled, None
            return ended
        label = int(speech.argmax())
        heard = Decision(label, float(speech[label]), len(self._history) - 1, accepted=False)
        if is_sure:
            self._resembled = None
        elif self._quiet_hops >= self._pause_hops or (
            self._resembled is not None and heard.confidence > self._resembled.confidence
        ):
            self._resembled = heard
        self._quiet_hops = 0
        return None

    def _lead(self, label: int) -> int:
        """In how many of the averaged windows a label is the most probable; silence has no leader."""
        leads = (self._history.argmax(axis=1) == label) & (self._history[:, label] > 0)
        return int(np.count_nonzero(leads))
