import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from sayso.web import create_app
from web.fake_recognizer import WORDS, FakeRecognizer, tone

ROUTES = ("/audio", "/api/v1/recognitions")


@pytest.mark.parametrize("route", ROUTES)
def test_a_recording_is_answered_with_its_word(client: FlaskClient, route: str) -> None:
    response = client.post(route, data=tone("left"))

    assert response.status_code == 200
    assert response.json == {
        "word": "left",
        "confidence": 0.9,
        "accepted": True,
        "alternatives": [
            {"word": "left", "confidence": 0.9},
            {"word": "up", "confidence": 0.06},
            {"word": "down", "confidence": 0.02},
        ],
        "start_s": 0.0,
        "end_s": 1.0,
        "model": "pitches",
        "digest": FakeRecognizer.digest,
    }


@pytest.mark.parametrize(
    "declared", [None, "audio/wav", "audio/ogg", "text/html", "application/x-www-form-urlencoded"]
)
def test_the_declared_type_does_not_matter(client: FlaskClient, declared: str | None) -> None:
    response = client.post("/audio", data=tone("go"), content_type=declared)

    assert response.json is not None
    assert response.json["word"] == "go"
    assert response.json["accepted"] is False


def test_the_predecessors_sentence_is_given_to_those_who_ask(client: FlaskClient) -> None:
    response = client.post("/audio", data=tone("stop"), headers={"Accept": "text/plain"})

    assert response.text == "Did you say : 1) stop 2) up 3) down\n"
    assert response.mimetype == "text/plain"
    assert response.headers["Sayso-Model"] == "pitches"


@pytest.mark.parametrize(
    "accept", ["*/*", "text/html,application/xml;q=0.9,*/*;q=0.8", "application/json, text/plain"]
)
def test_everyone_else_is_given_json(client: FlaskClient, accept: str) -> None:
    response = client.post("/audio", data=tone("stop"), headers={"Accept": accept})

    assert response.is_json
    assert "Accept" in response.vary


def test_concurrent_requests_are_each_answered_with_their_own_word() -> None:
    app = create_app(FakeRecognizer())
    asked = WORDS * 10

    def ask(word: str) -> str:
        answer = app.test_client().post("/audio", data=tone(word)).json
        assert answer is not None
        return str(answer["word"])

    with ThreadPoolExecutor(len(WORDS)) as pool:
        assert tuple(pool.map(ask, asked)) == asked


def test_health_is_of_the_process_alone(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}


def test_no_file_is_opened_for_writing(client: FlaskClient) -> None:
    written = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            written.append(arguments[0])

    sys.addaudithook(watch)  # stays for the life of the process: hence `watching`
    try:
        for route in ROUTES:
            client.post(route, data=tone("up", seconds=3.0))
            client.post(route, data={"file": (__file__, "clip.wav")}, content_type="multipart/form-data")
            client.post(route, data=tone("up") + bytes(1_000_000))
    finally:
        watching = False
    assert written == []
