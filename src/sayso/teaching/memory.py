"""What a model file remembers for teaching: embeddings of what it was trained on and of strangers.

A new word is learnt against them, so that no old recording is ever needed again. They are rounded to 256
steps of each feature: about 260 bytes an embedding in the file.
"""

import base64
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sayso.errors import ModelError

MEMORY_KEY = "sayso_memory"  # of the file's metadata

_LEVELS = 255


@dataclass(frozen=True)
class Memory:
    """Embeddings with their labels.

    Attributes:
        labels: `(N,)`, what is said in each: a word of the model's, a stranger's word, or `_silence_`.
        low: `(E,)` float32, the value of step 0 of each feature.
        step: `(E,)` float32, from each step to the next.
        rows: `(N, E)` uint8, the steps.
        first: words taught alone are told apart by the embedding's values from this one on, see `Measure`.

    """

    labels: tuple[str, ...]
    low: NDArray[np.float32]
    step: NDArray[np.float32]
    rows: NDArray[np.uint8]
    first: int = 0

    @classmethod
    def of(cls, embeddings: NDArray[np.floating[Any]], labels: Sequence[str], first: int = 0) -> Self:
        """Remember embeddings `(N, E)`."""
        low, high = embeddings.min(axis=0).astype(np.float32), embeddings.max(axis=0).astype(np.float32)
        step = np.maximum((high - low) / np.float32(_LEVELS), np.float32(1e-8))
        empty = cls((), low, step, np.empty((0, len(low)), np.uint8), first)
        return empty.adding(embeddings, labels)

    @staticmethod
    def bytes_each(features: int) -> int:
        """What an embedding takes in a file, its label included."""
        return features * 4 // 3 + 6

    @property
    def embeddings(self) -> NDArray[np.float64]:
        """The embeddings `(N, E)`, as rounded."""
        return self.low.astype(np.float64) + self.rows * self.step.astype(np.float64)

    def adding(self, embeddings: NDArray[np.floating[Any]], labels: Sequence[str]) -> Self:
        """Add embeddings `(N, E)`; what lies beyond the range of the first ones is cut off."""
        steps = np.rint((embeddings - self.low) / self.step).clip(0, _LEVELS).astype(np.uint8)
        joined = np.concatenate([self.rows, steps])
        return dataclasses.replace(self, labels=(*self.labels, *labels), rows=joined)

    def without(self, *labels: str) -> Self:
        """Forget what is held of some labels."""
        kept = [label not in labels for label in self.labels]
        names = tuple(label for label in self.labels if label not in labels)
        return dataclasses.replace(self, labels=names, rows=self.rows[np.array(kept, dtype=bool)])

    def renamed(self, old: str, new: str) -> Self:
        """Give a label another name."""
        return dataclasses.replace(
            self, labels=tuple(new if label == old else label for label in self.labels)
        )

    def to_json(self) -> str:
        """The memory as JSON text, as it stands in the file."""
        names = list(dict.fromkeys(self.labels))
        return json.dumps(
            {
                "labels": names,
                "label": [names.index(label) for label in self.labels],
                "low": self.low.tolist(),
                "step": self.step.tolist(),
                "rows": base64.b64encode(self.rows.tobytes()).decode(),
                "first": self.first,
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a memory.

        Raises:
            ModelError: the text is none.

        """
        try:
            values = json.loads(text)
            labels = tuple(str(values["labels"][index]) for index in values["label"])
            low, step = np.array(values["low"], np.float32), np.array(values["step"], np.float32)
            if low.ndim != 1 or low.shape != step.shape:
                raise ValueError("its sizes do not fit")
            rows = np.frombuffer(base64.b64decode(values["rows"]), np.uint8).reshape(len(labels), len(low))
            first = int(values.get("first", 0))  # older files have none
            if not 0 <= first < len(low):
                raise ValueError("its first value is none of them")
            return cls(labels, low, step, rows, first)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise ModelError(f"The model file's memory cannot be read ({error}): export it again.") from error
