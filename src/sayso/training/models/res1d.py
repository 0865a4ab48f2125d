"""A plain residual network in time: our own, made for quick training and recognition on a processor.

The bands are channels, as in TC-ResNet. One strided convolution halves time and widens to `width` channels,
which stay the same through all blocks; halfway, an average may halve time again. A block convolves in time
within groups of channels, mixes the channels, weighs them if wanted (squeeze and excitation: J. Hu, L. Shen
and G. Sun, CVPR 2018, arXiv:1709.01507), and adds the result to what it was given. The mean and the greatest
value over time are the embedding that the head reads. The means of the two blocks before the last one follow:
they know less of the words that were trained, and tell words apart better that were not.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sayso.errors import RecipeError


class Res1d(nn.Module):
    """The body of the network.

    Groups of 16 channels fill a processor's vector registers: convolutions of narrower groups, and depth-wise
    ones above all, take as long and learn less.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        width: int = 64,
        blocks: int = 4,
        kernel: int = 5,
        group_width: int = 16,
        halving: bool = True,
        excitation: bool = False,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if width % group_width or kernel % 2 == 0 or blocks < 1:
            raise RecipeError("`res1d` needs a block, whole groups in its width, and an odd kernel.")
        self.read = 2 * width
        self.lower = slice(max(0, blocks - 3), blocks - 1)  # blocks, of those in time
        self.features = self.read + len(range(blocks)[self.lower]) * width
        self.first = nn.Sequential(
            nn.Conv1d(in_channels, width, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
        )
        layers: list[nn.Module] = [
            TimeBlock(width, kernel, width // group_width, excitation) for _ in range(blocks)
        ]
        if halving:
            layers.insert(blocks // 2, nn.AvgPool1d(2))
        self.blocks = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Embedding `(B, E)` of features `(B, C, F)`."""
        hidden, means = self.first(features), []  # (B, width, F / 2 or F / 4)
        for block in self.blocks:
            hidden = block(hidden)
            if isinstance(block, TimeBlock):
                means.append(hidden.mean(dim=2))  # (B, width)
        pooled = self.dropout(torch.cat([means[-1], hidden.amax(dim=2)], dim=1))  # (B, 2 width)
        return torch.cat([pooled, *means[self.lower]], dim=1)


class TimeBlock(nn.Module):
    """Along time within groups of channels, then across all channels, weighed if wanted, and added."""

    def __init__(self, width: int, kernel: int, groups: int, excitation: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=groups, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Conv1d(width, width, 1, bias=False),
            nn.BatchNorm1d(width),
            *([Excitation(width)] if excitation else []),
        )

    def forward(self, features: Tensor) -> Tensor:
        """`(B, width, F)` of the same."""
        return nn.functional.relu(features + self.layers(features))

    def add_nothing(self) -> None:
        """Begin as if the block were not there."""
        nn.init.zeros_(self.layers[4].weight)  # type: ignore[arg-type]


class Excitation(nn.Module):
    """A weight between 0 and 1 for each channel, from the means of all channels over time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.Linear(width, width // 8), nn.ReLU(inplace=True), nn.Linear(width // 8, width), nn.Sigmoid()
        )

    def forward(self, features: Tensor) -> Tensor:
        """`(B, C, F)` of the same."""
        return features * self.weigh(features.mean(dim=2)).unsqueeze(2)  # type: ignore[no-any-return]


RES1D: dict[str, Callable[..., nn.Module]] = {"res1d": Res1d}
