"""Time-channel separable convolutions with residual blocks: MatchboxNet-B×R×C.

S. Majumdar and B. Ginsburg, "MatchboxNet: 1D Time-Channel Separable Convolutional Neural Network Architecture
for Speech Commands Recognition", Interspeech 2020 (arXiv:2004.08531), Figure 1 and Table 1. B blocks of R
separable convolutions with C channels each, between a first and two last convolutions of 128 channels.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

OUTER_CHANNELS = 128


class MatchboxNet(nn.Module):
    """The body of a MatchboxNet."""

    def __init__(
        self, *, in_channels: int, blocks: int = 3, repeats: int = 1, channels: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.features = OUTER_CHANNELS
        layers: list[nn.Module] = [*_separable(in_channels, OUTER_CHANNELS, kernel=11), nn.ReLU(inplace=True)]
        width = OUTER_CHANNELS
        for index in range(blocks):
            layers.append(SeparableBlock(width, channels, 13 + 2 * index, repeats, dropout))
            width = channels
        layers += [*_separable(width, OUTER_CHANNELS, kernel=29, dilation=2), nn.ReLU(inplace=True)]
        layers += [
            nn.Conv1d(OUTER_CHANNELS, OUTER_CHANNELS, 1, bias=False),
            nn.BatchNorm1d(OUTER_CHANNELS),
            nn.ReLU(inplace=True),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Embedding `(B, E)` of features `(B, C, F)`."""
        return self.layers(features).mean(dim=2)  # type: ignore[no-any-return]


class SeparableBlock(nn.Module):
    """Separable convolutions and a shortcut of one point-wise convolution, joined before the last ReLU."""

    def __init__(self, channels: int, width: int, kernel: int, repeats: int, dropout: float) -> None:
        super().__init__()
        layers = _separable(channels, width, kernel)
        for _ in range(repeats - 1):
            layers += [nn.ReLU(inplace=True), nn.Dropout(dropout), *_separable(width, width, kernel)]
        self.convolutions = nn.Sequential(*layers)
        self.shortcut = nn.Sequential(nn.Conv1d(channels, width, 1, bias=False), nn.BatchNorm1d(width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """`(B, width, F)` of `(B, channels, F)`."""
        joined = self.convolutions(features) + self.shortcut(features)
        return self.dropout(nn.functional.relu(joined))  # type: ignore[no-any-return]


def _separable(channels: int, width: int, kernel: int, dilation: int = 1) -> list[nn.Module]:
    padding = dilation * (kernel - 1) // 2
    return [
        nn.Conv1d(
            channels, channels, kernel, padding=padding, dilation=dilation, groups=channels, bias=False
        ),  # along time, each channel by itself
        nn.Conv1d(channels, width, 1, bias=False),
        nn.BatchNorm1d(width),
    ]


MATCHBOXNET: dict[str, Callable[..., nn.Module]] = {
    "matchboxnet_3x1x64": partial(MatchboxNet, repeats=1),
    "matchboxnet_3x2x64": partial(MatchboxNet, repeats=2),
}
