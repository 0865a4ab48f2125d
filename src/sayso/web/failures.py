"""Failures, worded for whoever asked: JSON for programs, a page for people.

A mistake of the client's is a 4xx whose message says how to mend it. Ours is a 500 that tells the client
nothing of our insides; Flask has logged them.
"""

from collections.abc import Callable
from typing import Any

from flask import Flask, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from sayso.errors import AudioError, SaysoError, TeachingError
from sayso.web.models import BrokenModel, UnknownModel
from sayso.web.settings import Settings

PROGRAM_PATHS = ("/api/", "/audio", "/healthz", "/readyz", "/metrics", "/openapi.json")

# Understood, but not answerable, is 422; other recordings that cannot be heard are 400.
STATUS = {"unsupported_format": 415, "audio_too_long": 422, "audio_out_of_bounds": 422, "silent_audio": 422}
STATUS |= {TeachingError.code: 422, UnknownModel.code: 404, BrokenModel.code: 503}

KEPT_HEADERS = ("Allow", "Content-Range", "Retry-After", "WWW-Authenticate")


def register(app: Flask, settings: Settings) -> None:
    """Have an application answer its failures."""
    megabytes = settings.max_bytes / 1e6
    messages: dict[int, Callable[[], str]] = {
        404: lambda: f"There is nothing at {request.path}.",
        405: lambda: f"{request.path} does not answer {request.method}.",
        413: lambda: f"The recording is larger than {megabytes:.3g} MB: send a shorter or a compressed one.",
        500: lambda: "The server failed at this request. Its log says why; trying again may help.",
    }

    def mistake(error: SaysoError) -> ResponseReturnValue:
        status = status_of(error)
        if request.path.startswith(PROGRAM_PATHS):
            return jsonify(worded(error)), status
        return render_template("error.html", title="Not now", message=str(error)), status

    def http_error(error: HTTPException) -> ResponseReturnValue:
        response = error.get_response()  # keeps what the error adds, such as a 405's `Allow`
        status = response.status_code
        wrong = getattr(error, "data", {}).get("messages")  # parameters that the declarations refuse
        if wrong:
            message = _parameters(wrong)
        elif status in messages and type(error).description == error.description:
            message = messages[status]()
        else:
            message = error.description or error.name
        if request.path.startswith(PROGRAM_PATHS):
            code = error.name.lower().replace(" ", "_")
            body = jsonify(error={"code": code, "message": message})
        else:
            body = app.make_response(render_template("error.html", title=error.name, message=message))
        body.headers.extend({key: value for key, value in response.headers if key in KEPT_HEADERS})
        body.status_code = status
        return body

    for kind in (AudioError, TeachingError, UnknownModel, BrokenModel):
        app.register_error_handler(kind, mistake)
    app.register_error_handler(HTTPException, http_error)


def status_of(error: SaysoError) -> int:
    """The HTTP status of a mistake."""
    return STATUS.get(error.code, 400)


def worded(error: SaysoError) -> dict[str, dict[str, str]]:
    """A mistake, as programs are told of it."""
    return {"error": {"code": error.code, "message": str(error)}}


def _parameters(wrong: dict[str, Any]) -> str:
    """Word what is wrong with parameters: `{"query": {"top": ["Not a valid integer."]}}`."""
    said = [
        f"{name}: {' '.join(map(str, complaints))}"
        for place in wrong.values()
        for name, complaints in place.items()
    ]
    return "Parameters that are not allowed: " + " ".join(said)
