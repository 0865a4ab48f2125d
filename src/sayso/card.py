"""The model card: what a model file says of itself.

The card is JSON inside the ONNX file, under the metadata key `sayso`. This room turns it into a value and
back and checks it; it opens no file and knows no runtime.
"""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any, Self

from sayso.errors import ModelError

METADATA_KEY = "sayso"
FORMAT_VERSION = 1

SILENCE = "_silence_"
UNKNOWN = "_unknown_"


@dataclass(frozen=True)
class Figure:
    """One measured number, with what is needed to measure it again."""

    name: str  # "accuracy, 24 covered words"
    value: float
    split: str  # "test"
    clips: int
    low: float  # 95 % interval
    high: float


@dataclass(frozen=True)
class Calibration:
    """How scores become confidences, and which confidence is enough."""

    temperature: float = 1.0  # logits are divided by it before the softmax
    threshold: float = 0.0  # a word below this confidence is not accepted
    false_accept_rate: float | None = None  # share of strangers' speech it was set to accept


@dataclass(frozen=True)
class ModelCard:
    """What a listener must know about a model.

    Raises:
        ModelError: a field has a value no model can have.

    """

    name: str
    architecture: str
    labels: tuple[str, ...]  # words, then `_silence_` and `_unknown_` where the model has them
    sample_rate: int = 16_000  # hertz, of the `waveform` input
    window_seconds: float = 1.0  # length of the `waveform` input
    calibration: Calibration = field(default_factory=Calibration)
    trained_on: str = ""  # in words: which data, how much of it
    training_clips: tuple[int, ...] = ()  # how many recordings of each label it was trained on
    training_noises: tuple[str, ...] | None = None  # kinds it was trained with; None: nobody wrote them down
    recipe_digest: str = ""  # SHA-256 of the recipe that made it
    parameters: int = 0  # how many numbers training adjusted
    training_minutes: float = 0.0  # on the machine that made it
    figures: tuple[Figure, ...] = ()
    licence: str = "Apache-2.0"
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise ModelError("The card's labels must be at least two, all different.")
        if self.training_clips and len(self.training_clips) != len(self.labels):
            raise ModelError("The card's training clips must be one number for each label.")
        if self.sample_rate <= 0 or not 0 < self.window_seconds < math.inf:
            raise ModelError("The card's sample rate and window must be positive.")
        if not 0 < self.calibration.temperature < math.inf:
            raise ModelError("The card's temperature must be positive.")

    @property
    def words(self) -> tuple[str, ...]:
        """The labels that are words."""
        return tuple(label for label in self.labels if not is_rejection(label))

    @property
    def window_samples(self) -> int:
        """Length of the `waveform` input in samples."""
        return round(self.sample_rate * self.window_seconds)

    def to_json(self) -> str:
        """The card as JSON text, as it stands in the file."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a card.

        Raises:
            ModelError: the text is not a card, or of a newer format than this version reads.

        """
        try:
            values: dict[str, Any] = json.loads(text)
            if values.get("format_version", 0) > FORMAT_VERSION:
                raise ModelError("The model file is of a newer format: upgrade sayso to read it.")
            values["labels"] = tuple(str(label) for label in values["labels"])
            values["training_clips"] = tuple(int(count) for count in values.get("training_clips", ()))
            if values.get("training_noises") is not None:
                values["training_noises"] = tuple(str(kind) for kind in values["training_noises"])
            values["calibration"] = Calibration(**values.get("calibration", {}))
            values["figures"] = tuple(Figure(**figure) for figure in values.get("figures", ()))
            return cls(**values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"The model file's card cannot be read ({error}): export it again.") from error


def is_rejection(label: str) -> bool:
    """Whether a label stands for the absence of any known word."""
    return label in (SILENCE, UNKNOWN)
