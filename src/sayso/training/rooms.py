"""Rooms: synthetic impulse responses, and clips as they sound in them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sayso.training.augment_step import (
    SAMPLE_RATE,
    PartialStep,
    decibels,
    fast_length,
    number,
    span,
    uniform,
)

ROOMS = 128  # made once for each step, so that a clip costs two Fourier transforms and no making of noise
RESPONSE_SAMPLES = SAMPLE_RATE // 2

_SEED = 2
_ECHOES = 3  # at most, in one room
_DIRECT_SAMPLES = 40  # 2.5 ms after the direct sound, where by convention the reverberant part begins
_CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Reverb(PartialStep):
    """Puts a clip into a room: the direct sound, diffuse reverberation and, in some rooms, distinct echoes.

    Reverberation is noise that decays exponentially, by 60 dB in the reverberation time (Polack 1988; for its
    use in training Ko et al. 2017), and ends after half a second. Responses have unit energy, so a clip about
    keeps its level; the direct sound stays in its place.
    """

    rt60_seconds: tuple[float, float] = span((0.15, 0.8), 0.05, 3)
    direct_db: tuple[float, float] = span((0.0, 20.0), -20, 40)  # direct sound against reverberation
    echo_probability: float = number(0.4, 0, 1)  # of a room's having echoes
    echo_ms: tuple[float, float] = span((50.0, 250.0), 5, 450)  # after the direct sound
    echo_db: tuple[float, float] = span((-18.0, -3.0), -60, 0)  # against the direct sound

    def change(self, waveforms: Tensor, generator: torch.Generator) -> Tensor:
        """See `PartialStep`."""
        clips, samples = waveforms.shape
        device = waveforms.device
        length = fast_length(samples + RESPONSE_SAMPLES - 1)  # nothing wraps round
        rooms = self.keep((length, device), lambda: torch.fft.rfft(self.responses(), length).to(device))
        room = uniform(clips, (0.0, ROOMS), generator, device).long().clamp_(max=ROOMS - 1)
        spectra = torch.fft.rfft(waveforms, length).mul_(rooms.index_select(0, room))
        heard: Tensor = torch.fft.irfft(spectra, length)
        return heard[:, :samples]

    def responses(self) -> Tensor:
        """The impulse responses `(ROOMS, RESPONSE_SAMPLES)`, always the same for the same options."""
        generator = torch.Generator().manual_seed(_SEED)

        def draw(bounds: tuple[float, float]) -> Tensor:
            return uniform(ROOMS, bounds, generator, _CPU)[:, None]

        seconds = torch.arange(RESPONSE_SAMPLES) / SAMPLE_RATE
        decay = 10 ** (-3 * seconds / draw(self.rt60_seconds))  # (ROOMS, RESPONSE_SAMPLES)
        tail = torch.randn(decay.shape, generator=generator) * decay
        tail[:, :_DIRECT_SAMPLES] = 0
        tail *= decibels(-draw(self.direct_db)) / torch.linalg.vector_norm(tail, dim=1, keepdim=True)
        has_echoes = draw((0.0, 1.0)) < self.echo_probability
        for _ in range(_ECHOES):
            place = (draw(self.echo_ms) * SAMPLE_RATE / 1000).round().long()
            tail.scatter_add_(1, place, has_echoes * decibels(draw(self.echo_db)) * (draw((0.0, 1.0)) < 0.6))
        tail[:, 0] = 1
        norm: Tensor = torch.linalg.vector_norm(tail, dim=1, keepdim=True)
        return tail / norm
