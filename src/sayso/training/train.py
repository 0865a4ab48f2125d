"""Training: a recipe and a folder of words become a run."""

from pathlib import Path

import torch

from sayso.training.allocator import keep_freed_memory
from sayso.training.augment import build, read_noises
from sayso.training.dataset import NOISE_FOLDER
from sayso.training.distributed import Team
from sayso.training.recipe import Recipe
from sayso.training.run import Run
from sayso.training.splits import beside, load_splits
from sayso.training.trainer import Trainer


def train(recipe: Recipe, folder: Path, out: Path) -> Run:
    """Train a recipe on a folder of words, or go on where an interrupted run stands.

    Only the training split is trained on; the validation split says which epoch was best.

    Args:
        recipe: what to train.
        folder: a folder of words; the recipe's `extra` folders lie beside it.
        out: the run folder.

    Raises:
        DataError: the folder cannot be trained on.
        RunError: `out` holds another run, or cannot be written.

    """
    keep_freed_memory()
    team = Team()
    run = team.leader_first(lambda: Run.start(out, recipe))
    training, validation, words = team.leader_first(lambda: load_splits(recipe, folder))
    if team.leads:
        clips = {"training_clips": len(training), "validation_clips": len(validation)}
        run.describe_environment(clips | {"processes": team.size})
    training, validation = training.in_memory(), validation.in_memory()
    Trainer(
        run, training, validation, words, build(recipe.augment, background(recipe, folder), words), team
    ).fit()
    return run


def background(recipe: Recipe, folder: Path) -> torch.Tensor | None:
    """The background recordings `(N,)` that a recipe trains with, one after another; None without any.

    Raises:
        DataError: a folder that the recipe names, or a recording that it holds out, is missing.

    """
    noises = []
    if (folder / NOISE_FOLDER).is_dir():
        noises.append(read_noises(folder / NOISE_FOLDER, exclude=recipe.data.held_out_noises))
    noises += [read_noises(beside(folder, name) / NOISE_FOLDER) for name in recipe.data.noises]
    return torch.cat(noises) if noises else None
