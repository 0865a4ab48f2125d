"""A recogniser, listening to a stream."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sayso.audio_stream import Resampler, mono
from sayso.card import ModelCard, is_rejection
from sayso.listener import Detection, Listener, ListenerSettings

WELL_KNOWN_CLIPS = 300  # of one word, or more: no model that was merely taught
TAUGHT_THRESHOLD = 0.5  # the least for a model that was taught


class Scores(Protocol):
    """What listening asks of a recogniser; `sayso.Recognizer` is one."""

    @property
    def card(self) -> ModelCard:
        """The model's card."""

    def probabilities(self, windows: NDArray[np.float32], /) -> NDArray[np.float32]:
        """Calibrated probabilities `(B, labels)` of windows `(B, samples)`."""


def settings_for(card: ModelCard, words: Sequence[str] | None = None) -> ListenerSettings:
    """The settings that suit a model, reporting these words of its, or all.

    The settings' own defaults were chosen with a network that had met its words hundreds of times. One that
    was taught from a few recordings is never so sure that some word was said; its own threshold says enough.
    """
    if words is not None and len(words) == 1:
        return ListenerSettings.for_word(*words)
    wanted = None if words is None else tuple(words)
    known = [
        count
        for label, count in zip(card.labels, card.training_clips, strict=False)
        if not is_rejection(label)
    ]
    if max(known, default=WELL_KNOWN_CLIPS) >= WELL_KNOWN_CLIPS:
        return ListenerSettings(words=wanted)
    threshold = max(TAUGHT_THRESHOLD, min(card.calibration.threshold, 1.0))
    return ListenerSettings(words=wanted, presence_threshold=0.0, threshold=threshold)


class Hearing:
    """A recogniser that listens to one stream, fed chunk by chunk."""

    def __init__(
        self,
        recognizer: Scores,
        *,
        sample_rate: int | None = None,
        settings: ListenerSettings | None = None,
    ) -> None:
        """Start at the beginning of a stream.

        Args:
            recognizer: who listens.
            sample_rate: of the chunks, in hertz; the recogniser's own where left out.
            settings: how eagerly words are reported.

        Raises:
            SettingsError: the settings do not fit the model.

        """
        card = recognizer.card
        self._own_rate = card.sample_rate
        self._rate = self._own_rate if sample_rate is None else sample_rate
        self._listener = Listener(
            recognizer.probabilities,
            card.labels,
            sample_rate=card.sample_rate,
            window_samples=card.window_samples,
            settings=settings or settings_for(card),
        )
        self._resampler: Resampler | None = None

    def feed(self, chunk: NDArray[Any]) -> Sequence[Detection]:
        """Listen to what came next: `(n,)` or `(n, channels)`, of any type that `recognize` takes.

        Raises:
            AudioOutOfBounds: a sample rate, channels or values that no microphone gives.

        """
        if not len(chunk):
            return []
        samples = mono(chunk, self._rate)  # refuses a rate that cannot be, before a resampler is made for it
        self._resampler = self._resampler or Resampler(self._rate, self._own_rate)
        return self._listener.feed(self._resampler.feed(samples))

    def finish(self) -> Sequence[Detection]:
        """End the stream; nothing may be fed after."""
        rest = self._listener.feed(self._resampler.finish()) if self._resampler else []
        return [*rest, *self._listener.finish()]


def listen(
    recognizer: Scores,
    chunks: Iterable[NDArray[Any]],
    *,
    sample_rate: int | None = None,
    settings: ListenerSettings | None = None,
) -> Iterator[Detection]:
    """Find the words in a stream, as it comes.

    Args:
        recognizer: who listens.
        chunks: arrays `(n,)` or `(n, channels)`, any n, of any type that `recognize` takes; endless ones too.
        sample_rate: of the chunks, in hertz; the recogniser's own where left out.
        settings: how eagerly words are reported.

    Yields:
        each word, as soon as it is decided.

    Raises:
        AudioOutOfBounds: a sample rate, channels or values that no microphone gives.
        SettingsError: the settings do not fit the model.

    """
    hearing = Hearing(recognizer, sample_rate=sample_rate, settings=settings)
    for chunk in chunks:
        yield from hearing.feed(chunk)
    yield from hearing.finish()
