"""A plain residual network in time: our own, made for quick training and recognition on a processor.

The bands are channels, as in TC-ResNet; one strided convolution halves time and widens to `width` channels,
which stay the same through all blocks. A block convolves in time within groups of channels, mixes the
channels, weighs them (squeeze and excitation: J. Hu, L. Shen and G. Sun, CVPR 2018, arXiv:1709.01507) and
adds the result to what it was given. The mean and the greatest value over time are the embedding.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sayso.errors import RecipeError


class Res1d(nn.Module):
    """The body of the network."""

    def __init__(
        self,
        *,
        in_channels: int,
        width: int = 96,
        blocks: int = 4,
        kernel: int = 9,
        groups: int | None = None,  # of the convolutions in time; as many as channels where None
        excitation: bool = True,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        groups = groups or width
        if width % groups or kernel % 2 == 0:
            raise RecipeError("The width of `res1d` is divisible by its groups, and its kernel is odd.")
        self.features = 2 * width
        self.first = nn.Sequential(
            nn.Conv1d(in_channels, width, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.Sequential(
            *(ResidualBlock(width, kernel, groups, excitation) for _ in range(blocks))
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Embedding `(B, E)` of features `(B, C, F)`."""
        hidden = self.blocks(self.first(features))  # (B, width, F / 2)
        pooled = torch.cat([hidden.mean(dim=2), hidden.amax(dim=2)], dim=1)  # (B, 2 width)
        return self.dropout(pooled)  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """Along time, across channels, weighed, and added."""

    def __init__(self, width: int, kernel: int, groups: int, excitation: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=groups, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Conv1d(width, width, 1, bias=False),
            nn.BatchNorm1d(width),
        ]
        self.layers = nn.Sequential(*layers, *([Excitation(width)] if excitation else []))

    def forward(self, features: Tensor) -> Tensor:
        """`(B, width, F)` of the same."""
        return nn.functional.relu(features + self.layers(features))


class Excitation(nn.Module):
    """A weight between 0 and 1 for each channel, from the means of all channels over time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.Linear(width, width // 8), nn.ReLU(inplace=True), nn.Linear(width // 8, width), nn.Sigmoid()
        )

    def forward(self, features: Tensor) -> Tensor:
        """`(B, C, F)` of the same."""
        return features * self.weigh(features.mean(dim=2))[:, :, None]  # type: ignore[no-any-return]


RES1D: dict[str, Callable[..., nn.Module]] = {"res1d": Res1d}
