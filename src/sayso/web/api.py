"""The HTTP API: a recording in, words out.

The body of a request is the recording, whatever its declared type; the recogniser tells formats apart by
their bytes. It is held in memory only.
"""

import dataclasses
from typing import Protocol

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from sayso.card import ModelCard
from sayso.recognizer import Recognition
from sayso.web.settings import Settings

ALTERNATIVES = 3


class AnyRecognizer(Protocol):
    """What the web wing asks of a recogniser; `sayso.Recognizer` is one."""

    @property
    def card(self) -> ModelCard:
        """The model's card."""

    @property
    def digest(self) -> str:
        """SHA-256 of the model file, in hexadecimal."""

    def recognize(self, source: bytes, /, *, top: int, max_seconds: float) -> Recognition:
        """Recognise the word in a recording; raise `AudioError` if it cannot be heard."""


def blueprint(recognizer: AnyRecognizer, settings: Settings) -> Blueprint:
    """Make the API's routes, answering with a recogniser."""
    routes = Blueprint("api", __name__)

    def recognize_body() -> Recognition:
        if request.mimetype == "multipart/form-data":
            raise UnsupportedMediaType(
                "Send the recording itself as the body, not a form: curl --data-binary @FILE."
            )
        # Not `request.form` or `.files`: parsing a form may spool it to a temporary file.
        recording = request.get_data(cache=False)
        if request.content_length is None and len(recording) >= settings.max_bytes:
            raise RequestEntityTooLarge  # Werkzeug cuts a chunked body at the limit and says nothing
        return recognizer.recognize(recording, top=ALTERNATIVES, max_seconds=settings.max_seconds)

    @routes.post("/audio")
    def audio() -> Response:
        """Recognise a recording, as JSON, or as the plain sentence when `Accept: text/plain`."""
        recognition = recognize_body()
        wanted = request.accept_mimetypes.best_match(["application/json", "text/plain"])
        if wanted == "text/plain":
            response = Response(_as_sentence(recognition), content_type="text/plain; charset=utf-8")
        else:
            response = _as_json(recognition, recognizer)
        response.vary.add("Accept")
        return response

    @routes.post("/api/v1/recognitions")
    def recognitions() -> Response:
        """Recognise a recording, as JSON."""
        return _as_json(recognize_body(), recognizer)

    @routes.get("/api/v1/models")
    def models() -> Response:
        """List the model this server answers with, and its card."""
        card = recognizer.card
        model = {
            "name": card.name,
            "digest": recognizer.digest,
            "labels": card.labels,
            "card": dataclasses.asdict(card),
        }
        return jsonify(models=[model])

    @routes.get("/healthz")
    def healthz() -> Response:
        """Say that the process answers."""
        return jsonify(status="ok", model=recognizer.card.name, digest=recognizer.digest)

    return routes


def _as_json(recognition: Recognition, recognizer: AnyRecognizer) -> Response:
    return jsonify(
        dataclasses.asdict(recognition) | {"model": recognizer.card.name, "digest": recognizer.digest}
    )


def _as_sentence(recognition: Recognition) -> str:
    """Word it as the predecessor did, for the programs that read that."""
    words = (
        f"{rank}) {alternative.word}" for rank, alternative in enumerate(recognition.alternatives, start=1)
    )
    return f"Did you say : {' '.join(words)}\n"
