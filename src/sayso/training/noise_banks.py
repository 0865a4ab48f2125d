"""Long stretches of generated noise, from which the augmentation cuts: colours, textures, hum.

Each bank is `(N,)` float32 at `SAMPLE_RATE`, always the same, without power below 40 Hz, and made once.
"""

import math
from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from sayso.training.augment_step import SAMPLE_RATE

# How the power of each colour goes with the frequency: as its power of this exponent.
COLOURS = {"white": 0.0, "pink": -1.0, "brown": -2.0, "blue": 1.0}

_SEED = 1
_LOWEST_HZ = 40.0  # no colour has power below: most of brown noise would lie where no microphone hears
_COLOUR_SECONDS = 30
_PIECES = 60  # of textures and of hum, each unlike the others
_PIECE = 2 * SAMPLE_RATE
_LEVEL = 0.1  # root mean square of colours, and of each piece
_PARTIALS = 40


def bank(kind: str) -> Tensor:
    """The bank of one of `KINDS`."""
    return KINDS[kind]()


@cache  # all chains share it
def coloured(exponent: float) -> Tensor:
    """Half a minute of noise whose power is proportional to a power of the frequency; its level is 0.1."""
    spectrum = torch.fft.rfft(torch.randn(_COLOUR_SECONDS * SAMPLE_RATE, generator=_generator()))
    hertz = torch.fft.rfftfreq(_COLOUR_SECONDS * SAMPLE_RATE, 1 / SAMPLE_RATE)
    noise: Tensor = torch.fft.irfft(spectrum * _at_least(hertz) * _above(hertz) ** (exponent / 2))
    return noise * (_LEVEL / noise.std())


@cache
def textures() -> Tensor:
    """Noise of any spectrum that swells and ebbs in any way: wind, steps, traffic, rustling, blows.

    Each piece has a spectrum of its own, drawn by octaves, and a loudness whose logarithm is smoothed noise:
    its pace is drawn from milliseconds to half a second, its depth from none to that of single blows.
    """
    generator = _generator()
    hertz = torch.fft.rfftfreq(_PIECE, 1 / SAMPLE_RATE)
    octave = torch.log2(_above(hertz) / _LOWEST_HZ)  # 0 to 7.6
    below = octave.floor().long()
    knots_db = 12 * torch.randn(_PIECES, 9, generator=generator)
    curve_db = torch.lerp(knots_db[:, below], knots_db[:, below + 1], octave - below)  # (P, F)
    spectra = torch.fft.rfft(torch.randn(_PIECES, _PIECE, generator=generator))
    noise = torch.fft.irfft(spectra * _at_least(hertz) * 10 ** (curve_db / 20))
    pace_hz = 2 * 100 ** torch.rand(_PIECES, 1, generator=generator)  # to 200
    swell = torch.fft.rfft(torch.randn(_PIECES, _PIECE, generator=generator))
    swell = torch.fft.irfft(swell * torch.exp(-((hertz / pace_hz) ** 2)))
    depth = 2 * torch.rand(_PIECES, 1, generator=generator)  # in nepers
    return _even(noise * torch.exp(depth * swell / swell.std(1, keepdim=True)))


@cache
def hum() -> Tensor:
    """Steady tones: the partials, of drawn levels, of one or two low or high notes that waver a little."""
    generator = _generator()
    time = torch.arange(_PIECE, dtype=torch.float64) / SAMPLE_RATE
    pieces = []
    for index in range(_PIECES):
        piece = torch.zeros(_PIECE, dtype=torch.float64)
        for _ in range(1 + index % 2):
            draw = torch.rand(4, generator=generator, dtype=torch.float64)
            note_hz = float(50 * 40 ** draw[0])  # to 2,000
            partial = torch.arange(1, min(_PARTIALS, int(SAMPLE_RATE / 2 / note_hz)) + 1)[:, None]
            level_db = 8 * torch.randn(len(partial), 1, generator=generator, dtype=torch.float64)
            level_db = level_db - 12 * draw[1] * torch.log2(partial)
            phase = 2 * math.pi * torch.rand(len(partial), 1, generator=generator, dtype=torch.float64)
            waver = 1e-3 * draw[2] / (2 * math.pi) * torch.sin(2 * math.pi * (1 + 5 * draw[3]) * time)
            tones = torch.sin(2 * math.pi * note_hz * partial * (time + waver) + phase)
            piece += (10 ** (level_db / 20) * tones).sum(0)
        pieces.append(piece.float())
    return _even(torch.stack(pieces))


KINDS: dict[str, Callable[[], Tensor]] = {
    **{name: partial(coloured, exponent) for name, exponent in COLOURS.items()},
    "texture": textures,
    "hum": hum,
}


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(_SEED)


def _above(hertz: Tensor) -> Tensor:
    return hertz.clamp(min=_LOWEST_HZ)


def _at_least(hertz: Tensor) -> Tensor:
    return (hertz >= _LOWEST_HZ).float()


def _even(pieces: Tensor) -> Tensor:
    """Pieces `(P, T)` one after another, equally loud."""
    level = pieces.square().mean(1, keepdim=True).sqrt()
    return (pieces * (_LEVEL / level)).flatten()
