"""Fine-tuning: a trained network goes on with other words, for those who have hundreds of recordings."""

import dataclasses
from pathlib import Path
from typing import Any

from sayso.recognizer import bundled, read_model
from sayso.training.cache import load_folder
from sayso.training.dataset import NOISE_FOLDER, read_clips, words_of
from sayso.training.recipe import Recipe
from sayso.training.run import Run
from sayso.training.splits import beside
from sayso.training.unpacking import unpack

EPOCHS = 10
SLOWER = 3  # the learning rate is so many times lower than the run's own
BATCH_SIZE = 32  # at most: there are few recordings


def starting_run(start: Path, folder: Path, out: Path) -> Run:
    """The run that fine-tuning starts from.

    Args:
        start: a run folder, a model file, or the name of a model that ships with sayso.
        folder: the words to go on with.
        out: the run folder to be; a model's weights are unpacked into its folder `start`.

    Raises:
        RunError: no run, or a model that does not say how it was trained.
        ModelError: no model file.
        DataError: the words' folder cannot be read.

    """
    if start.is_dir() or not (start.suffix == ".onnx" or str(start) in bundled()):
        return Run.open(start)
    return unpack(read_model(start), load_folder(folder), out / "start")


def fine_tuning_recipe(run: Run, folder: Path) -> Recipe:
    """The recipe that starts from a run's weights and goes on with the words of a folder.

    Network, augmentation, silence and, where their folders are there, strangers and recorded noise are the
    run's own.

    Args:
        run: a trained run.
        folder: a folder of words.

    Raises:
        DataError: the folder holds no words.

    """
    data, training = run.recipe.data, run.recipe.training
    more_noises = tuple(name for name in data.noises if beside(folder, name).is_dir())
    noises = bool(more_noises) or (folder / NOISE_FOLDER).is_dir()
    clips = read_clips(folder)
    each = len(clips) // len(words_of(clips))
    return dataclasses.replace(
        run.recipe,
        name=folder.name,
        data=dataclasses.replace(
            data,
            words=(),
            extra=(),
            synthetic=(),
            silence_clips=min(data.silence_clips, each),  # more would drown the few words
            unknown=tuple(name for name in data.unknown if beside(folder, name).is_dir()),
            noises=more_noises,
            held_out_noises=(),
        ),
        training=dataclasses.replace(
            training,
            epochs=EPOCHS,
            batch_size=min(BATCH_SIZE, training.batch_size),
            learning_rate=training.learning_rate / SLOWER,
            start=str(run.folder),
            blend=(),
            teachers=(),
        ),
        augment=tuple(step if noises else _without_recorded(step) for step in run.recipe.augment),
        notes="",
    )


def _without_recorded(step: dict[str, Any]) -> dict[str, Any]:
    """An augment step that needs no recordings of noise."""
    if "recorded" not in step.get("kinds", ()):
        return step
    return {**step, "kinds": {kind: weight for kind, weight in step["kinds"].items() if kind != "recorded"}}
