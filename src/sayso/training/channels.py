"""What lies between a microphone and a network: its frequency response, a telephone, a lossy codec."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from sayso.training.augment_step import (
    SAMPLE_RATE,
    PartialStep,
    choose,
    decibels,
    fast_length,
    number,
    span,
    uniform,
    weights,
)

FILTERS = 64  # of each kind of band, made once for each step
# Where each kind of band ends at most, in hertz; nothing is left above.
UPPER_HZ = {"telephone": 3400.0, "rate_8000": 4000.0, "rate_11025": 5512.5, "microphone": math.inf}

_SEED = 3
_MARGIN_SAMPLES = 256  # of zeros after a clip, for what the filters ring
_CPU = torch.device("cpu")

_FRAME = 512  # 32 ms: Opus has frames of 20 ms, MP3 at 16 kHz windows of 72 ms
_HOP = _FRAME // 2
# Where the critical bands end, two by two, in hertz (Zwicker 1961).
_BAND_ENDS_HZ = (200, 400, 630, 920, 1270, 1720, 2320, 3150, 4400, 6400, 8001)
_BAND_ENDS = [math.ceil(hertz * _FRAME / SAMPLE_RATE) for hertz in _BAND_ENDS_HZ]
_BAND_PARTS = [2 * (end - start) for start, end in pairwise([0, *_BAND_ENDS])]  # real and imaginary ones


@dataclass(frozen=True, kw_only=True)
class BandLimit(PartialStep):
    """Filters a clip as a telephone, a low sample rate or another microphone would; no delay, no phase.

    Every kind of band gets the response of a microphone too: a curve of random decibels at each octave,
    a tilt, and the loss of the lowest frequencies. The band of speech keeps its level.
    """

    kinds: Mapping[str, float] = weights(telephone=1, rate_8000=1, rate_11025=1, microphone=2)
    equalizer_db: float = number(6.0, 0, 24)  # at most, either way, at each octave
    tilt_db: float = number(2.0, 0, 6)  # at most, either way, for each octave
    microphone_low_hz: tuple[float, float] = span((10.0, 100.0), 0, 1000)  # where microphones begin to hear

    def change(self, waveforms: Tensor, generator: torch.Generator) -> Tensor:
        """See `PartialStep`."""
        clips, samples = waveforms.shape
        device = waveforms.device
        length = fast_length(samples + _MARGIN_SAMPLES)
        bank = self.keep((length, device), lambda: self.responses(length).to(device))
        kind = choose(self.kinds.values(), clips, generator, device)
        filters = uniform(clips, (0.0, FILTERS), generator, device).long().clamp_(max=FILTERS - 1)
        spectra = torch.fft.rfft(waveforms, length).mul_(bank.index_select(0, kind * FILTERS + filters))
        filtered: Tensor = torch.fft.irfft(spectra, length)
        return filtered[:, :samples]

    def responses(self, length: int) -> Tensor:
        """The factor of each frequency, `(kinds · FILTERS, length / 2 + 1)`, of each kind after the other."""
        return torch.cat([self._responses(kind, length) for kind in self.kinds])

    def _responses(self, kind: str, length: int) -> Tensor:
        generator = torch.Generator().manual_seed(_SEED)

        def draw(low: float, high: float) -> Tensor:
            return uniform(FILTERS, (low, high), generator, _CPU)[:, None]

        hertz = torch.fft.rfftfreq(length, 1 / SAMPLE_RATE)  # (F,)
        octave = torch.log2(hertz.clamp(min=62.5) / 62.5)  # 0 to 7
        below = octave.floor().long().clamp(max=6)
        knots = torch.cat([draw(-self.equalizer_db, self.equalizer_db) for _ in range(8)], dim=1)
        curve_db = torch.lerp(knots[:, below], knots[:, below + 1], octave - below)  # (FILTERS, F)
        curve_db = curve_db + draw(-self.tilt_db, self.tilt_db) * (octave - 4)
        low = draw(100, 250) if kind == "telephone" else draw(*self.microphone_low_hz)
        response = 10 ** (curve_db / 20) * _rise(hertz, low, low + draw(50, 150))
        if math.isfinite(UPPER_HZ[kind]):
            end = UPPER_HZ[kind] * draw(0.95, 1)
            response = response * (1 - _rise(hertz, end - draw(100, 400), end))
        speech = (hertz >= 300) & (hertz <= 3000)
        return response / response[:, speech].square().mean(1, keepdim=True).sqrt()


@dataclass(frozen=True, kw_only=True)
class Quantize(PartialStep):
    """Rounds a clip as coding for transmission does.

    `mu_law` is the telephone's 8 bits (ITU-T G.711, its continuous law). `codec` imitates MP3 and Opus at
    low rates: the spectrum of frames of 32 ms is rounded, in every critical band to steps that depend on its
    level (Brandenburg and Bosi 1997 describe what that stands for).
    """

    kinds: Mapping[str, float] = weights(mu_law=1, codec=3)
    codec_snr_db: tuple[float, float] = span((12.0, 24.0), 0, 60)  # of the loudest band to its rounding

    def change(self, waveforms: Tensor, generator: torch.Generator) -> Tensor:
        """See `PartialStep`."""
        clips, device = len(waveforms), waveforms.device
        kind = choose(self.kinds.values(), clips, generator, device)
        snr_db = uniform(clips, self.codec_snr_db, generator, device)
        for index, name in enumerate(self.kinds):
            rows = (kind == index).nonzero()[:, 0]
            if len(rows):
                part = waveforms.index_select(0, rows)
                coded = mu_law(part) if name == "mu_law" else imitate_codec(part, snr_db[rows])
                waveforms.index_copy_(0, rows, coded)
        return waveforms


def imitate_codec(waveforms: Tensor, snr_db: Tensor) -> Tensor:
    """Waveforms `(B, T)` as a lossy codec leaves them.

    In the loudest band of a frame the signal stands `snr_db` `(B,)` above its rounding error, in a band d dB
    softer only `snr_db - d / 2`, so that the softest bands round to nothing. That is how Opus and MP3 were
    measured to behave on Speech Commands: `snr_db` is about 13 for Opus at 8 kbit/s, 18 for Opus at 16 and 22
    for MP3 at 32.
    """
    samples, device = waveforms.shape[1], waveforms.device
    # The sine window before and after makes overlapping frames add up to the signal.
    window = torch.sin(math.pi * (torch.arange(_FRAME, device=device) + 0.5) / _FRAME)
    padded = torch.nn.functional.pad(waveforms, (_HOP, _HOP + -samples % _HOP))
    spectra = torch.fft.rfft(padded.unfold(1, _FRAME, _HOP) * window)  # (B, N, 257)
    bands = torch.view_as_real(spectra).flatten(2).split(_BAND_PARTS, 2)  # on the spectra's own memory
    levels = [torch.linalg.vector_norm(band, dim=2) / band.shape[2] ** 0.5 for band in bands]
    rms = torch.stack(levels, 2)  # (B, N, K), of real and imaginary parts alike
    # Rounding errs by step / √12, and by 1 / √2 of that in the sum of overlapping frames.
    step = torch.sqrt(rms * rms.amax(2, keepdim=True)).mul_((24**0.5 * decibels(-snr_db))[:, None, None])
    step.clamp_(min=1e-12)  # where all is zero
    for band, size in zip(bands, step.split(1, 2), strict=True):
        band.div_(size).round_().mul_(size)
    frames: Tensor = torch.fft.irfft(spectra, _FRAME).mul_(window)  # (B, N, 512)
    return (frames[:, 1:, :_HOP] + frames[:, :-1, _HOP:]).reshape(len(waveforms), -1)[:, :samples]


def mu_law(waveforms: Tensor) -> Tensor:
    """Waveforms rounded to the 8 bits of a telephone: 127 levels either side of zero, dense near it."""
    codes = torch.log1p(255 * waveforms.abs()).mul_(127 / math.log(256)).round_()
    return torch.expm1(codes.mul_(math.log(256) / 127)).div_(255).copysign_(waveforms)


def _rise(hertz: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """A factor that rises from 0 at `start` to 1 at `end`, along a cosine: `(FILTERS, F)`."""
    place = ((hertz - start) / (end - start)).clamp(0, 1)
    return (1 - torch.cos(math.pi * place)) / 2
