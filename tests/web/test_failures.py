import io
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from sayso import audio, errors
from sayso.recognizer import Recognition
from sayso.web import Settings, create_app
from web.fake_recognizer import SAMPLE_RATE, FakeRecognizer, tone, wav

STATUS = {
    errors.AudioError: 400,
    errors.EmptyAudio: 400,
    errors.NotAudio: 400,
    errors.UnsupportedFormat: 415,
    errors.AudioTooLong: 422,
    errors.AudioOutOfBounds: 422,
    errors.SilentAudio: 422,
}


class Failing(FakeRecognizer):
    """Raises what it was made with."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def recognize_samples(self, _samples: audio.Samples, /, **_limits: Any) -> Recognition:
        raise self.error


def all_audio_errors(kind: type[errors.AudioError] = errors.AudioError) -> list[type[errors.AudioError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in all_audio_errors(child))]


@pytest.mark.parametrize("kind", all_audio_errors())
def test_every_audio_error_has_its_status(kind: type[errors.AudioError]) -> None:
    response = create_app(Failing(kind("What to do."))).test_client().post("/audio", data=tone("up"))

    assert response.status_code == STATUS[kind]
    assert response.json == {"error": {"code": kind.code, "message": "What to do."}}


@pytest.mark.parametrize(
    ("recording", "status", "code"),
    [
        (b"", 400, "empty_audio"),
        (wav(np.zeros(0)), 400, "empty_audio"),
        (b"no recording at all", 400, "not_audio"),
        (tone("up", seconds=3.2), 422, "audio_too_long"),
        (wav(np.zeros(SAMPLE_RATE)), 422, "silent_audio"),
        (wav(np.ones(SAMPLE_RATE) / 2, 1000), 422, "audio_out_of_bounds"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/plain"])
def test_bad_recordings_are_explained(
    client: FlaskClient, recording: bytes, status: int, code: str, accept: str
) -> None:
    response = client.post("/audio", data=recording, headers={"Accept": accept})

    assert (response.status_code, error_of(response)["code"]) == (status, code)


def test_a_form_is_told_what_to_send(client: FlaskClient) -> None:
    response = client.post("/audio", data={"file": (io.BytesIO(tone("up")), "clip.wav")})

    assert response.status_code == 415
    assert "--data-binary" in error_of(response)["message"]


class Unreadable(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: Any) -> int:
        raise AssertionError("the body was read")


class Endless(io.RawIOBase):
    taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.taken += len(buffer)
        return len(buffer)


def test_a_body_declared_too_large_is_refused_unread(client: FlaskClient, settings: Settings) -> None:
    response = client.post(
        "/audio",
        environ_overrides={"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(settings.max_bytes + 1)},
    )

    assert (response.status_code, error_of(response)["code"]) == (413, "request_entity_too_large")
    assert "0.2 MB" in error_of(response)["message"]


def test_a_chunked_body_is_read_no_further_than_the_limit(client: FlaskClient, settings: Settings) -> None:
    body = Endless()

    response = client.post("/audio", environ_overrides=chunked(body))

    assert (response.status_code, error_of(response)["code"]) == (413, "request_entity_too_large")
    assert body.taken <= 2 * settings.max_bytes


def test_a_chunked_body_within_the_limit_is_heard(client: FlaskClient) -> None:
    response = client.post("/audio", environ_overrides=chunked(io.BytesIO(tone("right"))))

    assert response.json is not None
    assert response.json["word"] == "right"


def chunked(body: io.IOBase) -> dict[str, Any]:
    return {"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/", "/audio/nothing"])
def test_programs_get_a_missing_path_as_json(client: FlaskClient, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 404
    assert error_of(response) == {"code": "not_found", "message": f"There is nothing at {path}."}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/audio", "POST"),
        ("DELETE", "/api/v1/recognitions", "POST"),
        ("POST", "/api/v1/models", "GET"),
    ],
)
def test_a_wrong_method_names_the_right_one(
    client: FlaskClient, method: str, path: str, allowed: str
) -> None:
    response = client.open(path, method=method)

    assert (response.status_code, error_of(response)["code"]) == (405, "method_not_allowed")
    assert allowed in response.headers["Allow"]


def test_people_get_a_missing_page_as_a_page(client: FlaskClient) -> None:
    response = client.get("/<b>nowhere")

    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert "There is nothing at /&lt;b&gt;nowhere." in response.text


def test_our_own_failures_show_nothing_of_our_insides(caplog: pytest.LogCaptureFixture) -> None:
    client = create_app(Failing(RuntimeError("secret detail"))).test_client()

    response = client.post("/audio", data=tone("up"))

    assert (response.status_code, error_of(response)["code"]) == (500, "internal_server_error")
    assert "secret" not in response.text
    assert "secret detail" in caplog.text


def error_of(response: Any) -> dict[str, str]:
    error: dict[str, str] = response.json["error"]
    return error
