"""The HTTP API: a recording in, words out.

The body of a request is the recording, whatever its declared type; the recogniser tells formats apart by
their bytes. It is held in memory only.
"""

import dataclasses
import io

from flask import Blueprint, Response, g, jsonify, request, send_file
from werkzeug.exceptions import NotFound, RequestEntityTooLarge, UnsupportedMediaType

from sayso.card import ModelCard
from sayso.recognizer import Recognition
from sayso.web.models import BrokenModel, Model, ModelStore, UnknownModel
from sayso.web.settings import Settings

ALTERNATIVES = 3
YEAR_S = 365 * 24 * 60 * 60


def blueprint(store: ModelStore, settings: Settings) -> Blueprint:
    """Make the API's routes, answering with a store of models."""
    routes = Blueprint("api", __name__)

    def recognize_body() -> tuple[Recognition, Model]:
        if request.mimetype == "multipart/form-data":
            raise UnsupportedMediaType(
                "Send the recording itself as the body, not a form: curl --data-binary @FILE."
            )
        # Not `request.form` or `.files`: parsing a form may spool it to a temporary file.
        recording = request.get_data(cache=False)
        if request.content_length is None and len(recording) >= settings.max_bytes:
            raise RequestEntityTooLarge  # Werkzeug cuts a chunked body at the limit and says nothing
        model = store.get()
        g.answered = model.name, model.digest
        return model.recognizer.recognize(
            recording, top=ALTERNATIVES, max_seconds=settings.max_seconds
        ), model

    @routes.post("/audio")
    def audio() -> Response:
        """Recognise a recording, as JSON, or as the plain sentence when `Accept: text/plain`."""
        recognition, model = recognize_body()
        wanted = request.accept_mimetypes.best_match(["application/json", "text/plain"])
        if wanted == "text/plain":
            response = Response(_as_sentence(recognition), content_type="text/plain; charset=utf-8")
        else:
            response = _as_json(recognition, model)
        response.vary.add("Accept")
        return response

    @routes.post("/api/v1/recognitions")
    def recognitions() -> Response:
        """Recognise a recording, as JSON."""
        return _as_json(*recognize_body())

    @routes.get("/api/v1/models")
    def models() -> Response:
        """List the models this server answers with, the default first."""
        listed = []
        for name in store.names():
            try:
                card, digest = store.known(name)
            except (UnknownModel, BrokenModel):  # removed just now, or told of by /readyz
                continue
            listed.append({"default": name == store.default, **_summary(name, card, digest)})
        return jsonify(models=listed)

    @routes.get("/api/v1/models/<name>")
    def model(name: str) -> Response:
        """Give a model's card, its digest, and where its file is."""
        card, digest = store.known(name)
        g.answered = name, digest
        return jsonify(dataclasses.asdict(card) | _summary(name, card, digest))

    @routes.get("/api/v1/models/<name>.onnx")
    def model_file(name: str) -> Response:
        """Give a model's file, whole or in part; `?digest=` names the very bytes, which may then be kept."""
        content, digest = store.content(name)
        g.answered = name, digest
        asked = request.args.get("digest")
        if asked not in (None, digest):
            raise NotFound(f"The model {name!r} is another by now: ask /api/v1/models/{name} for its digest.")
        response = send_file(
            io.BytesIO(content), "application/octet-stream", download_name=f"{name}.onnx", etag=digest
        )
        if asked:
            cache = response.cache_control
            cache.no_cache, cache.public, cache.max_age, cache.immutable = None, True, YEAR_S, True
        return response

    @routes.get("/healthz")
    def healthz() -> Response:
        """Say that the process answers."""
        return jsonify(status="ok")

    return routes


def _as_json(recognition: Recognition, model: Model) -> Response:
    return jsonify(dataclasses.asdict(recognition) | {"model": model.name, "digest": model.digest})


def _summary(name: str, card: ModelCard, digest: str) -> dict[str, object]:
    return {
        "name": name,
        "digest": digest,
        "words": card.words,
        "labels": card.labels,
        "sample_rate": card.sample_rate,
        "window_seconds": card.window_seconds,
        "architecture": card.architecture,
        "parameters": card.parameters,
        "file": f"/api/v1/models/{name}.onnx?digest={digest}",
    }


def _as_sentence(recognition: Recognition) -> str:
    """Word it as the predecessor did, for the programs that read that."""
    words = (
        f"{rank}) {alternative.word}" for rank, alternative in enumerate(recognition.alternatives, start=1)
    )
    return f"Did you say : {' '.join(words)}\n"
