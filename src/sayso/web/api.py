"""The HTTP API: a recording in, words out.

The body of a request is the recording, whatever its declared type; the recogniser tells formats apart by
their bytes. What parameters there are stands in `schemas`, which both checks and describes them.
"""

import dataclasses
import io
import math
from typing import Any

from flask import Response, g, jsonify, request, send_file
from flask_smorest import Blueprint
from werkzeug.exceptions import NotFound

from sayso.card import ModelCard
from sayso.errors import AudioError, ModelError
from sayso.web import failures, schemas, uploads
from sayso.web.headers import KEPT_FOR_EVER
from sayso.web.models import ModelStore
from sayso.web.recognizing import Desk, Question, as_json
from sayso.web.settings import Settings

BINARY = {"type": "string", "format": "binary"}
ONE_RECORDING = {"application/octet-stream": {"schema": BINARY}}
MANY_RECORDINGS = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {"clip": {"type": "array", "items": BINARY, "maxItems": uploads.MAX_CLIPS}},
            "required": ["clip"],
        }
    }
}
OUTCOMES = {
    400: "Not a recording, or a request that makes no sense.",
    206: "The part of the file that `Range` asks for.",
    304: "The file is the one that `If-None-Match` names.",
    401: "A token is asked for.",
    404: "There is no such model, or no such version of it.",
    408: "The request did not arrive in time.",
    413: "The recording is larger than this server takes.",
    415: "A format that this server cannot read.",
    416: "The file is shorter than `Range` assumes.",
    422: "Silent, too long, or out of bounds; or a parameter that is not allowed.",
    429: "Too many requests from this client: `Retry-After` says when.",
    503: "The server is busy: `Retry-After` says when; or the model cannot be used.",
}
ONE_OR_MANY = {"oneOf": [schemas.Recognition, schemas.Recognitions]}


def blueprint(store: ModelStore, settings: Settings, desk: Desk) -> Blueprint:
    """Make the API's routes, answering with a store of models."""
    routes = schemas.StrictBlueprint("api", __name__, description="Recordings in, words out.")

    def recognize_body(question: Question) -> dict[str, Any]:
        recording = uploads.body(settings.max_bytes)
        model = desk.model(question)
        found, g.server_timing = desk.recognition(recording, model, question)
        return found

    def recognize_form(question: Question) -> dict[str, Any]:
        model = desk.model(question)
        answers: list[dict[str, Any]] = []
        deadline = request.environ.get("sayso.deadline", math.inf)
        with desk.place():
            for clip in uploads.clips():
                try:
                    answers.append(
                        {"file": clip.name, **desk.answer(clip.content, model, question, deadline=deadline)}
                    )
                except AudioError as error:
                    answers.append({"file": clip.name, **failures.worded(error)})
        return {"recognitions": answers, "model": model.name, "digest": model.digest}

    @routes.route("/audio", methods=["POST"])
    @routes.response(200, schemas.Recognition)
    @_may_fail(routes, 400, 401, 408, 413, 415, 422, 429, 503)
    @routes.doc(requestBody={"required": True, "content": ONE_RECORDING})
    def audio() -> Response:
        """Recognise a recording; plain text for those who accept no JSON.

        Answers with the default model, as JSON, or as the sentence "Did you say : 1) …" for
        `Accept: text/plain`.
        """
        found = recognize_body(Question())
        accepted = request.headers.get("Accept", "*/*")
        if accepted != "*/*" and "text/plain" in accepted:
            wanted = request.accept_mimetypes.best_match(["application/json", "text/plain"])
        else:
            wanted = "application/json"
        if wanted == "text/plain":
            response = Response(_as_sentence(found), content_type="text/plain; charset=utf-8")
        else:
            response = _as_json(found)
        response.headers["Vary"] = "Accept"
        return response

    @routes.route("/api/v1/recognitions", methods=["POST"])
    @routes.arguments(schemas.Question, location="query")
    @routes.response(200, ONE_OR_MANY, description="What was heard; in each recording, if a form was sent.")
    @_may_fail(routes, 400, 401, 404, 408, 413, 415, 422, 429, 503)
    @routes.doc(requestBody={"required": True, "content": ONE_RECORDING | MANY_RECORDINGS})
    def recognitions(asked: dict[str, Any]) -> Response:
        """Recognise a recording, or each of several.

        The body is one recording, or a form of up to 64 files; the answer to a form is
        `{"recognitions": […], "model", "digest"}`, where a recording that cannot be heard has an `error`.
        """
        question = Question(**asked)
        return _as_json(recognize_form(question) if uploads.is_form() else recognize_body(question))

    @routes.route("/api/v1/models", methods=["GET"])
    @routes.response(200, schemas.Models)
    @_may_fail(routes, 401, 429)
    def models() -> Response:
        """List the models this server answers with, the default first."""
        listed = []
        for name in store.names():
            try:
                listed.append(_summary(name, *store.known(name)))
            except ModelError:  # removed just now, or told of by /readyz
                continue
        return jsonify(models=listed)

    @routes.route("/api/v1/models/<name>", methods=["GET"])
    @routes.response(200, schemas.Card)
    @_may_fail(routes, 401, 404, 429, 503)
    def model(name: str) -> Response:
        """Give a model's card, its digest, and where its file is."""
        card, digest = store.known(name)
        g.answered = name, digest
        return jsonify(dataclasses.asdict(card) | _summary(name, card, digest))

    @routes.route("/api/v1/models/<name>.onnx", methods=["GET"])
    @routes.arguments(schemas.FileQuestion, location="query")
    @routes.response(200, BINARY, content_type="application/octet-stream")
    @_may_fail(routes, 206, 304, 401, 404, 416, 422, 429, 503)
    def model_file(asked: dict[str, str], name: str) -> Response:
        """Give a model's file, whole or in part; a version named by `?digest=` may be kept for ever."""
        content, digest = store.content(name)
        g.answered = name, digest
        if asked.get("digest", digest) != digest:
            raise NotFound(f"The model {name!r} is another by now: ask /api/v1/models/{name} for its digest.")
        response = send_file(
            io.BytesIO(content), "application/octet-stream", download_name=f"{name}.onnx", etag=digest
        )
        response.headers["Cache-Control"] = KEPT_FOR_EVER if asked else "no-cache"
        return response

    def _summary(name: str, card: ModelCard, digest: str) -> dict[str, object]:
        return {
            "name": name,
            "digest": digest,
            "default": name == store.default,
            "words": card.words,
            "labels": card.labels,
            "sample_rate": card.sample_rate,
            "window_seconds": card.window_seconds,
            "architecture": card.architecture,
            "parameters": card.parameters,
            "file": f"/api/v1/models/{name}.onnx?digest={digest}",
        }

    return routes


def _may_fail(routes: Blueprint, *statuses: int) -> Any:
    """Describe what else a route answers; in one, because each decorator costs the request a little."""
    problem = {"application/json": {"schema": schemas.Error}}
    return routes.doc(
        responses={
            str(status): {"description": OUTCOMES[status]} | ({"content": problem} if status >= 400 else {})
            for status in statuses
        }
    )


def _as_json(found: dict[str, Any]) -> Response:
    return Response(as_json(found), content_type="application/json")


def _as_sentence(found: dict[str, Any]) -> str:
    """Word it as the predecessor did, for the programs that read that."""
    ranked = (f"{rank}) {each['word']}" for rank, each in enumerate(found["alternatives"], start=1))
    return f"Did you say : {' '.join(ranked)}\n"
