"""Kinds of noise that no training of ours uses, made by rules: music, clatter and an engine.

Each gives noise `(count,)` float32 at 16 kHz of standard deviation 1, the same for the same seed. They are
for judging alone: a model that holds its own in them has learnt to hear through noise, not to know the noises
it was trained with.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sayso.evaluation.distortions import SAMPLE_RATE, Waveforms

_LOWEST_NOTE_HZ = 110.0  # A2
_NOTES = 24  # two octaves
_CHORDS = ((0, 4, 7), (0, 3, 7), (0, 5, 9), (0, 4, 10))  # major, minor, inverted major, seventh; semitones
_CHORD_SECONDS = (0.2, 0.5)
_PARTIALS = np.arange(1.0, 7.0)
_HITS_PER_SECOND = 12.0
_MODES = 5  # tones a struck thing rings with
_LEAST_HITS = 3
_RECORDING_SECONDS = 30


def chords(count: int, random: np.random.Generator) -> Waveforms:
    """Plucked chords, one after another, as a piano in the next room."""
    result = np.zeros(count)
    # The music was there before: it is cut out of a piece that begins a second earlier.
    start = -SAMPLE_RATE
    while start < count:
        length = round(random.uniform(*_CHORD_SECONDS) * SAMPLE_RATE)
        root = random.integers(_NOTES)
        for semitones in _CHORDS[random.integers(len(_CHORDS))]:
            hertz = _LOWEST_NOTE_HZ * 2 ** ((root + semitones) / 12) * _PARTIALS
            _add(result, start, _ring(hertz, 1 / _PARTIALS, 0.25 / _PARTIALS**0.5, random))
        start += length
    return _unit(result)


def clatter(count: int, random: np.random.Generator) -> Waveforms:
    """Things that strike one another: impacts at random times, each ringing with tones of its own."""
    result = np.zeros(count)
    hits = max(_LEAST_HITS, int(random.poisson(_HITS_PER_SECOND * count / SAMPLE_RATE)))
    for place in random.integers(count, size=hits):
        hertz = np.exp(random.uniform(np.log(600), np.log(7_000), _MODES))
        struck = _ring(hertz, random.uniform(0.2, 1, _MODES), random.uniform(0.01, 0.08, _MODES), random)
        struck[:80] += random.standard_normal(80) * np.linspace(1, 0, 80)  # 5 ms of the blow itself
        _add(result, int(place), struck * 10 ** (random.uniform(-15, 0) / 20))
    return _unit(result)


def engine(count: int, random: np.random.Generator) -> Waveforms:
    """An engine that turns unevenly: many partials of a low note, and a rumble that beats with them."""
    time = np.arange(count) / SAMPLE_RATE
    wander = 1 + 0.05 * np.sin(2 * np.pi * (random.uniform(0.3, 1.5) * time + random.uniform()))
    phase = 2 * np.pi * np.cumsum(random.uniform(25, 60) * wander) / SAMPLE_RATE
    partials = np.arange(1, 40)
    loud = random.uniform(0.3, 1, len(partials)) / partials**0.7
    shift = random.uniform(0, 2 * np.pi, len(partials))
    tones = np.zeros(count)
    for partial, level, first in zip(partials, loud, shift, strict=True):
        tones += level * np.sin(partial * phase + first)
    hertz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    rumble = np.fft.irfft(np.fft.rfft(random.standard_normal(count)) / (1 + (hertz / 300) ** 2), count)
    rumble *= (1 + 0.7 * np.sin(phase)) * tones.std() / rumble.std() * 0.7
    return _unit(tones + rumble)


KINDS = {"chords": chords, "clatter": clatter, "engine": engine}


@cache
def recording(kind: str) -> Waveforms:
    """Half a minute of a kind of noise `(N,)`, always the same."""
    return KINDS[kind](_RECORDING_SECONDS * SAMPLE_RATE, np.random.default_rng(0))


def _ring(
    hertz: NDArray[np.floating[Any]],
    loud: NDArray[np.floating[Any]],
    seconds: NDArray[np.floating[Any]],
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Tones `(N,)` below 8 kHz that begin at once and fall to a thousandth in seven times their `seconds`."""
    time = np.arange(round(7 * seconds.max() * SAMPLE_RATE)) / SAMPLE_RATE
    kept = hertz < SAMPLE_RATE / 2
    phases = random.uniform(0, 2 * np.pi, len(hertz))[kept, None]
    tones = loud[kept, None] * np.sin(2 * np.pi * hertz[kept, None] * time + phases)
    result: NDArray[np.float64] = (tones * np.exp(-time / seconds[kept, None])).sum(0)
    return result


def _add(result: NDArray[np.float64], start: int, sound: NDArray[np.float64]) -> None:
    """Add a sound that starts at a sample, which may lie before the result."""
    sound = sound[max(0, -start) :]
    start = max(0, start)
    part = sound[: len(result) - start]
    result[start : start + len(part)] += part


def _unit(noise: NDArray[np.float64]) -> Waveforms:
    return np.asarray(noise / noise.std(), dtype=np.float32)
