"""One door to every network.

A network is a front end, a body and a linear head, so any body works with any front end of its kind (the
M-networks read waveforms, all others spectra):

    front end   waveform (B, T) at 16 kHz  ->  features (B, C, F);  knows `channels`
    body        features (B, C, F)         ->  embedding (B, E);    knows `features`, which is E
    head        embedding (B, E)           ->  logits (B, labels)

A body may know `read`, too: the head reads so many of the embedding's values, the first ones, and the rest is
there for words that are taught later.

Adding a network adds one entry to `BODIES`; it then appears in `names()`, in the tests and in the docs.
"""

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from sayso.errors import RecipeError
from sayso.training.models.bc_resnet import BC_RESNET
from sayso.training.models.frontend import FRONTENDS
from sayso.training.models.matchboxnet import MATCHBOXNET
from sayso.training.models.mnet import MNET
from sayso.training.models.recurrent import RECURRENT
from sayso.training.models.res1d import RES1D
from sayso.training.models.tc_resnet import TC_RESNET

BODIES: dict[str, Callable[..., nn.Module]] = {
    **MNET,
    **TC_RESNET,
    **MATCHBOXNET,
    **BC_RESNET,
    **RECURRENT,
    **RES1D,
}


class Network(nn.Module):
    """Front end, body and head: waveform in, logits and embedding out."""

    def __init__(self, frontend: nn.Module, body: nn.Module, labels: int) -> None:
        super().__init__()
        self.frontend = frontend
        self.body = body
        self.head = nn.Linear(int(getattr(body, "read", body.features)), labels)  # type: ignore[arg-type]

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `(B, labels)` and embedding `(B, E)` of waveforms `(B, T)` in [-1, 1] at 16 kHz."""
        return self.answer(self.frontend(waveform))

    def answer(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The same of features `(B, C, F)`, as the front end makes them."""
        embedding, read = self.body(features), self.head.in_features
        return self.head(embedding[:, :read] if read < embedding.shape[1] else embedding), embedding

    def with_whole_head(self) -> "Network":
        """The same network, whose head reads all of the embedding: with weights of zero, what it did not."""
        whole = copy.deepcopy(self)
        unread = int(self.body.features) - self.head.in_features  # type: ignore[arg-type]
        whole.head.in_features += unread
        whole.head.weight = nn.Parameter(nn.functional.pad(self.head.weight.detach(), (0, unread)))
        return whole


def create(
    name: str,
    labels: int,
    *,
    frontend: str = "raw",
    frontend_options: dict[str, Any] | None = None,
    **options: Any,
) -> Network:
    """Build a network by name.

    Args:
        name: one of `names()`.
        labels: size of the logits.
        frontend: one of `FRONTENDS`.
        frontend_options: keywords of the front end, such as `sample_rate` or `bands`.
        options: keywords of the body.

    Raises:
        RecipeError: no such network, front end or option, or a pair that makes no sense.

    """
    if name not in BODIES:
        raise RecipeError(f"There is no network {name!r}: choose from {', '.join(names())}.")
    if frontend not in FRONTENDS:
        raise RecipeError(f"There is no front end {frontend!r}: choose from {', '.join(FRONTENDS)}.")
    if (name in MNET) != (frontend == "raw"):
        wanted = [other for other in FRONTENDS if (other == "raw") == (name in MNET)]
        raise RecipeError(f"{name} cannot read the front end {frontend}: choose from {', '.join(wanted)}.")
    try:
        front = FRONTENDS[frontend](**(frontend_options or {}))
        return Network(front, BODIES[name](in_channels=front.channels, **options), labels)
    except TypeError as error:
        raise RecipeError(f"{name} or {frontend} has no such option: {error}") from error


def names() -> list[str]:
    """The networks that can be built, sorted."""
    return sorted(BODIES)


def parameter_count(network: nn.Module) -> int:
    """How many numbers training adjusts."""
    return sum(parameter.numel() for parameter in network.parameters())
