"""From a recording's bytes to an answer, with what each step took; and no more at once than allowed."""

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import g
from werkzeug.exceptions import ServiceUnavailable

from sayso import audio
from sayso.errors import AudioError
from sayso.listening import listen
from sayso.recognizer import Recognition, Recognizer
from sayso.web.models import Model, ModelStore
from sayso.web.settings import Settings
from sayso.web.telemetry import Telemetry

RETRY_AFTER_S = 1
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True)
class Question:
    """How a recording is to be recognised."""

    model: str | None = None  # the default if None
    top: int = 3
    scan: bool = False


class Desk:
    """Where requests have their recordings recognised."""

    def __init__(self, store: ModelStore, settings: Settings, telemetry: Telemetry) -> None:
        self.store, self.settings, self.telemetry = store, settings, telemetry
        self._places = threading.BoundedSemaphore(settings.max_waiting)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for a request, or refuse it at once.

        Raises:
            ServiceUnavailable: all are taken.

        """
        if not self._places.acquire(blocking=False):
            self.telemetry.refused("busy")
            raise ServiceUnavailable("The server is busy: try again in a second.", retry_after=RETRY_AFTER_S)
        try:
            yield
        finally:
            self._places.release()

    def model(self, question: Question) -> Model:
        """Give the model a question is for, and name it in the reply."""
        model = self.store.get(question.model)
        g.answered = model.name, model.digest
        return model

    def recognition(self, recording: bytes, model: Model, question: Question) -> tuple[dict[str, Any], str]:
        """Recognise the only recording of a request.

        Returns:
            The answer, and how long it took, as `Server-Timing` has it.

        Raises:
            AudioError: it cannot be heard.
            ServiceUnavailable: all places are taken.

        """
        began = time.perf_counter()
        with self.place():
            found = self.answer(recording, model, question)
        found["model"], found["digest"] = model.name, model.digest
        return found, f"model;dur={1000 * (time.perf_counter() - began):.2f}"

    def answer(
        self, recording: bytes, model: Model, question: Question, *, deadline: float = math.inf
    ) -> dict[str, Any]:
        """Recognise a recording; in a request that must be answered by a deadline in monotonic seconds.

        Raises:
            AudioError: it cannot be heard.
            ServiceUnavailable: the request has taken too long already.

        """
        began = time.perf_counter()
        if time.monotonic() > deadline:
            raise ServiceUnavailable("This took too long: send fewer recordings.", retry_after=RETRY_AFTER_S)
        rate, max_seconds = model.card.sample_rate, self.settings.max_seconds
        try:
            samples = audio.decode(recording, rate, max_seconds=max_seconds)
        except AudioError as error:
            self.telemetry.unheard(error.code)
            raise
        decoded = time.perf_counter()
        recognizer = model.recognizer
        found = _as_dict(recognizer.recognize_samples(samples, top=question.top))
        if question.scan and isinstance(recognizer, Recognizer):
            found["words"] = [
                {
                    "word": each.word,
                    "confidence": each.confidence,
                    "start_s": each.start_s,
                    "end_s": min(each.end_s, len(samples) / rate),
                }
                for each in listen(recognizer, [samples])
            ]
        recognized = time.perf_counter()
        self.telemetry.heard(
            model.name, found["word"], found["accepted"], decoded - began, recognized - decoded
        )
        return found


def as_json(answer: dict[str, Any]) -> str:
    """An answer's text."""
    return _encode(answer) + "\n"


def _as_dict(recognition: Recognition) -> dict[str, Any]:
    """As `dataclasses.asdict`, which takes as long as Flask itself."""
    return {
        "word": recognition.word,
        "confidence": recognition.confidence,
        "accepted": recognition.accepted,
        "alternatives": [
            {"word": each.word, "confidence": each.confidence} for each in recognition.alternatives
        ],
        "start_s": recognition.start_s,
        "end_s": recognition.end_s,
    }
