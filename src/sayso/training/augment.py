"""Augmentation: a recipe's steps as one chain over batches of tensors.

    [[augment]]
    step = "noise"
    probability = 0.8
    snr_db = [0, 30]

Every step is named and bounded, and draws from the generator it is given alone: the same batch and the same
generator state give the same result, whatever else is trained beside it. No step loops over clips.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sayso.errors import RecipeError
from sayso.training.augment_step import SAMPLE_RATE, Batch, FeatureStep, Step, WaveformStep
from sayso.training.channels import BandLimit, Quantize
from sayso.training.noise import Noise, read_noises
from sayso.training.rooms import Reverb
from sayso.training.streams import Stream
from sayso.training.transforms import Cut, Gain, Mixup, Shift, SpecAugment, Speed, Trim

__all__ = ["SAMPLE_RATE", "STEPS", "Augmentation", "Batch", "build", "read_noises"]

STEPS: dict[str, type[Step]] = {
    "shift": Shift,
    "stream": Stream,
    "speed": Speed,
    "gain": Gain,
    "noise": Noise,
    "reverb": Reverb,
    "band_limit": BandLimit,
    "quantize": Quantize,
    "cut": Cut,
    "trim": Trim,
    "mixup": Mixup,
    "spec_augment": SpecAugment,
}


@dataclass(frozen=True)
class Augmentation:
    """A recipe's chain.

    Attributes:
        steps: what happens to waveforms and to features, each kind in the recipe's order.

    """

    steps: tuple[Step, ...] = ()

    def waveforms(self, batch: Batch, generator: torch.Generator) -> Batch:
        """The batch after all steps that change waveforms.

        The given batch is left as it is. What the last step leaves beyond ±1 is clipped.

        Args:
            batch: waveforms `(B, T)` float32 in [-1, 1], targets `(B, L)`.
            generator: on any device; the same state gives the same result.

        """
        steps = [step for step in self.steps if isinstance(step, WaveformStep)]
        if not steps or not len(batch.waveforms):
            return batch
        changed = Batch(batch.waveforms.clone(), batch.targets)  # the steps write into it
        for step in steps:
            changed = step.alter(changed, generator)
        changed.waveforms.clamp_(-1, 1)
        return changed

    def features(self, features: Tensor, generator: torch.Generator) -> Tensor:
        """Features `(B, C, F)` of the front end after all steps that change features; differentiable."""
        for step in self.steps:
            if isinstance(step, FeatureStep) and len(features):
                features = step.alter(features, generator)
        return features


def build(
    steps: Sequence[Mapping[str, Any]], noises: Tensor | None, labels: Sequence[str] = ()
) -> Augmentation:
    """The chain of a recipe.

    Args:
        steps: the recipe's tables, each with the name of its `step`, its `probability` and its options.
        noises: `(N,)` background recordings, see `read_noises`; None where there are none.
        labels: what the columns of the targets stand for.

    Raises:
        RecipeError: an unknown step or option, or a value out of bounds.

    """
    given: dict[type[Step], dict[str, Any]] = {
        Noise: {"recorded": noises},
        Stream: {"labels": tuple(labels)},
    }
    chain = []
    for table in steps:
        options = dict(table)
        name = options.pop("step", None)
        if not isinstance(name, str) or name not in STEPS:
            raise RecipeError(f"There is no augment step {name!r}: the steps are {', '.join(STEPS)}.")
        chain.append(STEPS[name].from_options(name, options, **given.get(STEPS[name], {})))
    return Augmentation(tuple(chain))
