"""Learning from bigger networks' answers.

G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015 (arXiv:1503.02531):
the student also learns the teachers' mean probabilities, both softened by a temperature.
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from sayso.errors import RecipeError
from sayso.training.models import Network
from sayso.training.recipe import Recipe
from sayso.training.run import Run


class Teachers:
    """The recipe's teachers; without any, the loss stays what it is.

    Raises:
        RecipeError: a teacher knows other words.
        RunError: a teacher is no finished run.

    """

    def __init__(self, recipe: Recipe, words: tuple[str, ...], device: torch.device) -> None:
        self.weight, self.temperature = recipe.training.teacher_weight, recipe.training.teacher_temperature
        self.precision = recipe.training.precision
        self.networks: list[tuple[Network, bool]] = []  # and whether its features are the student's
        for folder in recipe.training.teachers:
            run = Run.open(Path(folder))
            network, known = run.network()
            if known != words:
                raise RecipeError(f"The teacher {folder} knows other words than this recipe's data has.")
            mine, its = recipe.network, run.recipe.network
            alike = (mine.frontend, mine.frontend_options) == (its.frontend, its.frontend_options)
            self.networks.append((network.to(device).requires_grad_(False), alike))

    def loss(self, loss: Tensor, logits: Tensor, waveforms: Tensor, features: Tensor) -> Tensor:
        """The loss, shared between the targets and the teachers' answers.

        Args:
            loss: that of the targets.
            logits: the student's, `(B, labels)`.
            waveforms: what it heard, `(B, T)`.
            features: what its front end made of that, unmasked: a teacher with the same one takes these.

        """
        if not self.networks:
            return loss
        low = self.precision == "bfloat16"
        with torch.no_grad(), torch.autocast(waveforms.device.type, torch.bfloat16, enabled=low):
            heard = [
                network.answer(features if alike else network.frontend(waveforms))[0].float()
                for network, alike in self.networks
            ]
        answers = [functional.softmax(each / self.temperature, 1) for each in heard]
        softened = functional.log_softmax(logits / self.temperature, 1)
        taught = functional.kl_div(softened, torch.stack(answers).mean(0), reduction="batchmean")
        return (1 - self.weight) * loss + self.weight * self.temperature**2 * taught
