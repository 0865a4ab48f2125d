"""The process that answers, against clients that are many, slow, rude or gone."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from web.fake_recognizer import tone
from web.raw_client import Reply, ask, connect, getting, posting, read_reply
from web.serving import SERVE, Server, serving

SMALL_MODEL = {"SAYSO_MODEL": "m5"}


@pytest.fixture(scope="module")
def small_server() -> Iterator[Server]:
    """One worker that waits two seconds for a request, and lets three recordings wait."""
    environment = SMALL_MODEL | {"SAYSO_REQUEST_S": "2", "SAYSO_MAX_WAITING": "3"}
    with serving("--workers", "1", environment=environment) as server:
        yield server


def answered(reply: Reply | None) -> Reply:
    assert reply is not None
    return reply


def wait_until(is_so: Callable[[], bool], seconds: float = 30.0) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_slow_clients_keep_nobody_waiting_and_are_cut_off(small_server: Server) -> None:
    whole = posting(tone("up"))
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connect(small_server)) for _ in range(40)]
        for number, connection in enumerate(slow):
            connection.sendall(whole[: 10 + number * 300])  # some lack half a head, some half a body
        assert answered(ask(small_server, whole)).status == 200
        for connection in slow:
            assert answered(read_reply(connection)).status == 408
            assert connection.recv(1) == b""


def test_a_client_that_says_nothing_is_let_go(small_server: Server) -> None:
    with connect(small_server) as connection:
        assert connection.recv(1) == b""


def test_one_byte_at_a_time_is_a_request_too(small_server: Server) -> None:
    with connect(small_server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in getting("/healthz"):
            connection.sendall(bytes([byte]))
        assert answered(read_reply(connection)).json == {"status": "ok"}


def test_a_connection_answers_one_request_after_another(small_server: Server) -> None:
    with connect(small_server) as connection:
        for word in ("up", "left"):
            connection.sendall(posting(tone(word)))
            assert answered(read_reply(connection)).json["model"] == "m5"
        connection.sendall(getting("/healthz") + getting("/api/v1/models"))
        connection.sendall(posting(tone("up")) + getting("/healthz"))
        content = b""
        while content.count(b"HTTP/1.1 200 OK") < 4 or not content.endswith(b'{"status":"ok"}\n'):
            content += connection.recv(65536)


def test_a_client_that_has_said_all_is_still_answered(small_server: Server) -> None:
    with connect(small_server) as connection:
        connection.sendall(posting(tone("up")))
        connection.shutdown(socket.SHUT_WR)
        assert answered(read_reply(connection)).status == 200


def test_a_body_in_chunks_is_heard(small_server: Server) -> None:
    recording = tone("up")
    head = b"POST /audio HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(small_server) as connection:
        connection.sendall(head)
        for start in range(0, len(recording), 5000):
            piece = recording[start : start + 5000]
            connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert answered(read_reply(connection)).json["word"]


def test_a_client_that_waits_to_be_asked_is_asked(small_server: Server) -> None:
    request = posting(tone("up"), "/audio", "Expect: 100-continue")
    head, body = request.split(b"\r\n\r\n", 1)
    with connect(small_server) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert answered(read_reply(connection)).status == 200


def test_a_body_too_large_is_refused_while_it_is_sent(small_server: Server) -> None:
    with connect(small_server) as connection:
        connection.sendall(posting(bytes(100_000), length=10**9))
        assert answered(read_reply(connection)).status == 413


@pytest.mark.parametrize(
    "rubbish",
    [b"\0" * 1000 + b"\r\n\r\n", b"HELO there\r\n\r\n", b"POST /audio HTTP/1.1\r\nContent-Length: x\r\n\r\n"],
)
def test_what_is_no_request_is_no_failure(small_server: Server, rubbish: bytes) -> None:
    reply = ask(small_server, rubbish)
    assert reply is None or 400 <= reply.status < 500
    assert answered(ask(small_server, getting("/healthz"))).status == 200


def test_a_head_without_end_is_refused(small_server: Server) -> None:
    reply = ask(small_server, b"GET / HTTP/1.1\r\n" + b"X-Header: yes\r\n" * 10_000)
    assert reply is None or 400 <= reply.status < 500


def test_too_many_at_once_are_refused_at_once(small_server: Server) -> None:
    request = posting(tone("up", seconds=9.9))

    def one(_: int) -> Reply:
        return answered(ask(small_server, request))

    with ThreadPoolExecutor(40) as pool:
        replies = list(pool.map(one, range(80)))

    assert {reply.status for reply in replies} == {200, 503}
    refused = next(reply for reply in replies if reply.status == 503)
    assert refused.headers["retry-after"] == "1"
    assert refused.json["error"]["code"] == "busy"
    figures = answered(ask(small_server, getting("/metrics"))).body.decode()
    assert 'sayso_refused_total{code="busy"}' in figures


def test_who_is_refused_may_ask_again_on_the_same_connection(small_server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connect(small_server)).sendall(posting(tone("up", seconds=9.9)))
        connection = stack.enter_context(connect(small_server))
        statuses: list[int] = []
        while 503 not in statuses or statuses[-1] != 200:
            connection.sendall(posting(tone("up")))
            statuses.append(answered(read_reply(connection)).status)
            assert len(statuses) < 10_000
            if 503 not in statuses:  # the others are through: let them come again
                for _ in range(20):
                    stack.enter_context(connect(small_server)).sendall(posting(tone("up", seconds=9.9)))


def test_many_requests_at_once_on_one_connection_are_refused_and_no_failure(small_server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connect(small_server)).sendall(posting(tone("up", seconds=9.9)))
        rude = stack.enter_context(connect(small_server))
        with contextlib.suppress(OSError):
            rude.sendall(posting(b"") * 20_000)
        assert answered(ask(small_server, getting("/healthz"))).status == 200


def test_an_overloaded_worker_still_says_that_it_lives(small_server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(connect(small_server))
            connection.sendall(posting(tone("up", seconds=9.9)))
        for path in ("/healthz", "/readyz", "/metrics"):
            assert answered(ask(small_server, getting(path))).status == 200


def children(server: Server) -> list[int]:
    pid = server.process.pid
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_killed_worker_is_replaced_and_only_its_own_requests_fail() -> None:
    with serving("--workers", "2", environment=SMALL_MODEL) as server:
        wait_until(lambda: len(children(server)) == 2)
        victim = children(server)[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(set(children(server)) - {victim}) == 2)
        for _ in range(10):
            assert answered(ask(server, posting(tone("up")))).status == 200


def test_requests_under_way_are_finished_when_told_to_stop() -> None:
    with serving("--workers", "1", environment=SMALL_MODEL) as server, connect(server) as connection:
        request = posting(tone("up"))
        connection.sendall(request[:-1000])
        assert answered(ask(server, getting("/healthz"))).status == 200  # so it has begun to read
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        connection.sendall(request[-1000:])
        reply = answered(read_reply(connection))
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert server.process.wait(timeout=30) == 0


def test_nothing_is_dropped_when_workers_are_renewed() -> None:
    with serving("--workers", "2", environment=SMALL_MODEL) as server:
        before = set(children(server))

        def one(_: int) -> int:
            return answered(ask(server, posting(tone("up")))).status

        with ThreadPoolExecutor(4) as pool:
            asked = pool.map(one, range(150))
            server.process.send_signal(signal.SIGHUP)
            assert set(asked) == {200}
        wait_until(lambda: not before & set(children(server)))


def test_a_server_that_runs_out_of_files_goes_on(tmp_path: Path) -> None:
    few = ("sh", "-c", 'ulimit -n 64; exec "$0" "$@"', *SERVE)
    with serving("--workers", "1", command=few, environment=SMALL_MODEL) as server:
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(connect(server))
            time.sleep(0.5)
        wait_until(lambda: (reply := ask(server, getting("/healthz"))) is not None and reply.status == 200)
        assert answered(ask(server, posting(tone("up")))).status == 200
