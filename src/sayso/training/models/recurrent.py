"""Recurrent networks: LSTM, GRU and CRNN of one study, and the attention RNN of another.

Y. Zhang, N. Suda, L. Lai and V. Chandra, "Hello Edge: Keyword Spotting on Microcontrollers", 2017
(arXiv:1711.07128), the middle of its three sizes: `lstm` is its Basic LSTM, without projection.

D. Coimbra de Andrade, S. Leo, M. Loesener Da Silva Viana and C. Bernkopf, "A neural attention model for
speech command recognition", 2018 (arXiv:1808.08929), Figure 1.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn


class Recurrent(nn.Module):
    """A recurrent layer that reads the frames one by one; its last state is the embedding."""

    def __init__(
        self, kind: type[nn.LSTM] | type[nn.GRU], *, in_channels: int, hidden: int, layers: int = 1
    ) -> None:
        super().__init__()
        self.features = hidden
        self.cell = kind(in_channels, hidden, num_layers=layers, batch_first=True)

    def forward(self, features: Tensor) -> Tensor:
        """Embedding `(B, E)` of features `(B, C, F)`."""
        states, _ = self.cell(features.transpose(1, 2))  # (B, F, E)
        return states[:, -1]  # type: ignore[no-any-return]


class Crnn(nn.Module):
    """A convolution in time and frequency, two GRU layers, a dense layer."""

    def __init__(
        self, *, in_channels: int, filters: int = 128, hidden: int = 76, embedding: int = 164
    ) -> None:
        super().__init__()
        self.features = embedding
        # 4 × 10 with strides 2 × 2 for the paper's 10 bands, and so much wider and farther for more that the
        # filter still has four places in frequency.
        kernel, stride = max(2 * in_channels // 5, 1), max(in_channels // 5, 1)
        places = 1 + (in_channels - kernel) // stride
        self.convolution = nn.Sequential(
            nn.Conv2d(1, filters, (kernel, 10), stride=(stride, 2)), nn.ReLU(inplace=True)
        )
        self.cell = nn.GRU(filters * places, hidden, num_layers=2, batch_first=True)
        self.dense = nn.Sequential(nn.Linear(hidden, embedding), nn.ReLU(inplace=True))

    def forward(self, features: Tensor) -> Tensor:
        """Embedding `(B, E)` of features `(B, M, F)`."""
        hidden = self.convolution(features[:, None])  # (B, filters, places, F / 2)
        states, _ = self.cell(hidden.flatten(1, 2).transpose(1, 2))  # (B, F / 2, hidden)
        return self.dense(states[:, -1])  # type: ignore[no-any-return]


class AttentionRnn(nn.Module):
    """Two convolutions in time, two bidirectional LSTMs, attention, two dense layers.

    The attention asks with the state of the middle frame, around which the word is expected.
    """

    def __init__(self, *, in_channels: int, filters: int = 10, hidden: int = 64) -> None:
        super().__init__()
        self.features = 32
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, filters, (1, 5), padding=(0, 2)),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
            nn.Conv2d(filters, 1, (1, 5), padding=(0, 2)),
            nn.BatchNorm2d(1),
            nn.ReLU(inplace=True),
        )
        self.cell = nn.LSTM(in_channels, hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.ask = nn.Linear(2 * hidden, 2 * hidden)
        self.dense = nn.Sequential(nn.Linear(2 * hidden, 64), nn.ReLU(inplace=True), nn.Linear(64, 32))

    def forward(self, features: Tensor) -> Tensor:
        """Embedding `(B, E)` of features `(B, M, F)`."""
        hidden = self.convolutions(features[:, None]).squeeze(1)  # (B, M, F)
        states, _ = self.cell(hidden.transpose(1, 2))  # (B, F, 2 hidden)
        query = self.ask(states[:, states.shape[1] // 2])  # (B, 2 hidden)
        weights = torch.softmax(states @ query[:, :, None], dim=1)  # (B, F, 1)
        return self.dense((weights * states).sum(dim=1))  # type: ignore[no-any-return]


RECURRENT: dict[str, Callable[..., nn.Module]] = {
    "lstm": partial(Recurrent, nn.LSTM, hidden=214),
    "gru": partial(Recurrent, nn.GRU, hidden=250),
    "crnn": Crnn,
    "att_rnn": AttentionRnn,
}
