"""Broadcasted residual networks: BC-ResNet-1, -2, -3 and -8.

B. Kim, S. Chang, J. Lee and D. Sung, "Broadcasted Residual Learning for Efficient Keyword Spotting",
Interspeech 2021 (arXiv:2106.04140), Figure 2 and Table 1; sub-spectral normalisation: S. Chang, H. Park,
J. Cho, H. Park, S. Yun and K. Hwang, "SubSpectral Normalization for Neural Audio Data Processing", ICASSP
2021 (arXiv:2103.13620).

Most work is done on features averaged over frequency, which are cheap, and broadcast back over all of them.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from sayso.errors import RecipeError

SUB_BANDS = 5
# (channels at scale 1, blocks, stride in frequency, dilation in time) of each stage of Table 1.
STAGES = ((8, 2, 1, 1), (12, 2, 2, 2), (16, 4, 2, 4), (20, 4, 1, 8))
FIRST_CHANNELS, LAST_CHANNELS = 16, 32


class BcResNet(nn.Module):
    """The body of a BC-ResNet; `scale` is the paper's tau."""

    def __init__(self, scale: float, *, in_channels: int, dropout: float = 0.1) -> None:
        super().__init__()
        if in_channels % (8 * SUB_BANDS):
            raise RecipeError(
                "A BC-ResNet reads 40 or 80 bands (log_mel, mfcc or pcen): three layers halve them, and five "
                f"sub-bands must be left; not {in_channels}."
            )
        first, last = round(scale * FIRST_CHANNELS), round(scale * LAST_CHANNELS)
        self.features = last
        layers: list[nn.Module] = [
            nn.Conv2d(1, first, 5, stride=(2, 1), padding=2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
        ]
        channels = first
        for base, blocks, stride, dilation in STAGES:
            width = round(scale * base)
            for index in range(blocks):
                layers.append(
                    BroadcastedBlock(channels, width, 1 if index else stride, dilation, dropout, not index)
                )
                channels = width
        layers += [
            nn.Conv2d(channels, channels, 5, padding=(0, 2), groups=channels, bias=False),
            nn.Conv2d(channels, last, 1, bias=False),
            nn.BatchNorm2d(last),
            nn.ReLU(inplace=True),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Embedding `(B, E)` of features `(B, M, F)`."""
        return self.layers(features[:, None]).mean(dim=(2, 3))  # type: ignore[no-any-return]


class BroadcastedBlock(nn.Module):
    """Equation 2: y = x + f2(x) + broadcast(f1(mean over frequency of f2(x))), f2 in frequency, f1 in time.

    A transition block (equation 3), the first of a stage, changes the channels in f2 and has no x.
    """

    def __init__(
        self, channels: int, width: int, stride: int, dilation: int, dropout: float, transition: bool
    ) -> None:
        super().__init__()
        self.transition = transition
        enter = (
            [nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            if transition
            else []
        )
        self.along_frequency = nn.Sequential(
            *enter,
            nn.Conv2d(width, width, (3, 1), stride=(stride, 1), padding=(1, 0), groups=width, bias=False),
            SubSpectralNorm(width),
        )
        self.in_time = nn.Sequential(
            nn.Conv2d(
                width, width, (1, 3), padding=(0, dilation), dilation=(1, dilation), groups=width, bias=False
            ),
            nn.BatchNorm2d(width),
            nn.SiLU(inplace=True),
            nn.Conv2d(width, width, 1, bias=False),
            nn.Dropout2d(dropout),
        )

    def forward(self, features: Tensor) -> Tensor:
        """`(B, width, M / stride, F)` of `(B, channels, M, F)`."""
        two_dimensional = self.along_frequency(features)  # (B, width, M / stride, F)
        temporal = self.in_time(two_dimensional.mean(dim=2, keepdim=True))  # (B, width, 1, F)
        joined = two_dimensional + temporal
        return nn.functional.relu(joined if self.transition else joined + features)


class SubSpectralNorm(nn.Module):
    """Batch normalisation with statistics and weights of its own for each sub-band of the frequencies."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm2d(channels * SUB_BANDS)

    def forward(self, features: Tensor) -> Tensor:
        """`(B, C, M, F)` of the same."""
        batch, channels, bands, frames = features.shape
        split = features.reshape(batch, channels * SUB_BANDS, bands // SUB_BANDS, frames)
        return self.normalise(split).reshape(batch, channels, bands, frames)  # type: ignore[no-any-return]


BC_RESNET: dict[str, Callable[..., nn.Module]] = {
    f"bc_resnet_{scale}": partial(BcResNet, scale) for scale in (1, 2, 3, 8)
}
