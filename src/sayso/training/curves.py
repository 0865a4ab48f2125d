"""TensorBoard: curves of a run, its confusions as an image, some wrongly heard clips as sound."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from sayso.evaluation import metrics
from sayso.training.cache import SAMPLE_RATE, ClipSet

SCALARS = {
    "loss/training": "loss",
    "loss/validation": "validation_loss",
    "accuracy/training": "accuracy",
    "accuracy/validation": "validation_accuracy",
    "learning_rate": "learning_rate",
}
CELL_PIXELS = 12  # of the confusion matrix's image
HEARD_WRONGLY = 12  # clips kept as sound: those the network was surest of


class Curves:
    """What TensorBoard shows of one run; a run that goes on replaces what lay beyond its checkpoint.

    Without a folder, nothing is written: of several processes, one speaks.
    """

    def __init__(self, folder: Path | None, step: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=step) if folder is not None else None

    def epoch(self, line: Mapping[str, Any], step: int) -> None:
        """Add one epoch's figures."""
        if self._writer is not None:
            for tag, name in SCALARS.items():
                self._writer.add_scalar(tag, line[name], step)
            self._writer.flush()

    def mistakes(self, logits: NDArray[np.float32], clips: ClipSet, words: Sequence[str], step: int) -> None:
        """Add the confusion matrix, rows the words spoken, and the clips most surely heard wrongly."""
        if self._writer is None:
            return
        labels = clips.labels(words)
        counts = metrics.confusion(logits, labels)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        image = np.kron(1 - np.sqrt(share), np.ones((CELL_PIXELS, CELL_PIXELS)))  # roots: rare ones show too
        self._writer.add_image("confusion", image[None], step)
        confidence = metrics.softmax(logits).max(axis=1) * ~metrics.is_right(logits, labels)
        for index in np.argsort(-confidence)[:HEARD_WRONGLY]:
            if confidence[index] > 0:
                tag = f"wrong/{words[labels[index]]} heard as {words[int(logits[index].argmax())]}/{index}"
                self._writer.add_audio(tag, clips.waveforms(np.array([index])), step, SAMPLE_RATE)
        self._writer.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
