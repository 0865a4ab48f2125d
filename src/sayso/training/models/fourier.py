"""Power spectra of overlapping frames, by the fast Fourier transform and by three ways an ONNX graph can go.

While a network trains, the FFT is the fastest. A graph has no FFT worth using (onnxruntime's STFT operator is
slow), so there it is one of these; figures for one second, a window of 30 ms and one thread:

    factored    two short transforms one after the other: 0.25 ms and 30 KB, the default
    conv        one convolution with the windowed DFT matrix: 0.55 ms and 930 KB
    operator    ONNX's STFT: 4 ms and 5 KB; exact only where the window is a power of two (then 0.9 ms)

All agree to a few parts in ten million of the strongest bin. No complex number is left in the graph.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


class FastTransform(nn.Module):
    """The FFT."""

    window: Tensor

    def __init__(self, window: Tensor, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.register_buffer("window", window.float(), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Power `(B, F, N/2 + 1)` of waveforms `(B, T)`, where F is 1 + (T - N) // hop."""
        frames = waveform.unfold(1, len(self.window), self.hop)  # (B, F, N)
        spectrum = torch.fft.rfft(frames * self.window)  # (B, F, N/2 + 1)
        power: Tensor = spectrum.real.square() + spectrum.imag.square()
        return power


class FactoredTransform(nn.Module):
    """Two short transforms, for N = rows × columns samples (J. Cooley and J. Tukey, 1965).

    With sample n = columns · i + j, bin k = p + rows · q and e(x) = exp(-2π√-1 · x), the kernel e(nk / N) is
    e(ip / rows) · e(jp / N) · e(jq / columns): a transform down each column, a turn of each value, and a
    transform along each row. Real and imaginary parts are numbers of their own, one half before the other.
    """

    window: Tensor
    down: Tensor
    cosine: Tensor
    sine: Tensor
    along: Tensor

    def __init__(self, window: Tensor, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.size = len(window)
        self.rows = max(n for n in range(1, math.isqrt(self.size) + 1) if self.size % n == 0)
        self.columns = self.size // self.rows
        self.kept = self.columns // 2 + 1  # values of q; the others mirror them
        i, j, q = (torch.arange(n, dtype=torch.float64) for n in (self.rows, self.columns, self.kept))
        angle = 2 * math.pi / self.rows * torch.outer(i, i)
        down = torch.cat([angle.cos(), -angle.sin()])  # (2 rows, rows)
        turn = 2 * math.pi / self.size * torch.outer(i, j)  # (rows, columns)
        angle = 2 * math.pi / self.columns * torch.outer(j, q)
        real = torch.cat([angle.cos(), -angle.sin()], dim=1)  # (columns, 2 kept)
        imaginary = torch.cat([angle.sin(), angle.cos()], dim=1)
        self.register_buffer("window", window.float(), persistent=False)
        self.register_buffer("down", down.float(), persistent=False)
        self.register_buffer("cosine", turn.cos().float(), persistent=False)
        self.register_buffer("sine", turn.sin().float(), persistent=False)
        self.register_buffer("along", torch.cat([real, imaginary]).float(), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Power `(B, F, N/2 + 1)` of waveforms `(B, T)`."""
        frames = self._frames(waveform) * self.window  # (B, F, N)
        batch, count, _ = frames.shape
        columns = self.down @ frames.reshape(batch, count, self.rows, self.columns)
        real, imaginary = columns.chunk(2, dim=2)  # (B, F, rows, columns) each
        turned = [real * self.cosine + imaginary * self.sine, imaginary * self.cosine - real * self.sine]
        spectrum = torch.cat(turned, dim=3) @ self.along  # (B, F, rows, 2 kept)
        power = spectrum[..., : self.kept].square() + spectrum[..., self.kept :].square()
        return power.transpose(2, 3).reshape(batch, count, -1)[:, :, : self.size // 2 + 1]

    def _frames(self, waveform: Tensor) -> Tensor:
        # `unfold` would be exported as a gather with one index for every sample of every frame.
        count = 1 + (waveform.shape[1] - self.size) // self.hop
        padded = nn.functional.pad(waveform, (0, -waveform.shape[1] % self.hop))
        hops = padded.reshape(-1, padded.shape[1] // self.hop, self.hop)
        parts = range(math.ceil(self.size / self.hop))
        return torch.cat(
            [hops[:, n : n + count, : self.size - n * self.hop] for n in parts], dim=2
        )  # (B, F, N)


class ConvolvedTransform(nn.Module):
    """One convolution with the windowed DFT matrix."""

    kernel: Tensor

    def __init__(self, window: Tensor, hop: int) -> None:
        super().__init__()
        self.hop = hop
        time, bins = torch.arange(len(window)), torch.arange(len(window) // 2 + 1)
        angle = 2 * math.pi / len(window) * torch.outer(bins, time).double()
        kernel = torch.cat([angle.cos(), angle.sin()]) * window  # (N + 2, N)
        self.register_buffer("kernel", kernel.float()[:, None], persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Power `(B, F, N/2 + 1)` of waveforms `(B, T)`."""
        spectrum = nn.functional.conv1d(waveform[:, None], self.kernel, stride=self.hop)  # (B, N + 2, F)
        real, imaginary = spectrum.chunk(2, dim=1)
        return (real.square() + imaginary.square()).transpose(1, 2)


class OperatorTransform(nn.Module):
    """ONNX's operator for it."""

    window: Tensor

    def __init__(self, window: Tensor, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.register_buffer("window", window.float(), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Power `(B, F, N/2 + 1)` of waveforms `(B, T)`."""
        size = len(self.window)
        spectrum = torch.stft(waveform, size, self.hop, window=self.window, center=False, return_complex=True)
        return torch.view_as_real(spectrum).square().sum(dim=3).transpose(1, 2)


EXPORTED_TRANSFORMS: dict[str, Callable[[Tensor, int], nn.Module]] = {
    "factored": FactoredTransform,
    "conv": ConvolvedTransform,
    "operator": OperatorTransform,
}
