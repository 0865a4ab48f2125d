"""Learning from bigger networks' answers.

G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015 (arXiv:1503.02531):
the student also learns the teachers' mean probabilities, both softened by a temperature.
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from sayso.errors import RecipeError
from sayso.training.recipe import TrainingRecipe
from sayso.training.run import Run


class Teachers:
    """The recipe's teachers; without any, the loss stays what it is.

    Raises:
        RecipeError: a teacher knows other words.
        RunError: a teacher is no finished run.

    """

    def __init__(self, recipe: TrainingRecipe, words: tuple[str, ...], device: torch.device) -> None:
        self.weight, self.temperature = recipe.teacher_weight, recipe.teacher_temperature
        self.networks = []
        for folder in recipe.teachers:
            network, known = Run.open(Path(folder)).network()
            if known != words:
                raise RecipeError(f"The teacher {folder} knows other words than this recipe's data has.")
            self.networks.append(network.to(device).requires_grad_(False))

    def loss(self, loss: Tensor, logits: Tensor, waveforms: Tensor) -> Tensor:
        """The loss, shared between the targets and the teachers' answers to the same waveforms `(B, T)`."""
        if not self.networks:
            return loss
        with torch.no_grad():
            answers = [functional.softmax(one(waveforms)[0] / self.temperature, 1) for one in self.networks]
        softened = functional.log_softmax(logits / self.temperature, 1)
        taught = functional.kl_div(softened, torch.stack(answers).mean(0), reduction="batchmean")
        return (1 - self.weight) * loss + self.weight * self.temperature**2 * taught
