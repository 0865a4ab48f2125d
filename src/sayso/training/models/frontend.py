"""Front ends: from a waveform at 16 kHz to what a body reads. They are part of the exported graph."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sayso.errors import RecipeError
from sayso.training.models.spectrum import SAMPLE_RATE, MelSpectrum


class Raw(nn.Module):
    """The waveform itself, `(B, 1, T)`, at 16 kHz or, low-passed and decimated, at 8 kHz.

    The low-pass is a Kaiser-windowed sinc: flat to 3.4 kHz, 80 dB down from 4.6 kHz, so that what folds back
    lies above 3.4 kHz, and from 4.6 kHz up nothing does. It is computed `BLOCK` samples at a time, as so many
    shifted copies of one filter: the same numbers, ten times faster than one output a step.
    """

    low_pass: Tensor

    TAPS = 95
    BLOCK = 16
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
        copies = torch.zeros(self.BLOCK, 1, self.TAPS + 2 * (self.BLOCK - 1))
        for place in range(self.BLOCK):
            copies[place, 0, 2 * place : 2 * place + self.TAPS] = low_pass / low_pass.sum()
        self.register_buffer("low_pass", copies, persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Features `(B, 1, T)`, or `(B, 1, T/2)` at 8 kHz, of waveforms `(B, T)`."""
        features = waveform[:, None]  # (B, 1, T)
        if self.sample_rate == SAMPLE_RATE:
            return features
        step = 2 * self.BLOCK
        length = waveform.shape[1] // 2
        padded = nn.functional.pad(features, (self.TAPS // 2, self.TAPS // 2 + -waveform.shape[1] % step))
        blocks = nn.functional.conv1d(padded, self.low_pass, stride=step)  # (B, BLOCK, T / step)
        return blocks.transpose(1, 2).flatten(1)[:, None, :length]


# Mean and deviation of the logarithm of power over 600 clips of Speech Commands, by normalisation.
SPREAD = {"none": (9.8, 5.0), "clip": (4.3, 4.0)}


class LogMel(nn.Module):
    """The logarithm of the power in mel bands, about mean 0 and deviation 1 over speech.

    With `normalize="clip"`, power is taken relative to the clip's own mean, and what lies 50 dB below that is
    levelled: the same word is the same at any distance, and digital silence is a quiet room.
    """

    RANGE = 1e5  # 50 dB

    def __init__(self, bands: int = 40, *, normalize: str = "none", **mel: Any) -> None:
        super().__init__()
        if normalize not in SPREAD:
            raise RecipeError(f"Features are normalised by 'clip' or 'none', not {normalize!r}.")
        self.channels = bands
        self.normalize = normalize
        self.mel = MelSpectrum(bands, **mel)

    def forward(self, waveform: Tensor) -> Tensor:
        """Features `(B, M, F)` of waveforms `(B, T)`."""
        power: Tensor = self.mel(waveform)  # (B, M, F)
        if self.normalize == "clip":
            power = power * (self.RANGE / (power.mean(dim=(1, 2), keepdim=True) + 1))
        mean, deviation = SPREAD[self.normalize]
        return ((power + 1).log() - mean) / deviation


class Mfcc(nn.Module):
    """Mel-frequency cepstral coefficients: the orthonormal cosine transform (DCT-II) of `LogMel`."""

    cosines: Tensor

    def __init__(self, coefficients: int = 40, *, bands: int | None = None, **log_mel: Any) -> None:
        super().__init__()
        bands = bands or max(40, coefficients)
        if not 1 <= coefficients <= bands:
            raise RecipeError(f"{bands} bands have no {coefficients} coefficients.")
        self.channels = coefficients
        self.log_mel = LogMel(bands, **log_mel)
        order, band = torch.arange(coefficients), torch.arange(bands, dtype=torch.float64)
        cosines = torch.cos(math.pi / bands * torch.outer(order, band + 0.5)) * math.sqrt(2 / bands)
        cosines[0] /= math.sqrt(2)
        self.register_buffer("cosines", cosines.float(), persistent=False)  # (coefficients, M)

    def forward(self, waveform: Tensor) -> Tensor:
        """Features `(B, coefficients, F)` of waveforms `(B, T)`."""
        features: Tensor = self.log_mel(waveform)  # (B, M, F)
        with torch.autocast(features.device.type, enabled=False):
            return self.cosines @ features


class Pcen(nn.Module):
    """Per-channel energy normalisation: each band is divided by its own recent mean, then compressed.

    Y. Wang, P. Getreuer, T. Hughes, R. Lyon and R. Saurous, "Trainable Frontend for Robust and Far-Field
    Keyword Spotting", ICASSP 2017 (arXiv:1607.05666), equations 1 and 2. Where `trainable`, gain, bias and
    root are learned for each band, as logarithms so that they stay positive; the smoothing stays the paper's.
    """

    SMOOTHING = 0.025  # the paper's s, for frames 10 ms apart
    GAIN, BIAS, ROOT = 0.98, 2.0, 0.5  # its alpha, delta and r

    def __init__(self, bands: int = 40, *, trainable: bool = True, **mel: Any) -> None:
        super().__init__()
        self.channels = bands
        self.mel = MelSpectrum(bands, **mel)
        start = torch.tensor([self.GAIN, self.BIAS, self.ROOT]).log()[:, None, None].repeat(1, bands, 1)
        self.logarithms = nn.Parameter(start, requires_grad=trainable)  # (3, M, 1)

    def forward(self, waveform: Tensor) -> Tensor:
        """Features `(B, M, F)` of waveforms `(B, T)`."""
        power: Tensor = self.mel(waveform)  # (B, M, F)
        gain, bias, root = self.logarithms.exp()  # (M, 1) each
        level = power * torch.exp(-gain * (self._mean(power) + 1).log())  # (B, M, F)
        return torch.pow(level + bias, root) - torch.pow(bias, root)

    def _mean(self, power: Tensor) -> Tensor:
        """The recursion m[t] = (1 - s) · m[t - 1] + s · e[t] from m[0] = e[0], as one running sum.

        Divided by (1 - s)^t, it is a sum of positive terms: exact in float32 for twenty seconds of frames.
        """
        time = torch.arange(power.shape[2], dtype=power.dtype, device=power.device)
        decay = (1 - self.SMOOTHING) ** time  # (F)
        share = torch.where(time == 0, 1.0, self.SMOOTHING)
        return (power * (share / decay)).cumsum(dim=2) * decay


FRONTENDS: dict[str, Callable[..., nn.Module]] = {"raw": Raw, "log_mel": LogMel, "mfcc": Mfcc, "pcen": Pcen}
