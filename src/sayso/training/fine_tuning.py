"""Fine-tuning: a trained network goes on with other words, for those who have hundreds of recordings."""

import dataclasses
from pathlib import Path

from sayso.training.recipe import Recipe
from sayso.training.run import Run
from sayso.training.splits import beside

EPOCHS = 10
SLOWER = 3  # the learning rate is so many times lower than the run's own
BATCH_SIZE = 32  # at most: there are few recordings


def fine_tuning_recipe(run: Run, folder: Path) -> Recipe:
    """The recipe that starts from a run's weights and goes on with the words of a folder.

    Network, augmentation, silence and, where their folders are there, strangers are the run's own.

    Args:
        run: a trained run.
        folder: a folder of words.

    """
    data, training = run.recipe.data, run.recipe.training
    return dataclasses.replace(
        run.recipe,
        name=folder.name,
        data=dataclasses.replace(
            data,
            words=(),
            extra=(),
            synthetic=(),
            unknown=tuple(name for name in data.unknown if beside(folder, name).is_dir()),
            held_out_noises=(),
        ),
        training=dataclasses.replace(
            training,
            epochs=EPOCHS,
            batch_size=min(BATCH_SIZE, training.batch_size),
            learning_rate=training.learning_rate / SLOWER,
            start=str(run.folder),
            teachers=(),
        ),
        notes="",
    )
