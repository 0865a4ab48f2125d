"""Temporal convolutions with residual blocks: TC-ResNet8 and TC-ResNet14.

S. Choi, S. Seo, B. Shin, H. Byun, M. Kersner, B. Kim, D. Kim and S. Ha, "Temporal Convolution for Real-time
Keyword Spotting on Mobile Devices", Interspeech 2019 (arXiv:1904.03814), Figure 2. The bands are the channels
of the first layer, so that every layer sees all frequencies and convolves in time alone.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

KERNEL = 9
# Channels of the first convolution and of each block; a block that widens halves time.
CHANNELS = {
    "tc_resnet8": (16, 24, 32, 48),
    "tc_resnet14": (16, 24, 24, 32, 32, 48, 48),
}


class TcResNet(nn.Module):
    """The body of a TC-ResNet; `width` multiplies the channels, 1.5 being the paper's larger variant."""

    def __init__(
        self, channels: tuple[int, ...], *, in_channels: int, width: float = 1.0, dropout: float = 0.5
    ) -> None:
        super().__init__()
        widths = [round(width * count) for count in channels]
        self.features = widths[-1]
        self.first = nn.Sequential(
            nn.Conv1d(in_channels, widths[0], 3, padding=1, bias=False),
            nn.BatchNorm1d(widths[0]),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.Sequential(*map(TemporalBlock, widths[:-1], widths[1:]))
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Embedding `(B, E)` of features `(B, C, F)`."""
        hidden = self.blocks(self.first(features))  # (B, E, F / 8)
        return self.dropout(hidden.mean(dim=2))  # type: ignore[no-any-return]


class TemporalBlock(nn.Module):
    """Two convolutions in time and a shortcut, which is a convolution too where the block widens."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        stride = 1 if channels == width else 2
        self.convolutions = nn.Sequential(
            nn.Conv1d(channels, width, KERNEL, stride=stride, padding=KERNEL // 2, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2, bias=False),
            nn.BatchNorm1d(width),
        )
        self.shortcut: nn.Module = nn.Identity()
        if channels != width:
            self.shortcut = nn.Sequential(
                nn.Conv1d(channels, width, 1, stride=stride, bias=False),
                nn.BatchNorm1d(width),
                nn.ReLU(inplace=True),
            )

    def forward(self, features: Tensor) -> Tensor:
        """`(B, width, F or F / 2)` of `(B, channels, F)`."""
        return nn.functional.relu(self.convolutions(features) + self.shortcut(features))


TC_RESNET: dict[str, Callable[..., nn.Module]] = {
    name: partial(TcResNet, channels) for name, channels in CHANNELS.items()
}
