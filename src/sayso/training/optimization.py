"""Optimisers, learning rates and averaged weights."""

import copy
import math
from collections.abc import Callable

import torch
from torch import nn

from sayso.training.recipe import TrainingRecipe

SGD_MOMENTUM = 0.9
ONE_CYCLE_RISE = 0.3  # share of the steps in which the rate of "one_cycle" rises

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": lambda parameters, **options: torch.optim.SGD(
        parameters, momentum=SGD_MOMENTUM, nesterov=True, **options
    ),
}


def make_optimizer(network: nn.Module, recipe: TrainingRecipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over all weights."""
    make = OPTIMIZERS[recipe.optimizer]
    return make(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)


def learning_rate(recipe: TrainingRecipe, step: int, steps_per_epoch: int) -> float:
    """The learning rate of one step: a function of the step alone, so that a resumed run needs no state."""
    epoch = step / steps_per_epoch
    done = epoch / recipe.epochs  # in [0, 1)
    if recipe.schedule == "one_cycle":  # Smith and Topin 2017: up, then down, both along a cosine
        if done < ONE_CYCLE_RISE:
            return recipe.learning_rate * (1 - math.cos(math.pi * (done / ONE_CYCLE_RISE * 0.96 + 0.04))) / 2
        return (
            recipe.learning_rate
            * (1 + math.cos(math.pi * (done - ONE_CYCLE_RISE) / (1 - ONE_CYCLE_RISE)))
            / 2
        )
    rate = recipe.learning_rate
    if epoch < recipe.warmup_epochs:
        return rate * (epoch + 1 / steps_per_epoch) / recipe.warmup_epochs
    if recipe.schedule == "step":
        return rate / 10 if epoch >= recipe.step_epochs else rate
    if recipe.schedule == "cosine":
        left = recipe.epochs - recipe.warmup_epochs
        return rate * (1 + math.cos(math.pi * (epoch - recipe.warmup_epochs) / left)) / 2
    return rate


class AveragedWeights:
    """An exponential moving average of a network's weights, and of its batch statistics.

    Young averages follow the weights closely, `decay` being reached only after some `10 / (1 - decay)`
    steps, so that the first, random weights are forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the network's present weights."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for mean, value in zip(
            self.network.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)
