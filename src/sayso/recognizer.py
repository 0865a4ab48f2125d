"""A model file and its card, as something that recognises.

The only room that imports onnxruntime. It knows neither requests nor training.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sayso import audio
from sayso.card import METADATA_KEY, ModelCard, is_rejection
from sayso.errors import ModelError

# Before the import: onnxruntime would otherwise write to the home folder and send usage data to its maker,
# from a thread that does not survive a server's fork.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

DEFAULT_MODEL = "default"
HOP_SECONDS = 0.1  # step between the windows of a recording longer than one

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Alternative:
    """A label and how probable the model holds it."""

    word: str
    confidence: float


@dataclass(frozen=True)
class Recognition:
    """What was heard."""

    word: str  # the most probable label
    confidence: float  # its calibrated probability
    accepted: bool  # false for silence, for unknown speech, and below the card's threshold
    alternatives: tuple[Alternative, ...]  # the most probable labels, best first, `word` included
    start_s: float  # the stretch of the recording that answers, in seconds
    end_s: float


class Recognizer:
    """An ONNX file that describes itself, loaded.

    Safe to share between threads. Loading runs nothing; each call uses one thread, so that a server's
    throughput is its number of workers and a small device keeps its other cores.
    """

    def __init__(self, model: str | os.PathLike[str] | bytes) -> None:
        """Load a model file.

        Args:
            model: path of an ONNX file with a card, or its bytes.

        Raises:
            ModelError: the file is missing, is not a model, has no card, or its card does not fit it.

        """
        content = model if isinstance(model, bytes) else _read(Path(model))
        self.digest = hashlib.sha256(content).hexdigest()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        with _model_errors(
            "This file is not a model that can be loaded: export it again, or check the path."
        ):
            self._session = onnxruntime.InferenceSession(
                content, sess_options=options, providers=["CPUExecutionProvider"]
            )
        metadata = self._session.get_modelmeta().custom_metadata_map
        if METADATA_KEY not in metadata:
            raise ModelError("This ONNX file has no sayso card: make it with `sayso export`.")
        self.card = ModelCard.from_json(metadata[METADATA_KEY])
        self._check()
        self._is_word = np.array([not is_rejection(label) for label in self.card.labels])

    def recognize(
        self, source: audio.Source, *, top: int = 3, max_seconds: float = audio.MAX_SECONDS
    ) -> Recognition:
        """Recognise the word in a recording.

        A recording shorter than the window is laid in its middle; a longer one is scanned every `HOP_SECONDS`
        in one batch, and the stretch with the most confident word answers. Three windows that follow one
        another answer together: a word said alone is heard in all three, a chance likeness in running speech
        in one.

        Args:
            source: path, bytes, file object, or `(samples, sample_rate)`.
            top: how many alternatives to give.
            max_seconds: the longest recording accepted.

        Raises:
            AudioError: the recording cannot be heard.

        """
        return self.recognize_samples(
            audio.decode(source, self.card.sample_rate, max_seconds=max_seconds), top=top
        )

    def recognize_samples(self, samples: Array, *, top: int = 3) -> Recognition:
        """Recognise the word in samples as `audio.decode` gives them: `(T,)`, T > 0, at the card's rate."""
        windows, starts = self._windows(samples)
        probabilities = _averaged(self.probabilities(windows))  # (B, L)
        best = int(np.argmax(np.max(probabilities[:, self._is_word], axis=1)))
        order = np.argsort(-probabilities[best], kind="stable")
        ranked = tuple(
            Alternative(self.card.labels[label], float(probabilities[best, label])) for label in order[:top]
        )
        word, confidence = self.card.labels[order[0]], float(probabilities[best, order[0]])
        return Recognition(
            word=word,
            confidence=confidence,
            accepted=not is_rejection(word) and confidence >= self.card.calibration.threshold,
            alternatives=ranked,
            start_s=starts[best] / self.card.sample_rate,
            end_s=min(starts[best] + self.card.window_samples, len(samples)) / self.card.sample_rate,
        )

    def score(self, windows: Array) -> Array:
        """Logits `(batch, labels)` of windows `(batch, samples)`, each exactly the card's window."""
        logits: Array = self._session.run(["logits"], {"waveform": windows})[0]
        return logits

    def embed(self, windows: Array) -> Array:
        """Embeddings `(batch, features)`: the layer before the classifier. Windows as for `score`."""
        embeddings: Array = self._session.run(["embedding"], {"waveform": windows})[0]
        return embeddings

    def probabilities(self, windows: Array) -> Array:
        """Calibrated probabilities `(batch, labels)`. Windows as for `score`."""
        logits = self.score(windows) / np.float32(self.card.calibration.temperature)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: Array = powers / powers.sum(axis=1, keepdims=True)
        return result

    def _windows(self, samples: Array) -> tuple[Array, list[int]]:
        """Cut a recording into windows `(B, T)` and say at which sample each starts."""
        length = self.card.window_samples
        if len(samples) <= length:
            return audio.fit_window(samples, length)[None], [0]
        hop = round(HOP_SECONDS * self.card.sample_rate)
        starts = [*range(0, len(samples) - length, hop), len(samples) - length]
        return np.stack([samples[start : start + length] for start in starts]), starts

    def _check(self) -> None:
        """The card and the graph must speak of the same model."""
        shapes = {node.name: node.shape for node in self._session.get_inputs() + self._session.get_outputs()}
        length, labels = self.card.window_samples, len(self.card.labels)
        if not {"waveform", "logits", "embedding"} <= shapes.keys():
            raise ModelError("This model lacks the input `waveform`, or the output `logits` or `embedding`.")
        if shapes["waveform"][-1] != length or shapes["logits"][-1] != labels:
            raise ModelError(
                f"The card speaks of {length} samples and {labels} labels, the graph of "
                f"{shapes['waveform'][-1]} and {shapes['logits'][-1]}: export the model again."
            )


def _averaged(probabilities: Array) -> Array:
    """Each row `(B, L)` averaged with those before and after it; beyond the ends, they repeat."""
    padded = np.pad(probabilities, ((1, 1), (0, 0)), mode="edge")
    result: Array = (padded[:-2] + padded[1:-1] + padded[2:]) / np.float32(3)
    return result


def load(model: str | os.PathLike[str] | None = None) -> Recognizer:
    """Load a model that ships with sayso, by name, or any model file, by path.

    Raises:
        ModelError: no such name or file, or not a model.

    """
    return Recognizer(read_model(model))


def read_model(model: str | os.PathLike[str] | None = None) -> bytes:
    """The file of a model, named as for `load`.

    Raises:
        ModelError: no such name or file.

    """
    name = os.fspath(model) if model is not None else DEFAULT_MODEL
    shipped = bundled()
    if name in shipped:
        return _read(shipped[name])
    if not name.endswith(".onnx"):
        raise ModelError(
            f"There is no model {name!r}: choose from {', '.join(shipped)}, or name an .onnx file."
        )
    return _read(Path(name))


def bundled() -> dict[str, Path]:
    """The model files that ship with sayso, by name."""
    folder = Path(str(resources.files("sayso") / "assets"))
    return {path.stem: path for path in sorted(folder.glob("*.onnx"))}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from error


@contextmanager
def _model_errors(message: str) -> Iterator[None]:
    """Turn onnxruntime's many exceptions, which share no public base, into one."""
    try:
        yield
    except Exception as error:
        raise ModelError(message) from error
