"""Mel spectra of waveforms at 16 kHz: what every front end but `raw` begins with."""

import math

import torch
from torch import Tensor, nn

from sayso.errors import RecipeError
from sayso.training.models.fourier import EXPORTED_TRANSFORMS, FastTransform

SAMPLE_RATE = 16_000
UNIT = 1e-10  # of power, for samples in [-1, 1]


class MelSpectrum(nn.Module):
    """The mean power in each mel band, frame by frame.

    White noise of variance v has power v in every band, whatever the window and the band's width. The unit is
    1e-10, about the power of rounding to 16 bits: what lies below one is no sound. Logarithms thus add 1; an
    added 1e-10 the exporter's optimiser would take for zero and drop.
    """

    filters: Tensor

    def __init__(
        self,
        bands: int = 40,
        *,
        low_hertz: float = 20.0,
        high_hertz: float = 7600.0,
        window_seconds: float = 0.030,
        hop_seconds: float = 0.010,
        stft: str = "factored",  # how the exported graph transforms, see `fourier`
    ) -> None:
        super().__init__()
        samples, hop = round(window_seconds * SAMPLE_RATE), round(hop_seconds * SAMPLE_RATE)
        if stft not in EXPORTED_TRANSFORMS:
            raise RecipeError(f"There is no stft {stft!r}: choose from {', '.join(EXPORTED_TRANSFORMS)}.")
        if not 0 < hop <= samples or samples % 2:
            raise RecipeError("A window has an even number of samples, and the hop is not longer than it.")
        window = torch.hann_window(samples, dtype=torch.float64)
        window /= (UNIT * window.square().sum()).sqrt()
        self.transform = FastTransform(window, hop)
        self.exported_transform = EXPORTED_TRANSFORMS[stft](window, hop)
        filters = mel_filters(bands, low_hertz, high_hertz, samples)
        self.register_buffer("filters", filters.T.float().contiguous(), persistent=False)  # (N/2 + 1, M)

    def forward(self, waveform: Tensor) -> Tensor:
        """Power `(B, M, F)` of waveforms `(B, T)`, where F is 1 + (T - window) // hop, in samples."""
        if torch.compiler.is_exporting():
            power: Tensor = self.exported_transform(waveform) @ self.filters  # (B, F, M)
            return power.transpose(1, 2)
        with torch.autocast(waveform.device.type, enabled=False):  # bfloat16 would round to 0.4 %
            power = self.transform(waveform.float()) @ self.filters
            return power.transpose(1, 2)


def mel_filters(bands: int, low_hertz: float, high_hertz: float, window_samples: int) -> Tensor:
    """Triangular filters, evenly spaced in mel and each summing to one, as float64 `(M, N/2 + 1)`.

    Raises:
        RecipeError: a band lies between two bins, or the frequencies are out of order.

    """
    if bands < 1 or not 0 <= low_hertz < high_hertz <= SAMPLE_RATE / 2:
        raise RecipeError(f"Mel bands lie between 0 and {SAMPLE_RATE // 2} Hz, low before high.")
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (low_hertz, high_hertz))
    edges = 700 * (10 ** (torch.linspace(low, high, bands + 2, dtype=torch.float64) / 2595) - 1)  # hertz
    bins = torch.arange(window_samples // 2 + 1, dtype=torch.float64) * SAMPLE_RATE / window_samples
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = torch.minimum(rise, fall).clamp(min=0)
    if not filters.sum(dim=1).all():
        raise RecipeError(f"{bands} mel bands are too many for a window of {window_samples} samples.")
    return filters / filters.sum(dim=1, keepdim=True)
