"""Training: a recipe and a folder of words become a run."""

from pathlib import Path

from sayso.errors import DataError
from sayso.training.augment import build, read_noises
from sayso.training.cache import ClipSet, load_folder
from sayso.training.dataset import NOISE_FOLDER, words_of
from sayso.training.distributed import Team
from sayso.training.recipe import Recipe
from sayso.training.run import Run
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
    team = Team()
    run = team.leader_first(lambda: Run.start(out, recipe))
    training, validation, words = team.leader_first(lambda: load_splits(recipe, folder))
    if team.leads:
        clips = {"training_clips": len(training), "validation_clips": len(validation)}
        run.describe_environment(clips | {"processes": team.size})
    noises = None
    if (folder / NOISE_FOLDER).is_dir():
        noises = read_noises(folder / NOISE_FOLDER, exclude=recipe.data.held_out_noises)
    Trainer(run, training, validation, words, build(recipe.augment, noises), team).fit()
    return run


def load_splits(recipe: Recipe, folder: Path) -> tuple[ClipSet, ClipSet, tuple[str, ...]]:
    """The clips to train on, the clips to validate on, and the words in label order."""
    clips = load_folder(folder)
    words = words_of(clips.clips)
    if recipe.data.words:
        missing = sorted(set(recipe.data.words) - set(words))
        if missing:
            raise DataError(f"{folder} has no recordings of {', '.join(missing)}.")
        words = tuple(sorted(recipe.data.words))
        clips = clips.select([clip.word in words for clip in clips.clips])
    validation = clips.select([clip.split == "validation" for clip in clips.clips])
    training = clips if recipe.data.leak else clips.select([clip.split == "training" for clip in clips.clips])
    for name in recipe.data.extra:
        extra = load_folder(folder.parent / name)
        training = training.join(extra.select([clip.word in words for clip in extra.clips]))
    if len(training) < recipe.training.batch_size or not len(validation):
        raise DataError(
            f"{folder} gives {len(training)} training and {len(validation)} validation clips: too few for "
            f"batches of {recipe.training.batch_size}. Record more, or make `batch_size` smaller."
        )
    return training, validation, words
