"""Long recordings with known words at known times, made from short clips, noise and strangers' speech.

Arrays in, arrays out; everything random comes from the seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

FRAME_SECONDS = 0.02  # resolution of where speech begins and ends
_SPEECH_RANGE = 1e-3  # speech lies within 60 dB, so the threshold half way within 30 dB of the loudest frame
_FADE_SECONDS = 0.01  # at a clip's edges, against clicks
_PIECE_SECONDS = 20.0  # of one background, before the next one
_CROSSFADE_SECONDS = 0.5


@dataclass(frozen=True)
class Spoken:
    """A word and when it is said."""

    word: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class StreamRecording:
    """A recording whose words are known."""

    samples: Array
    sample_rate: int
    spoken: tuple[Spoken, ...]  # in order of time; what strangers say is not among them

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / self.sample_rate


def build_recording(
    clips: Sequence[tuple[str, Array]],
    background: Sequence[Array],
    strangers: Sequence[Array] = (),
    *,
    sample_rate: int,
    seconds: float,
    words_per_minute: float = 2.5,
    strangers_per_minute: float = 0.0,
    snr_db: float = 10.0,
    background_dbfs: float = -36.0,
    seed: int = 0,
) -> StreamRecording:
    """Scatter clips over background noise.

    Time is cut into one equal slot for each clip, so that no two overlap; the clip's place in its slot is
    random. Clips are drawn without repetition for as long as there are others.

    Args:
        clips: `(word, waveform)`, waveforms `(n,)` in [-1, 1].
        background: waveforms of noise; pieces of them, equally loud, follow one another.
        strangers: waveforms of speech in which no word may be found.
        sample_rate: of all of them, in hertz.
        seconds: length of the recording.
        words_per_minute: of the clips. 2.5 makes MLPerf Tiny's 50 words in 20 minutes.
        strangers_per_minute: of the strangers.
        snr_db: level of the spoken part of each clip over the background.
        background_dbfs: level of the background.
        seed: draws another recording of the same kind.

    Raises:
        ValueError: the clips do not fit into the time.

    """
    random = np.random.default_rng(seed)
    samples = _noise(background, round(seconds * sample_rate), sample_rate, random)
    samples *= np.float32(10 ** (background_dbfs / 20))
    words = [clips[index] for index in _draw(len(clips), round(words_per_minute * seconds / 60), random)]
    count = round(strangers_per_minute * seconds / 60)
    events: list[tuple[str | None, Array]] = [
        *words,
        *((None, strangers[index]) for index in _draw(len(strangers), count, random)),
    ]
    slot = len(samples) // max(1, len(events))
    spoken = []
    for place, index in enumerate(random.permutation(len(events))):
        word, clip = events[index]
        if len(clip) > slot:
            raise ValueError(f"a clip of {len(clip)} samples does not fit into a slot of {slot}")
        start = place * slot + int(random.integers(slot - len(clip) + 1))
        first, last = speech_part(clip, sample_rate)
        power = float(np.mean(np.square(clip[first:last]))) if last > first else 0.0
        gain = 10 ** ((background_dbfs + snr_db) / 20) / np.sqrt(power) if power else 0.0
        samples[start : start + len(clip)] += np.float32(gain) * _faded(clip, sample_rate)
        if word is not None:
            spoken.append(Spoken(word, (start + first) / sample_rate, (start + last) / sample_rate))
    return StreamRecording(np.clip(samples, -1, 1), sample_rate, tuple(spoken))


def speech_part(clip: Array, sample_rate: int) -> tuple[int, int]:
    """Where speech begins and ends in a clip `(n,)`, in samples.

    From the first to the last frame that is louder than half way, in decibels, between the quietest and the
    loudest; all of a clip that has no sound.
    """
    frame = max(1, round(FRAME_SECONDS * sample_rate))
    frames = clip[: len(clip) // frame * frame].reshape(-1, frame)
    levels = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
    if not len(levels) or not levels.max():
        return 0, len(clip)
    quietest = max(float(levels.min()), _SPEECH_RANGE * float(levels.max()))
    loud = np.flatnonzero(levels >= np.sqrt(quietest * levels.max()))
    return int(loud[0]) * frame, int(loud[-1] + 1) * frame


def _draw(available: int, count: int, random: np.random.Generator) -> list[int]:
    """`count` of `available` indices, each as often as any other, give or take once."""
    if count and not available:
        raise ValueError("there is nothing to draw from")
    drawn: list[int] = []
    while len(drawn) < count:
        drawn += random.permutation(available).tolist()
    return drawn[:count]


def _faded(clip: Array, sample_rate: int) -> Array:
    edge = np.arange(1, len(clip) + 1, dtype=np.float32) / max(1, round(_FADE_SECONDS * sample_rate))
    return clip * np.minimum(1, np.minimum(edge, edge[::-1]))


def _noise(background: Sequence[Array], length: int, sample_rate: int, random: np.random.Generator) -> Array:
    """Pieces of the backgrounds, each with power 1, blended into one another at constant power."""
    fade = round(_CROSSFADE_SECONDS * sample_rate)
    ramp = np.sin(np.linspace(0, np.pi / 2, fade, dtype=np.float32))
    result = np.zeros(length + fade, np.float32)
    start = 0
    while start < length and background:
        source = background[int(random.integers(len(background)))]
        wanted = min(round(_PIECE_SECONDS * sample_rate) + fade, len(result) - start)
        piece = np.resize(np.roll(source, -int(random.integers(len(source)))), wanted)
        level = float(np.sqrt(np.mean(np.square(piece))))
        piece = piece / np.float32(level or 1)
        edge = min(fade, wanted)
        if start:
            piece[:edge] *= ramp[:edge]
        piece[wanted - edge :] *= ramp[:edge][::-1]
        result[start : start + wanted] += piece
        start += wanted - fade if wanted > fade else wanted
    return result[:length]
