"""TensorBoard curves of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from torch.utils.tensorboard import SummaryWriter

SCALARS = {
    "loss/training": "loss",
    "loss/validation": "validation_loss",
    "accuracy/training": "accuracy",
    "accuracy/validation": "validation_accuracy",
    "learning_rate": "learning_rate",
}


class Curves:
    """The curves of one run; a run that goes on overwrites what lay beyond its checkpoint."""

    def __init__(self, folder: Path, step: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=step)  # type: ignore[no-untyped-call]

    def epoch(self, line: Mapping[str, Any], step: int) -> None:
        """Add one epoch's figures."""
        for tag, name in SCALARS.items():
            self._writer.add_scalar(tag, line[name], step)  # type: ignore[no-untyped-call]
        self._writer.flush()  # type: ignore[no-untyped-call]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()  # type: ignore[no-untyped-call]
