"""Recordings to teach from: the word found in each, what is wrong with it, how else it might have sounded.

`static/teaching.js` finds and varies recordings by the same arithmetic.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sayso import audio
from sayso.errors import AudioError, AudioTooLong

MAX_SECONDS = 60.0  # of one recording

Samples = NDArray[np.float32]

_FRAME_SECONDS = 0.02
_QUIET_DB = 35.0  # what lies so far below the loudest frame is not the word
_GAP_SECONDS = 0.25  # a longer pause ends a word
_WORD_SECONDS = 1.2  # a longer stretch is no single command
_FAINT_PEAK = 0.003  # -50 dB of full scale
_CLIPPED = 0.998  # of full scale
_CLIPPED_SHARE = 0.005  # of a recording's samples

# How else a recording might have sounded: (shift in ms, gain in dB, signal-to-noise ratio in dB or none).
VARIANTS: tuple[tuple[int, int, int | None], ...] = (
    (0, 0, None),
    (-80, -12, 20),
    (80, 6, 20),
    (-40, 6, 10),
    (40, -12, 10),
)


@dataclass(frozen=True)
class Recording:
    """One recording of a word, read.

    Attributes:
        name: what to call it when there is something to say of it.
        places: windows `(T,)` in which the word may be, the loudest first.
        remarks: what is wrong with it, as ends of a sentence that starts with its name.

    """

    name: str
    places: tuple[Samples, ...]
    remarks: tuple[str, ...] = ()


def read(source: audio.Source, name: str, sample_rate: int, window: int) -> Recording:
    """Read a recording and find where in it something is said.

    Args:
        source: see `audio.decode`.
        name: what to call it.
        sample_rate: of the model, in hertz.
        window: length of the model's window in samples.

    Raises:
        AudioError: the recording cannot be heard, or is longer than `MAX_SECONDS`, or silent; the message
            names it.

    """
    try:
        samples = audio.decode(source, sample_rate, max_seconds=MAX_SECONDS)
    except AudioTooLong as error:
        raise AudioTooLong(
            f"{name} is longer than {MAX_SECONDS:g} seconds: cut out the word and leave the rest."
        ) from error
    except AudioError as error:
        raise type(error)(f"{name}: {error}") from error
    if float(np.abs(samples).max()) < _FAINT_PEAK:
        raise AudioError(f"{name} is all but silent: record it again, louder or closer.")
    remarks = []
    if (np.abs(samples) >= _CLIPPED).mean() > _CLIPPED_SHARE:
        remarks.append("is clipped: record it again, further from the microphone or with less gain")
    spans = loud_spans(samples, sample_rate)
    if spans[0][1] - spans[0][0] > _WORD_SECONDS * sample_rate:
        remarks.append("goes on for too long for a command: only its loudest second is used")
    places = tuple(place(samples, start, end, window) for start, end in spans[:3])
    return Recording(name, places, tuple(remarks))


def loud_spans(samples: Samples, sample_rate: int) -> list[tuple[int, int]]:
    """Where something is said: start and end in samples, the stretch with most energy first.

    Loud is a frame within 35 dB of the loudest, and well above the quietest tenth; a pause of a quarter of a
    second parts two stretches.
    """
    frame = round(_FRAME_SECONDS * sample_rate)
    count = max(1, len(samples) // frame)
    framed = np.resize(samples, count * frame) if len(samples) < frame else samples[: count * frame]
    energy = np.square(framed.astype(np.float64)).reshape(count, frame).mean(axis=1) + 1e-12
    highest, floor = float(energy.max()), float(np.sort(energy)[count // 10])
    least = max(highest * 10 ** (-_QUIET_DB / 10), min(4 * floor, highest / 4))
    loud = np.flatnonzero(energy >= least)
    pauses = np.flatnonzero(np.diff(loud) > _GAP_SECONDS / _FRAME_SECONDS) + 1
    groups = np.split(loud, pauses)
    groups.sort(key=lambda group: -float(energy[group].sum()))
    return [(int(group[0]) * frame, (int(group[-1]) + 1) * frame) for group in groups]


def place(samples: Samples, start: int, end: int, window: int) -> Samples:
    """Cut a window with a stretch in its middle; a longer stretch gives its loudest part."""
    if len(samples) <= window:
        return audio.fit_window(samples, window)
    if end - start > window:
        return audio.fit_window(samples[start:end], window)
    first = min(max((start + end - window) // 2, 0), len(samples) - window)
    return samples[first : first + window]


def vary(samples: Samples, sample_rate: int) -> Samples:
    """How else a window `(T,)` might have sounded: `(VARIANTS, T)`, itself first."""
    noise = _noise(len(samples))
    level = float(np.sqrt(np.square(samples.astype(np.float64)).mean()))
    result = np.zeros((len(VARIANTS), len(samples)))
    for row, (shift_ms, gain_db, snr_db) in zip(result, VARIANTS, strict=True):
        shift = shift_ms * sample_rate // 1000
        source, target = (
            slice(max(0, -shift), len(row) - max(0, shift)),
            slice(max(0, shift), len(row) + min(0, shift)),
        )
        row[target] = samples[source]
        if snr_db is not None:
            row += noise * (level * 10 ** (-snr_db / 20))
        row *= 10 ** (gain_db / 20)
    return result.clip(-1, 1).astype(np.float32)


def _noise(length: int) -> NDArray[np.float64]:
    """White noise of power one, the same everywhere: each sample is a hash of its number."""
    mixed = np.arange(length, dtype=np.uint32)  # arithmetic modulo 2^32
    for factor, shift in ((0x9E3779B1, 16), (0x85EBCA6B, 13), (0xC2B2AE35, 16)):
        mixed *= np.uint32(factor)
        mixed ^= mixed >> np.uint32(shift)
    result: NDArray[np.float64] = (mixed / 2**31 - 1) * np.sqrt(3)
    return result
