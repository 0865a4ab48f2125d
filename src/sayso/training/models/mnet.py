"""Very deep convolutional networks on raw waveforms: M3, M5, M11, M18, M34-res.

W. Dai, C. Dai, S. Qu, J. Li and S. Das, "Very Deep Convolutional Neural Networks for Raw Waveforms",
ICASSP 2017 (arXiv:1610.00087), Table 1. A wide first filter learns a filter bank; pools of four shrink time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

FIRST_KERNEL = 80
POOL = 4


@dataclass(frozen=True)
class Layout:
    """One column of Table 1."""

    first_channels: int
    stages: tuple[tuple[int, int], ...]  # (channels, convolutions, or residual blocks of two) of each stage
    stride: int = 4  # of the first convolution
    residual: bool = False
    last_pool: bool = False  # whether the last stage too is followed by a pool


LAYOUTS = {
    "m3": Layout(256, ((256, 1),), last_pool=True),
    "m5": Layout(128, ((128, 1), (256, 1), (512, 1)), last_pool=True),
    "m11": Layout(64, ((64, 2), (128, 2), (256, 3), (512, 2))),
    "m18": Layout(64, ((64, 4), (128, 4), (256, 4), (512, 4))),
    "m34_res": Layout(48, ((48, 3), (96, 4), (192, 6), (384, 3)), residual=True),
    # Of the torchaudio tutorial and of this project's predecessor: 26,915 parameters for 35 words.
    "m5_narrow": Layout(32, ((32, 1), (64, 1), (64, 1)), stride=16, last_pool=True),
}


class MNet(nn.Module):
    """The body of an M-network."""

    def __init__(self, layout: Layout, *, in_channels: int = 1) -> None:
        super().__init__()
        self.features = layout.stages[-1][0]
        layers = [
            *_convolution(in_channels, layout.first_channels, FIRST_KERNEL, layout.stride),
            nn.MaxPool1d(POOL),
        ]
        channels = layout.first_channels
        for index, (width, repeats) in enumerate(layout.stages):
            for _ in range(repeats):
                layers += (
                    [ResidualBlock(channels, width)] if layout.residual else _convolution(channels, width, 3)
                )
                channels = width
            if index < len(layout.stages) - 1 or layout.last_pool:
                layers.append(nn.MaxPool1d(POOL))
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Embedding `(B, E)` of a waveform `(B, 1, T)`."""
        return self.layers(features).mean(dim=2)  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut; a wider block pads the shortcut's channels with zeros."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            *_convolution(channels, width, 3), nn.Conv1d(width, width, 3, padding=1), nn.BatchNorm1d(width)
        )
        self.extra_channels = width - channels

    def forward(self, features: Tensor) -> Tensor:
        """`(B, width, F)` of `(B, channels, F)`."""
        shortcut = nn.functional.pad(features, (0, 0, 0, self.extra_channels))
        return nn.functional.relu(self.convolutions(features) + shortcut)


def _convolution(channels: int, width: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    # The first, wide filter is not padded, as in the tutorial; the small ones of deep networks must be.
    padding = 1 if kernel == 3 else 0
    return [
        nn.Conv1d(channels, width, kernel, stride=stride, padding=padding),
        nn.BatchNorm1d(width),
        nn.ReLU(inplace=True),
    ]


MNET: dict[str, Callable[..., nn.Module]] = {name: partial(MNet, layout) for name, layout in LAYOUTS.items()}
