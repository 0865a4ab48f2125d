"""One model, as a server holds it, and what may be wrong with one."""

from dataclasses import dataclass
from typing import Protocol

from sayso import audio
from sayso.card import ModelCard
from sayso.errors import ModelError
from sayso.recognizer import Recognition


class AnyRecognizer(Protocol):
    """What the web wing asks of a recogniser; `sayso.Recognizer` is one."""

    @property
    def card(self) -> ModelCard:
        """The model's card."""

    @property
    def digest(self) -> str:
        """SHA-256 of the model file, in hexadecimal."""

    def recognize_samples(self, samples: audio.Samples, /, *, top: int) -> Recognition:
        """Recognise the word in a recording that was decoded to the card's sample rate."""


class UnknownModel(ModelError):
    """A name that no model bears."""

    code = "unknown_model"


class BrokenModel(ModelError):
    """A model whose file cannot be loaded, and that was never loaded before."""

    code = "broken_model"


@dataclass(frozen=True)
class Model:
    """One model, as it was when it was asked for."""

    name: str
    recognizer: AnyRecognizer

    @property
    def card(self) -> ModelCard:
        """Its card."""
        return self.recognizer.card

    @property
    def digest(self) -> str:
        """SHA-256 of its file."""
        return self.recognizer.digest
