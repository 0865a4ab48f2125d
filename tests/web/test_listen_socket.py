import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.protocol import Protocol, Side
from websockets.sync.client import ClientConnection, connect
from websockets.sync.connection import Connection

import sayso
from sayso import audio
from sayso.web import ModelStore, listen_socket
from sayso.web.listen_socket import MAX_MESSAGE_BYTES, Conversation
from sure_words import RATE, sure_words, unsure_words
from web.serving import SERVE_WITHOUT_FORK, Server, serving

WORDS = ("left", "yes", "stop", "five")
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module")
def speech(speech_commands: Path) -> NDArray[np.float32]:
    return sure_words(speech_commands, WORDS)


def pcm(samples: NDArray[np.float32]) -> bytes:
    return np.rint(samples * 32767).astype("<i2").tobytes()


def open_socket(server: Server, **options: Any) -> ClientConnection:
    client: ClientConnection = connect(server.address.replace("http", "ws") + listen_socket.PATH, **options)
    return client


def hear(client: Connection, content: bytes, size: int, **first: Any) -> list[dict[str, Any]]:
    """What is heard when the bytes come in messages of a size."""
    if first:
        client.send(json.dumps(first))
    for start in range(0, len(content), size):
        client.send(content[start : start + size])
    client.send('{"finish": true}')
    return [json.loads(message) for message in client]


@contextmanager
def conversation(recognizer: sayso.Recognizer, max_seconds: float = 60) -> Iterator[Connection]:
    """The client's end of a conversation without a server."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs:
            assert list(Conversation(ModelStore.of(recognizer), max_seconds).hold(theirs)) == [b""]

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(serve)
        client = Connection(ours, Protocol(Side.CLIENT), ping_interval=None)
        try:
            yield client
        finally:
            client.close()
            done.result(20)


def closed(client: Connection) -> tuple[int, str]:
    """Code and reason of the close that comes next."""
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(timeout=20)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


@pytest.mark.parametrize(("rate", "size"), [(16_000, 3_200), (48_000, 50_000)])
def test_a_stream_is_heard_as_in_a_program(
    server: Server, recognizer: sayso.Recognizer, speech: NDArray[np.float32], rate: int, size: int
) -> None:
    content = pcm(audio.resample(speech, RATE, rate))
    samples = np.frombuffer(content, "<i2")
    wanted = list(sayso.listen(recognizer, [samples], sample_rate=rate))
    assert [one.word for one in wanted] == list(WORDS)
    with open_socket(server) as client:
        found = hear(client, content, size, sample_rate=rate)
        assert (client.close_code, client.close_reason) == (1000, "")
    for one, other in zip(found, wanted, strict=True):
        assert (one["word"], one["start_s"], one["end_s"]) == (other.word, other.start_s, other.end_s)
        assert one["confidence"] == pytest.approx(other.confidence, abs=1e-4)
        assert (one["model"], one["digest"]) == (recognizer.card.name, recognizer.digest)


def test_words_come_while_the_stream_goes_on(server: Server, speech: NDArray[np.float32]) -> None:
    with open_socket(server) as client:
        client.send(pcm(speech[: 2 * RATE]))  # at the model's own rate where none is said
        assert json.loads(client.recv(timeout=20))["word"] == WORDS[0]
        client.ping().wait(20)
        content = pcm(speech[2 * RATE : 5 * RATE])
        client.send([content[:1001], content[1001:3000], content[3000:]])  # fragments of one message
        assert [json.loads(client.recv(timeout=20))["word"] for _ in WORDS[1:3]] == list(WORDS[1:3])


def test_model_and_words_may_be_chosen(server: Server, speech: NDArray[np.float32]) -> None:
    with open_socket(server) as client:
        found = hear(client, pcm(speech), 32_000, words=["stop", "left"])
    assert [one["word"] for one in found] == ["left", "stop"]
    with open_socket(server) as client:
        found = hear(client, pcm(speech), 32_000, model="m5")
    assert {one["model"] for one in found} <= {"m5"}


def test_speech_without_a_word_is_told_of_where_wanted(server: Server, speech_commands: Path) -> None:
    content = pcm(unsure_words(speech_commands, 2))
    found = {}
    for unsure in (False, True):
        with open_socket(server) as client:
            found[unsure] = hear(client, content, 32_000, unsure=unsure)
    assert found[False] == []
    assert [one["accepted"] for one in found[True]] == [False, False]
    assert all(one["word"] and 0 < one["confidence"] < 1 for one in found[True])


def test_many_listen_at_once_and_none_starves(speech: NDArray[np.float32]) -> None:
    content, listeners = pcm(speech), 12
    recording = audio.encode_wav(speech[: 2 * RATE], RATE)
    heard, is_over = [], threading.Event()
    with serving("--workers", "1") as server, ThreadPoolExecutor(listeners) as pool:

        def listen(_: int) -> list[str]:
            with open_socket(server, open_timeout=60) as client:
                return [one["word"] for one in hear(client, content, 3_200)]

        def waiting(_: int) -> None:
            with open_socket(server, open_timeout=60) as client:
                client.send(content[:3_200])
                is_over.wait(60)

        idle = [pool.submit(waiting, index) for index in range(listeners // 2)]
        for found in pool.map(listen, range(listeners // 2)):
            assert found == list(WORDS)
            heard.append(server.ask(recording)["word"])  # while others listen
        is_over.set()
        for one in idle:
            one.result(60)
    assert heard == ["left"] * (listeners // 2)


def test_who_goes_without_a_word_leaves_nothing_behind(speech: NDArray[np.float32]) -> None:
    with serving("--workers", "1") as server:
        for _ in range(70):  # more than may listen at once
            raw = socket.create_connection(("127.0.0.1", server.port))
            lines = [f"GET {listen_socket.PATH} HTTP/1.1", "Host: 127.0.0.1"]
            lines += [f"{name}: {value}" for name, value in UPGRADE.items()]
            raw.sendall("\r\n".join([*lines, "", ""]).encode())
            assert raw.recv(12) == b"HTTP/1.1 101"
            raw.close()
            time.sleep(0.01)
        with open_socket(server) as client:
            assert [one["word"] for one in hear(client, pcm(speech), 3_200)] == list(WORDS)


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        (["left"], 1003, "JSON object"),
        (["[1]"], 1003, "JSON object"),
        ([b"\0"], 1007, "whole 16-bit samples"),
        (['{"sample_rate": 10}'], 1008, "from 4000 to 192000"),
        (['{"sample_rate": "high"}'], 1008, "whole number"),
        (['{"model": "none such"}'], 1008, "no model 'none such'"),
        (['{"model": 7}'], 1008, "a name"),
        (['{"words": ["sideways"]}'], 1008, "does not know sideways"),
        (['{"words": "left"}'], 1008, "list of texts"),
        (['{"words": []}'], 1008, "one or more"),
        (['{"language": "en"}'], 1008, "nothing else"),
        (['{"unsure": 1}'], 1008, "Unsure must be true or false."),
        ([b"\0\0", '{"sample_rate": 16000}'], 1008, "before the first sound"),
        ([b"\0" * (MAX_MESSAGE_BYTES + 2)], 1009, ""),
        ([[b"\0" * MAX_MESSAGE_BYTES, b"\0\0"]], 1009, ""),
        (['{"model": "' + "é" * 200 + '"}'], 1008, "no model"),
    ],
)
def test_a_bad_message_ends_with_a_sentence(
    recognizer: sayso.Recognizer, messages: list[Any], code: int, reason: str
) -> None:
    with conversation(recognizer) as client:
        for message in messages:
            with suppress(ConnectionClosed):  # it may have heard enough before all is sent
                client.send(message)
        found, sentence = closed(client)
    assert found == code
    assert reason in sentence
    assert len(sentence) > 10


def test_time_is_limited(recognizer: sayso.Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    with conversation(recognizer, max_seconds=0.2) as client:
        assert closed(client) == (1008, "The time for listening is over: connect again.")
    monkeypatch.setattr(listen_socket, "IDLE_S", 0.1)
    with conversation(recognizer) as client:
        code, reason = closed(client)
    assert code == 1001
    assert reason.startswith("Nothing came for 0.1 seconds")


def test_no_one_is_listened_to_faster_than_at_the_limit(
    recognizer: sayso.Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen_socket, "HEAD_START_S", 1.0)
    monkeypatch.setattr(listen_socket, "MAX_SPEED", 20.0)
    with conversation(recognizer) as client:
        began = time.monotonic()
        assert hear(client, bytes(2 * RATE * 11), 8_000) == []
        assert time.monotonic() - began >= 0.3  # ten seconds, at most twenty a second


def test_who_takes_no_answers_is_not_waited_for(
    recognizer: sayso.Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen_socket, "IDLE_S", 0.2)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        talk = threading.Thread(target=lambda: list(Conversation(ModelStore.of(recognizer), 60).hold(theirs)))
        talk.start()
        ping = b"\x89\xfd" + bytes(4) + bytes(125)  # asks for an answer of its size
        while talk.is_alive():
            try:
                ours.send(ping * 100)
            except BlockingIOError:
                talk.join(0.05)


def test_only_our_own_pages_may_listen(server: Server) -> None:
    with open_socket(server, origin=server.address):
        pass
    for origin in ("http://example.test", "null", "http://", "http://[", server.address + "0"):
        with pytest.raises(InvalidStatus) as caught:
            open_socket(server, origin=origin)
        assert caught.value.response.status_code == 403
        assert "may not listen" in json.loads(caught.value.response.body)["error"]["message"]
    allowed = {"SAYSO_CORS_ORIGINS": "http://example.test http://other.test"}
    with (
        serving("--workers", "1", environment=allowed) as open_server,
        open_socket(open_server, origin="http://other.test"),
    ):
        pass


def test_what_is_no_websocket_is_told_so(client: FlaskClient) -> None:
    answer = client.get(listen_socket.PATH)
    assert answer.status_code == 426
    assert "WebSocket" in answer.get_json()["error"]["message"]
    answer = client.get(listen_socket.PATH, headers=UPGRADE | {"Sec-WebSocket-Key": "short"})
    assert answer.status_code == 400
    assert "Sec-WebSocket-Key" in answer.get_json()["error"]["message"]
    assert client.post(listen_socket.PATH).status_code == 405


def test_without_gunicorn_it_is_said_plainly() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("here no server has sockets to give")
    with (
        serving(command=SERVE_WITHOUT_FORK) as server,
        pytest.raises(InvalidStatus) as caught,
    ):
        open_socket(server)
    assert caught.value.response.status_code == 501
    assert "cannot listen to streams" in json.loads(caught.value.response.body)["error"]["message"]
