"""Windows as a listener meets them in a stream: words cut by the edge, and what is said before and after."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sayso.card import SILENCE, UNKNOWN
from sayso.training.augment_step import SAMPLE_RATE, Batch, WaveformStep, cut_out, number, uniform

# Shares of a clip's energy in the window: from the first on it is that word, up to the second it is none.
WHOLE, FRAGMENT = 0.9, 0.5
INAUDIBLE = 0.01
FRAME = 80  # samples


@dataclass(frozen=True, kw_only=True)
class Stream(WaveformStep):
    """Moves a clip far, and lets another clip of the batch come in, or silence.

    Targets follow the sound: a word of which the window holds too little is none, so that a listener is not
    told of words by halves. What is no word counts as `_unknown_`, what cannot be heard as `_silence_`, and
    where the labels have no such name, as any of them alike. Clips of silence stay where they are.
    """

    move_ms: float = number(500.0, 0, 1000)  # at most, either way
    neighbour_probability: float = number(0.5, 0, 1)  # that another clip comes in, and not silence
    labels: tuple[str, ...] = ()

    def alter(self, batch: Batch, generator: torch.Generator) -> Batch:
        """See `WaveformStep`."""
        waveforms, targets = batch.waveforms, batch.targets
        (clips, samples), device = waveforms.shape, waveforms.device
        silent = self._is_silence(targets)
        rows = (self.drawn(clips, generator, device) & ~silent).nonzero()[:, 0]
        if not len(rows):
            return batch
        partners = torch.randperm(clips, generator=generator, device=generator.device).to(device)[rows]
        most = min(self.move_ms * SAMPLE_RATE / 1000, samples)
        delay = uniform(len(rows), (-most, most), generator, device).round().long()
        near = uniform(len(rows), (0.0, 1.0), generator, device) < self.neighbour_probability
        own, other = waveforms[rows], waveforms[partners].mul_(near[:, None])
        start = (3 * torch.arange(len(rows), device=device) + 1) * samples - delay
        moved = cut_out(torch.cat([other, own, other], 1).reshape(-1), start, samples)

        kept = _share(own, (-delay).clamp(min=0), samples - delay.clamp(min=0))
        # Of the other clip, the end comes before, or the beginning after.
        begin = torch.where(delay > 0, samples - delay, 0)
        come = _share(other, begin, begin + delay.abs())
        word, other_word = _wholeness(kept), _wholeness(come) * (near & ~silent[partners])[:, None]
        rest = self._rest(targets[rows], inaudible=(kept[:, 0] < INAUDIBLE) & ~near)
        both = word + other_word
        mixed = word * targets[rows] + other_word * targets[partners] + (1 - both).clamp(min=0) * rest
        waveforms.index_copy_(0, rows, moved)
        return Batch(waveforms, targets.index_copy(0, rows, mixed / both.clamp(min=1)))

    def _is_silence(self, targets: Tensor) -> Tensor:
        if SILENCE not in self.labels:
            return torch.zeros(len(targets), dtype=torch.bool, device=targets.device)
        return targets[:, self.labels.index(SILENCE)] > 0.5

    def _rest(self, targets: Tensor, inaudible: Tensor) -> Tensor:
        """The targets `(B, L)` of what is no word."""
        rest = torch.full_like(targets, 1 / targets.shape[1])
        for name, rows in ((UNKNOWN, torch.ones_like(inaudible)), (SILENCE, inaudible)):
            if name in self.labels:
                rest[rows] = 0
                rest[rows, self.labels.index(name)] = 1
        return rest


def _share(clips: Tensor, begin: Tensor, end: Tensor) -> Tensor:
    """The share `(B, 1)` of each clip's energy that lies between two samples, to a frame; 1 of none."""
    energy = functional.avg_pool1d(clips.square()[:, None], FRAME, ceil_mode=True)[:, 0]
    rising = functional.pad(energy.cumsum(1), (1, 0))  # (B, frames + 1)
    frames = (torch.stack([begin, end], 1) + FRAME // 2) // FRAME
    edges = rising.gather(1, frames.clamp(max=energy.shape[1]))
    return edges.diff(dim=1).div(rising[:, -1:]).nan_to_num(1)


def _wholeness(share: Tensor) -> Tensor:
    """How far the share of a word's energy makes it that word, from 0 to 1."""
    return ((share - FRAGMENT) / (WHOLE - FRAGMENT)).clamp(0, 1)
