"""The plain augmentation steps: in time, in level, between clips, and on features."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sayso.training.augment_step import (
    SAMPLE_RATE,
    Batch,
    FeatureStep,
    PartialStep,
    WaveformStep,
    choose,
    cut_out,
    decibels,
    fast_length,
    number,
    span,
    uniform,
)

_FRAME = 160  # samples that are loud or quiet together


@dataclass(frozen=True, kw_only=True)
class Shift(WaveformStep):
    """Moves a clip in time by whole samples, later or earlier; zeros come in."""

    shift_ms: float = number(100.0, 0, 1000)  # at most, either way

    def alter(self, batch: Batch, generator: torch.Generator) -> Batch:
        """See `WaveformStep`."""
        clips, samples = batch.waveforms.shape
        device = batch.waveforms.device
        margin = round(self.shift_ms * SAMPLE_RATE / 1000)
        drawn = self.drawn(clips, generator, device)
        delay = (uniform(clips, (-margin - 0.5, margin + 0.5), generator, device).round() * drawn).long()
        delay.clamp_(-margin, margin)
        padded = torch.nn.functional.pad(batch.waveforms, (margin, margin))  # (B, T + 2 margin)
        first = torch.arange(clips, device=device) * padded.shape[1] + margin - delay
        return Batch(cut_out(padded.reshape(-1), first, samples), batch.targets)


@dataclass(frozen=True, kw_only=True)
class Speed(PartialStep):
    """Makes a clip longer or shorter, its pitch falling or rising with it, about its middle.

    Interpolation is exact (the spectrum is cut, or padded with zeros), so nothing aliases. That asks for one
    inverse transform per new length; so lengths are drawn from a list of fast ones, some one to three percent
    apart, and clips of one length go together.
    """

    stretch_percent: float = number(12.0, 0, 50)  # at most, of the clip's length, either way

    def lengths(self, samples: int) -> Tensor:
        """The lengths, in samples, that a clip may get."""
        most = samples * self.stretch_percent / 100
        tried = {fast_length(round(samples + most * step / 12)) for step in range(-12, 13)}
        return torch.tensor(sorted(length for length in tried if length <= samples + most) or [samples])

    def change(self, waveforms: Tensor, generator: torch.Generator) -> Tensor:
        """See `PartialStep`."""
        clips, samples = waveforms.shape
        device = waveforms.device
        lengths = self.keep(samples, lambda: self.lengths(samples))
        index = choose([1.0] * len(lengths), clips, generator, device)
        spectra = torch.fft.rfft(waveforms)  # (B, T/2 + 1)
        if device.type == "cpu":
            return torch.from_numpy(_stretched(spectra.numpy(), lengths[index].tolist(), samples))
        result = torch.empty_like(waveforms)
        for drawn in index.unique().tolist():
            rows = (index == drawn).nonzero()[:, 0]
            length = int(lengths[drawn])
            bins = (min(length, samples) + 1) // 2
            part = spectra.index_select(0, rows)[:, :bins]
            result.index_copy_(0, rows, fit(torch.fft.irfft(part, length).mul_(length / samples), samples))
        return result


def _stretched(spectra: NDArray[np.complex64], lengths: Sequence[int], samples: int) -> NDArray[np.float32]:
    """Waveforms `(B, samples)` of spectra, each stretched to a length: NumPy costs half of PyTorch here."""
    result = np.zeros((len(spectra), samples), np.float32)
    for row, length in enumerate(lengths):
        bins = (min(length, samples) + 1) // 2  # those below both Nyquist frequencies
        stretched = np.fft.irfft(spectra[row, :bins], length)
        before = (samples - length) // 2  # below zero, what is cut off
        part = result[row, max(0, before) : max(0, before) + length]
        np.multiply(stretched[max(0, -before) :][: len(part)], length / samples, out=part)
    return result


@dataclass(frozen=True, kw_only=True)
class Gain(WaveformStep):
    """Makes a clip louder or softer; what goes beyond ±1 is clipped, as by a real microphone."""

    gain_db: tuple[float, float] = span((-20.0, 12.0), -60, 40)

    def alter(self, batch: Batch, generator: torch.Generator) -> Batch:
        """See `WaveformStep`."""
        clips, device = len(batch.waveforms), batch.waveforms.device
        drawn = self.drawn(clips, generator, device)
        gain_db = uniform(clips, self.gain_db, generator, device) * drawn
        batch.waveforms.mul_(decibels(gain_db)[:, None]).clamp_(-1, 1)
        return batch


@dataclass(frozen=True, kw_only=True)
class Cut(PartialStep):
    """Silences one stretch of a clip: a lost packet, or SpecAugment's time mask for raw waveforms."""

    cut_ms: tuple[float, float] = span((0.0, 100.0), 0, 1000)

    def change(self, waveforms: Tensor, generator: torch.Generator) -> Tensor:
        """See `PartialStep`."""
        clips, samples = waveforms.shape
        device = waveforms.device
        width = (uniform(clips, self.cut_ms, generator, device) * (SAMPLE_RATE / 1000)).round()
        width.clamp_(max=samples)
        first = (uniform(clips, (0.0, 1.0), generator, device) * (samples - width)).floor()[:, None]
        time = torch.arange(samples, device=device)
        return waveforms.masked_fill_((time >= first) & (time < first + width[:, None]), 0)


@dataclass(frozen=True, kw_only=True)
class Trim(PartialStep):
    """Silences what lies before and after a clip's loud part, as recordings are that were cut to the word.

    Loud are the frames less than so many decibels below the loudest one; what a pause parts from it stays,
    and noise that is as loud hides where the word begins.
    """

    quiet_db: tuple[float, float] = span((20.0, 40.0), 0, 90)
    margin_ms: tuple[float, float] = span((0.0, 100.0), 0, 1000)  # that stays, drawn for each side

    def change(self, waveforms: Tensor, generator: torch.Generator) -> Tensor:
        """See `PartialStep`."""
        (clips, samples), device = waveforms.shape, waveforms.device
        energy = torch.nn.functional.avg_pool1d(waveforms.square()[:, None], _FRAME, ceil_mode=True)[:, 0]
        quiet = decibels(-2 * uniform(clips, self.quiet_db, generator, device))  # of a power
        loud = (energy >= energy.amax(1, keepdim=True) * quiet[:, None]).float()  # (B, frames)
        first, last = loud.argmax(1) * _FRAME, samples - loud.flip(1).argmax(1) * _FRAME
        margins = uniform(2 * clips, self.margin_ms, generator, device).view(2, clips) * (SAMPLE_RATE / 1000)
        time = torch.arange(samples, device=device)
        outside = (time < (first - margins[0])[:, None]) | (time >= (last + margins[1])[:, None])
        return waveforms.masked_fill_(outside, 0)


@dataclass(frozen=True, kw_only=True)
class Mixup(WaveformStep):
    """Mixes a clip and its target with another of the batch (Zhang et al. 2018).

    The share that stays is drawn from Beta(alpha, alpha). PyTorch draws from Beta with its global generator
    only, so its quantiles are tabled: where share = sin² angle, sin(2 angle)^(2 alpha - 1) is the density.
    """

    alpha: float = number(0.3, 0.01, 10)

    @cached_property
    def quantiles(self) -> Tensor:
        """The share at evenly spaced probabilities."""
        edges = torch.linspace(0, math.pi / 2, 8193, dtype=torch.float64)
        middles = (edges[1:] + edges[:-1]) / 2
        rising = torch.cumsum(torch.sin(2 * middles) ** (2 * self.alpha - 1), 0)
        found = torch.searchsorted(rising / rising[-1], torch.linspace(0, 1, 4097, dtype=torch.float64))
        return torch.sin(middles[found.clamp(max=8191)]).square().float()

    def alter(self, batch: Batch, generator: torch.Generator) -> Batch:
        """See `WaveformStep`."""
        clips, device = len(batch.waveforms), batch.waveforms.device
        drawn = self.drawn(clips, generator, device)
        place = uniform(clips, (0.0, 4096.999), generator, device).long()
        share = torch.where(drawn, self.quantiles.to(device)[place], 1.0)[:, None]  # (B, 1)
        partner = torch.randperm(clips, generator=generator, device=generator.device).to(device)
        waveforms = torch.lerp(batch.waveforms[partner], batch.waveforms, share)
        return Batch(waveforms, torch.lerp(batch.targets[partner], batch.targets, share))


@dataclass(frozen=True, kw_only=True)
class SpecAugment(FeatureStep):
    """Blanks bands of frequency and stretches of time (Park et al. 2019), without its time warping.

    Widths are drawn from zero to the bound, and never exceed half the axis, so that a raw waveform, whose one
    channel is no frequency axis, keeps it. Blanked values become the clip's mean.
    """

    frequency_masks: int = number(2, 0, 8, whole=True)
    frequency_bands: int = number(7, 0, 64, whole=True)  # at most, of each mask
    time_masks: int = number(2, 0, 8, whole=True)
    time_frames: int = number(20, 0, 16_000, whole=True)  # at most, of each mask

    def alter(self, features: Tensor, generator: torch.Generator) -> Tensor:
        """See `FeatureStep`."""
        clips, channels, frames = features.shape
        drawn = self.drawn(clips, generator, features.device)
        bands = _masks(drawn, self.frequency_masks, self.frequency_bands, channels, generator)  # (B, C)
        times = _masks(drawn, self.time_masks, self.time_frames, frames, generator)  # (B, F)
        blank = bands[:, :, None] | times[:, None, :]  # (B, C, F)
        return torch.where(blank, features.detach().mean((1, 2), keepdim=True), features)


def _masks(drawn: Tensor, masks: int, width: int, length: int, generator: torch.Generator) -> Tensor:
    """Which of `length` places some masks of drawn widths cover in the drawn clips, `(B, length)` bool."""
    count, device = len(drawn) * masks, drawn.device
    bound = min(width, length // 2)
    wide = uniform(count, (0.0, bound + 1.0), generator, device).floor().clamp_(max=bound)
    first = (uniform(count, (0.0, 1.0), generator, device) * (length - wide + 1)).floor()
    first = torch.minimum(first, length - wide)[:, None]
    place = torch.arange(length, device=device)
    covered = (place >= first) & (place < first + wide[:, None])  # (B masks, length)
    return covered.view(len(drawn), masks, length).any(1) & drawn[:, None]


def fit(waveforms: Tensor, length: int) -> Tensor:
    """Waveforms `(B, T)` brought to a length about their middle, by cutting or with zeros."""
    before = (length - waveforms.shape[1]) // 2
    return torch.nn.functional.pad(waveforms, (before, length - waveforms.shape[1] - before))
