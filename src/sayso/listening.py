"""A recogniser, listening to a stream."""

from collections.abc import Iterable, Iterator
from typing import Any

from numpy.typing import NDArray

from sayso.audio_stream import Resampler, mono
from sayso.listener import Detection, Listener, ListenerSettings
from sayso.recognizer import Recognizer


def listen(
    recognizer: Recognizer,
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
    card = recognizer.card
    rate = card.sample_rate if sample_rate is None else sample_rate
    listener = Listener(
        recognizer.probabilities,
        card.labels,
        sample_rate=card.sample_rate,
        window_samples=card.window_samples,
        settings=settings,
    )
    resampler: Resampler | None = None
    for chunk in chunks:
        samples = mono(chunk, rate)  # refuses a rate that cannot be, before a resampler is made for it
        resampler = resampler or Resampler(rate, card.sample_rate)
        yield from listener.feed(resampler.feed(samples))
    if resampler:
        yield from listener.feed(resampler.finish())
    yield from listener.finish()
