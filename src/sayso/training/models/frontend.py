"""Front ends: from a waveform at 16 kHz to what a body reads. They are part of the exported graph."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sayso.errors import RecipeError

SAMPLE_RATE = 16_000


class Raw(nn.Module):
    """The waveform itself, `(B, 1, T)`, at 16 kHz or, low-passed and decimated, at 8 kHz.

    The low-pass is a Kaiser-windowed sinc: flat to 3.4 kHz, 80 dB down from 4.6 kHz, so that what folds back
    lies above 3.4 kHz, and from 4.6 kHz up nothing does.
    """

    TAPS = 95
    KAISER_BETA = 7.86  # 80 dB

    def __init__(self, sample_rate: int = SAMPLE_RATE) -> None:
        super().__init__()
        if sample_rate not in (SAMPLE_RATE, SAMPLE_RATE // 2):
            raise RecipeError(f"The raw front end works at 16000 or 8000 Hz, not {sample_rate}.")
        self.channels = 1
        self.sample_rate = sample_rate
        time = torch.arange(self.TAPS, dtype=torch.float64) - self.TAPS // 2
        window = torch.kaiser_window(self.TAPS, periodic=False, beta=self.KAISER_BETA, dtype=torch.float64)
        low_pass = torch.sinc(time / 2) / 2 * window  # cut-off at a quarter of the rate
        self.register_buffer("low_pass", (low_pass / low_pass.sum()).float()[None, None], persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Features `(B, 1, T)`, or `(B, 1, T/2)` at 8 kHz, of waveforms `(B, T)`."""
        features = waveform[:, None]  # (B, 1, T)
        if self.sample_rate == SAMPLE_RATE:
            return features
        return nn.functional.conv1d(features, self.low_pass, stride=2, padding=self.TAPS // 2)


FRONTENDS: dict[str, Callable[..., nn.Module]] = {"raw": Raw}
