"""Teaching over HTTP, where the operator allows it: recordings in, a model in the server's folder out.

Writes are atomic: a model's file is made beside, and linked or moved to its name when it is whole; so whoever
loses a race is told so, and a full disk leaves what was there. Recordings are held in memory only.
"""

import contextlib
import dataclasses
import errno
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Response, g, jsonify, request
from marshmallow import Schema, fields, validate
from werkzeug.exceptions import BadRequest, Conflict, Forbidden, HTTPException, ServiceUnavailable

from sayso.errors import SettingsError
from sayso.recognizer import Recognizer
from sayso.teaching import teach
from sayso.teaching.collection import MOST_FILES, Collection, read_zip
from sayso.teaching.editing import remove_word, rename_model, rename_word
from sayso.web import schemas, uploads
from sayso.web.models import NAME, ModelStore
from sayso.web.settings import Settings

RETRY_AFTER_S = 5


class Wanted(Schema):
    """What is to be made of recordings."""

    name = fields.String(required=True, validate=validate.Regexp(f"^{NAME.pattern}$"))
    base = fields.String(metadata={"description": "the model to teach; the default if left out"})
    beside = fields.Boolean(load_default=False, metadata={"description": "keep the base's own words, too"})
    replace = fields.Boolean(load_default=False, metadata={"description": "in place of a model of that name"})


class Change(Schema):
    """What is to be changed in a model."""

    name = fields.String(validate=validate.Regexp(f"^{NAME.pattern}$"))
    rename = fields.Dict(fields.String(), fields.String(), metadata={"description": "words: old to new"})
    remove = fields.List(fields.String(), metadata={"description": "words to forget"})


class InsufficientStorage(HTTPException):
    """The disk or the quota is full."""

    code = 507
    name = "Insufficient Storage"
    description = "The server's disk is full: nothing was saved."


def blueprint(store: ModelStore, settings: Settings) -> schemas.StrictBlueprint:
    """Make the routes that change the folder of models.

    Raises:
        SettingsError: there is no such folder.

    """
    folder = Path(settings.models_folder)
    if not settings.models_folder or not folder.is_dir():
        raise SettingsError("Teaching needs `models_folder`, a folder for the models: make it, and name it.")
    routes = schemas.StrictBlueprint("teaching", __name__, description="New words from recordings.")
    desk = threading.BoundedSemaphore(1)  # a lesson keeps a core busy for seconds

    @routes.before_request
    def allow_more() -> None:
        request.max_content_length = settings.max_teaching_bytes
        request.max_form_parts = MOST_FILES

    @routes.route("/api/v1/models", methods=["POST"])
    @routes.arguments(Wanted, location="query")
    @routes.response(201)
    def make(wanted: dict[str, Any]) -> tuple[Response, int]:
        """Teach words: a zip of recordings in folders named by their words, or a form with a field a word.

        The answer is the model's name and digest, and a report of how well its words were learnt.
        """
        name, replace = wanted["name"], wanted["replace"]
        path = folder / f"{name}.onnx"
        if not replace:
            _demand_free(store, name)
        if not path.exists() and sum(1 for _ in folder.glob("*.onnx")) >= settings.max_models:
            raise InsufficientStorage(f"This server keeps {settings.max_models} models: delete one first.")
        collection = _recordings()
        base, _ = store.content(wanted.get("base") or store.default)
        if not desk.acquire(blocking=False):
            raise ServiceUnavailable(
                "Others are teaching just now: try again soon.", retry_after=RETRY_AFTER_S
            )
        try:
            taught = teach(
                base,
                collection.words,
                not_words=collection.not_words,
                beside=wanted["beside"],
                name=name,
            )
        finally:
            desk.release()
        _save(path, taught.content, replace=replace)
        answer = _answer(name, taught.content) | {"report": dataclasses.asdict(taught.report)}
        answer["sentences"] = taught.report.sentences()
        return jsonify(answer), 201

    @routes.route("/api/v1/models/<name>", methods=["PATCH"])
    @routes.arguments(Change)
    @routes.response(200)
    def change(wanted: dict[str, Any], name: str) -> Response:
        """Rename a model or its words, or remove words."""
        with _one_at_a_time(folder):
            path = _own(store, folder, name)
            content = path.read_bytes()
            for word in wanted.get("remove", []):
                content = remove_word(content, word)
            for old, new in wanted.get("rename", {}).items():
                content = rename_word(content, old, new)
            new_name = wanted.get("name", name)
            if new_name != name:
                _demand_free(store, new_name)
                content = rename_model(content, new_name)
                _save(folder / f"{new_name}.onnx", content, replace=False)
                path.unlink()
            else:
                _save(path, content, replace=True)
        return jsonify(_answer(new_name, content))

    @routes.route("/api/v1/models/<name>", methods=["DELETE"])
    @routes.response(204)
    def delete(name: str) -> tuple[str, int]:
        """Delete a model."""
        with _one_at_a_time(folder):
            _own(store, folder, name).unlink()
        return "", 204

    return routes


def _recordings() -> Collection:
    """The recordings of the request, by word."""
    if not uploads.is_form():
        return read_zip(uploads.body(request.max_content_length or 0))
    collection = Collection()
    for word, file in request.files.items(multi=True):
        collection.add(word, f"{word}/{Path(file.filename or 'recording').name}", file.read())
    if not collection.words:
        raise BadRequest("The form holds no recording: curl -F 'lights on=@FILE' …")
    return collection


def _answer(name: str, content: bytes) -> dict[str, Any]:
    recognizer = Recognizer(content)
    g.answered = name, recognizer.digest
    return {
        "name": name,
        "digest": recognizer.digest,
        "words": recognizer.card.words,
        "file": f"/api/v1/models/{name}.onnx?digest={recognizer.digest}",
    }


def _demand_free(store: ModelStore, name: str) -> None:
    if name in store.names():
        raise Conflict(f"There is a model {name!r} already: choose another name.")


def _own(store: ModelStore, folder: Path, name: str) -> Path:
    """The file of a model that may be changed."""
    store.known(name)
    path = folder / f"{name}.onnx"
    if not NAME.fullmatch(name) or not path.is_file():
        raise Forbidden(f"The model {name!r} came with the server and stays as it is.")
    return path


def _save(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a model's file, whole or not at all."""
    try:
        handle, beside = tempfile.mkstemp(prefix=".", suffix=".partial", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).chmod(0o644)
            if replace:
                Path(beside).replace(path)
            else:
                os.link(beside, path)  # fails where somebody was quicker
        finally:
            Path(beside).unlink(missing_ok=True)
    except FileExistsError as error:
        raise Conflict(f"There is a model {path.stem!r} by now: choose another name.") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InsufficientStorage from error
        raise


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Read, change and write as one, among all workers."""
    import fcntl

    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go when the file is closed
        yield
