"""The short way answers as the long way does, and takes nothing that it cannot be sure of."""

import logging
from collections.abc import Iterable
from http.client import HTTPResponse
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from sayso.web import Settings, create_app
from sayso.web.short_way import ShortWay
from web.fake_recognizer import SAMPLE_RATE, FakeRecognizer, tone, wav
from web.raw_client import ask, posting
from web.serving import serving

OWN = {"server", "date", "connection"}  # of the server, not of the application
CHANGING = {"x-request-id", "server-timing"}


def answer(
    request: bytes, settings: Settings | None = None, *, is_last: bool = False
) -> tuple[bytes, bool] | None:
    way: ShortWay = create_app(FakeRecognizer(), settings).extensions["sayso.short_way"]
    head = request.index(b"\r\n\r\n") + 4
    return way.answer(bytearray(request), head, len(request), client="192.0.2.1", is_last=is_last)


class _Socket:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def makefile(self, *_: Any) -> BytesIO:
        return BytesIO(self.content)


def parsed(content: bytes) -> HTTPResponse:
    response = HTTPResponse(_Socket(content))  # type: ignore[arg-type]
    response.begin()
    return response


def lowered(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


@pytest.mark.parametrize("path", ["/audio", "/api/v1/recognitions"])
@pytest.mark.parametrize(
    "recording",
    [
        tone("up"),
        tone("go", seconds=2.5),
        b"",
        b"no recording",
        wav(np.zeros(SAMPLE_RATE)),
        tone("up", seconds=30),
        wav(np.ones(SAMPLE_RATE) / 2, 1000),
    ],
    ids=["word", "scanned", "empty", "rubbish", "silent", "long", "slow"],
)
def test_both_ways_answer_the_same(path: str, recording: bytes) -> None:
    found = answer(posting(recording, path))
    assert found is not None
    short = parsed(found[0])
    long = create_app(FakeRecognizer()).test_client().post(path, data=recording)

    assert (short.status, short.read().decode()) == (long.status_code, long.text)
    mine, theirs = lowered(short.getheaders()), lowered(long.headers)
    assert {key: value for key, value in mine.items() if key not in OWN | CHANGING} == {
        key: value for key, value in theirs.items() if key not in OWN | CHANGING
    }
    assert CHANGING & mine.keys() == CHANGING & theirs.keys()


def test_both_ways_count_and_log_the_same(caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(FakeRecognizer(), Settings(log="requests"))
    request = posting(tone("up"), "/audio", "X-Request-Id: mine")
    with caplog.at_level(logging.INFO, "sayso.requests"):
        app.extensions["sayso.short_way"].answer(
            bytearray(request),
            request.index(b"\r\n\r\n") + 4,
            len(request),
            client="127.0.0.1",
            is_last=False,
        )
        once = app.test_client().get("/metrics").text
        app.test_client().post("/audio", data=tone("up"), headers={"X-Request-Id": "mine"})

    assert 'sayso_requests_total{route="/audio",status="200"} 1.0' in once
    assert 'sayso_words_total{accepted="true",model="pitches",word="up"} 1.0' in once
    kept = ("id", "method", "path", "status", "bytes", "client")
    lines = [{key: getattr(record, key) for key in kept} for record in caplog.records]
    assert lines[0] == lines[-1]


@pytest.mark.parametrize(
    ("said", "is_last", "goes_on"),
    [([], False, True), (["Connection: close"], False, False), ([], True, False)],
)
def test_a_connection_goes_on_unless_somebody_ends_it(said: list[str], is_last: bool, goes_on: bool) -> None:
    found = answer(posting(tone("up"), "/audio", *said), is_last=is_last)

    assert found is not None
    assert found[1] is goes_on
    assert lowered(parsed(found[0]).getheaders())["connection"] == ("keep-alive" if goes_on else "close")


@pytest.mark.parametrize(
    "request_bytes",
    [
        posting(tone("up"), "/audio?top=3"),
        posting(tone("up"), "/audio/"),
        posting(tone("up"), "/api/v1/models"),
        posting(tone("up")).replace(b"POST", b"PUT", 1),
        posting(tone("up")).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
        posting(tone("up")).replace(b"Host: here\r\n", b"", 1),
        posting(tone("up")).replace(b"Host: here", b"Host : here", 1),
        posting(tone("up")).replace(b"Host: here", b"Host: here\r\n folded", 1),
        posting(tone("up")).replace(b"Host: here", b"Host: here\nX: y", 1),
        posting(tone("up")).replace(b"Host: here", b"Host: h\xc3\xa9re", 1),
        posting(tone("up")).replace(b"Content-Length: ", b"Content-Length: +", 1),
        *(
            posting(tone("up"), "/audio", more)
            for more in (
                "Content-Length: 5",
                "Host: there",
                "Transfer-Encoding: chunked",
                "Expect: 100-continue",
                "Upgrade: websocket",
                "Connection: upgrade",
                "Accept: text/plain",
                "Content-Type: multipart/form-data; boundary=x",
            )
        ),
    ],
)
def test_what_is_not_plain_goes_the_long_way(request_bytes: bytes) -> None:
    assert answer(request_bytes) is None


@pytest.mark.parametrize(
    ("settings", "is_taken"),
    [
        ({}, True),
        ({"rate_limit": "1/minute"}, False),
        ({"cors_origins": "https://there"}, False),
    ],
)
def test_guards_are_passed_on_the_long_way(settings: dict[str, str], is_taken: bool) -> None:
    found = answer(posting(tone("up"), "/audio", "Origin: https://there"), Settings(**settings))  # type: ignore[arg-type]

    assert (found is not None) is is_taken


def test_what_fails_here_is_left_to_the_long_way() -> None:
    class Failing(FakeRecognizer):
        def recognize_samples(self, _samples: Any, /, **_limits: Any) -> Any:
            raise RuntimeError("no such luck")

    request = bytearray(posting(tone("up")))
    way = create_app(Failing()).extensions["sayso.short_way"]
    assert way.answer(request, request.index(b"\r\n\r\n") + 4, len(request), client="", is_last=False) is None


def test_a_real_server_answers_the_same_by_both() -> None:
    with serving("--workers", "1", environment={"SAYSO_MODEL": "m5"}) as server:
        short, long = (ask(server, posting(tone("up"), "/audio", *more)) for more in ([], ["TE: trailers"]))

    assert short is not None
    assert long is not None
    assert (short.status, short.json) == (200, long.json)
    assert short.headers.keys() == long.headers.keys()
