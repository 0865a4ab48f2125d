"""What an augmentation step is: its options, checked against their bounds, and how it draws.

The steps are in `transforms`, `noise`, `rooms` and `channels`; `augment` makes a recipe's chain of them.
"""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from sayso.errors import RecipeError

SAMPLE_RATE = 16_000
SILENCE_RMS = 2 / 32768  # below it a clip has no level to speak of: a little dither, or nothing


@dataclass(frozen=True)
class Batch:
    """Clips on their way into a network.

    Attributes:
        waveforms: `(B, T)` float32 in [-1, 1] at `SAMPLE_RATE`.
        targets: `(B, L)` float32, each row sums to one.

    """

    waveforms: Tensor
    targets: Tensor


def is_number(value: Any) -> bool:
    """Whether a value of a recipe is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(default: float, low: float, high: float, *, whole: bool = False) -> Any:
    """An option that is one number within bounds; `whole` for counts."""

    def check(value: Any) -> float:
        if not is_number(value) or not low <= value <= high or (whole and not isinstance(value, int)):
            raise ValueError(f"must be a {'whole ' if whole else ''}number from {low:g} to {high:g}")
        return value if whole else float(value)

    return dataclasses.field(default=default, metadata={"check": check})


def span(default: tuple[float, float], low: float, high: float) -> Any:
    """An option that is a range `[lowest, highest]` within bounds, from which a value is drawn evenly."""

    def check(value: Any) -> tuple[float, float]:
        if isinstance(value, list | tuple) and len(value) == 2:
            first, last = value
            if is_number(first) and is_number(last) and low <= first <= last <= high:
                return float(first), float(last)
        raise ValueError(f"must be two rising numbers [lowest, highest] from {low:g} to {high:g}")

    return dataclasses.field(default=default, metadata={"check": check})


def weights(**default: float) -> Any:
    """An option that is a table of kinds and how often each is drawn; kinds left out or 0 are never drawn."""

    def check(value: Any) -> dict[str, float]:
        if isinstance(value, Mapping):
            if unknown := sorted(set(value) - set(default)):
                raise ValueError(f"has no kind {unknown[0]!r}: the kinds are {', '.join(default)}")
            if any(value.values()) and all(is_number(item) and 0 <= item <= 1e6 for item in value.values()):
                return {kind: float(weight) for kind, weight in value.items() if weight}
        raise ValueError(f"must be a table such as {{ {', '.join(f'{kind} = 1' for kind in default)} }}")

    return dataclasses.field(default_factory=lambda: check(default), metadata={"check": check})


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the chain, applied to each clip with a probability of its own.

    Options are the fields made by `number`, `span` and `weights`.
    """

    probability: float = number(1.0, 0, 1)
    _kept: dict[Hashable, Tensor] = dataclasses.field(default_factory=dict, init=False, repr=False)

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, Any], **given: Any) -> Self:
        """The step with a recipe's options, and with what else it needs (`given`).

        Raises:
            RecipeError: an unknown option, or a value out of bounds.

        """
        fields = dataclasses.fields(cls)
        checks = {field.name: field.metadata["check"] for field in fields if "check" in field.metadata}
        checked = {}
        for option, value in options.items():
            where = f"The augment step {name!r}"
            if option not in checks:
                raise RecipeError(f"{where} has no option {option!r}: the options are {', '.join(checks)}.")
            try:
                checked[option] = checks[option](value)
            except ValueError as error:
                raise RecipeError(f"{where} has {option} = {value!r}, which {error}.") from error
        return cls(**checked, **given)

    def keep(self, key: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """What `make` gives, made once for each key: a bank of noise on one device, say."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def drawn(self, count: int, generator: torch.Generator, device: torch.device) -> Tensor:
        """Which of some clips the step applies to, `(count,)` bool."""
        return uniform(count, (0.0, 1.0), generator, device) < self.probability


class WaveformStep(Step, ABC):
    """A step that changes waveforms."""

    @abstractmethod
    def alter(self, batch: Batch, generator: torch.Generator) -> Batch:
        """The batch with the step applied to the drawn clips; the given waveforms may be overwritten."""


class PartialStep(WaveformStep):
    """A step dear enough to be computed for the drawn clips alone."""

    def alter(self, batch: Batch, generator: torch.Generator) -> Batch:
        """See `WaveformStep`."""
        drawn = self.drawn(len(batch.waveforms), generator, batch.waveforms.device)
        rows = drawn.nonzero()[:, 0]
        if len(rows):
            changed = self.change(batch.waveforms.index_select(0, rows), generator)
            batch.waveforms.index_copy_(0, rows, changed)
        return batch

    @abstractmethod
    def change(self, waveforms: Tensor, generator: torch.Generator) -> Tensor:
        """Apply the step to each of some waveforms `(B, T)`."""


class FeatureStep(Step, ABC):
    """A step that changes what the front end made of the waveforms."""

    @abstractmethod
    def alter(self, features: Tensor, generator: torch.Generator) -> Tensor:
        """Features `(B, C, F)` with the step applied to the drawn clips."""


def uniform(
    count: int, bounds: tuple[float, float], generator: torch.Generator, device: torch.device
) -> Tensor:
    """Numbers `(count,)` drawn evenly from a range, where the generator is, for use on a device."""
    low, high = bounds
    return (torch.rand(count, generator=generator, device=generator.device) * (high - low) + low).to(device)


def choose(weights: Iterable[float], count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Indices `(count,)` int64, each drawn with a probability proportional to its weight."""
    rising = torch.tensor(list(weights)).cumsum(0)
    drawn = uniform(count, (0.0, float(rising[-1])), generator, device)
    return torch.bucketize(drawn, rising.to(device), right=True).clamp_(max=len(rising) - 1)


def cut_out(samples: Tensor, first: Tensor, length: int) -> Tensor:
    """Stretches `(B, length)` of samples `(N,)` that begin at `first` `(B,)`; far faster than `gather`."""
    return samples.unfold(0, length, 1).index_select(0, first)


def decibels(value: Tensor) -> Tensor:
    """The factor of the amplitude that a gain in decibels is."""
    return torch.exp(value * (math.log(10) / 20))


def level(waveforms: Tensor) -> Tensor:
    """Root mean square `(B, 1)` of each waveform `(B, T)`, over its whole length."""
    norm: Tensor = torch.linalg.vector_norm(waveforms, dim=1, keepdim=True)
    return norm / math.sqrt(waveforms.shape[1])


def fast_length(least: int) -> int:
    """The smallest even length of a fast Fourier transform from `least` on: a product of 2, 3, 5 and 7."""
    length = least + least % 2
    while True:
        rest = length
        for factor in (2, 3, 5, 7):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 2
