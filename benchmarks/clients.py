"""Many clients of a server in one thread, so that they take little of the machine they measure on.

A request is made of ready bytes, and of an answer no more is read than its status, its length and its word.
"""

import contextlib
import heapq
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

READ_BYTES = 65536
REFUSED_PAUSE_S = 0.1  # before a client that was refused asks again, where no rate is given
PATIENCE_S = 60.0  # then a request counts as lost


@dataclass(frozen=True)
class Clip:
    """A recording and what the model hears in it."""

    content: bytes
    word: str


@dataclass
class Tally:
    """What clients saw."""

    seconds: list[float] = field(default_factory=list)  # of each request that was answered 200
    refused_seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    wrong: int = 0  # answers with another word than the clip's
    lost: list[tuple[float, float]] = field(default_factory=list)  # requests without an answer: from, to
    lasted_s: float = 0.0

    def percentile_ms(self, percent: float) -> float | None:
        """Latency of the requests that were answered."""
        return _percentile_ms(self.seconds, percent)

    def refused_ms(self, percent: float) -> float | None:
        """Latency of the others."""
        return _percentile_ms(self.refused_seconds, percent)

    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.lasted_s

    def share(self, status: int) -> float:
        """The part of the requests with an answer that had this one."""
        return self.statuses.get(status, 0) / max(1, sum(self.statuses.values()))


def _percentile_ms(seconds: list[float], percent: float) -> float | None:
    return round(1000 * float(np.percentile(seconds, percent)), 1) if seconds else None


def request_bytes(clip: Clip, path: str, *, keep_alive: bool = True) -> bytes:
    """A request, as it is sent."""
    lines = [f"POST {path} HTTP/1.1", "Host: here", f"Content-Length: {len(clip.content)}"]
    lines += [] if keep_alive else ["Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode() + clip.content


class _Client:
    """One client: at most one connection, at most one request at a time."""

    def __init__(self, clip: Clip, path: str, *, keep_alive: bool) -> None:
        self.request = request_bytes(clip, path, keep_alive=keep_alive)
        self.word = f'"word":"{clip.word}"'.encode() if path == "/audio" else b""
        self.sock: socket.socket | None = None
        self.unsent = memoryview(b"")
        self.answer = bytearray()
        self.began = 0.0

    def whole(self) -> tuple[int, bytes, bool] | None:
        """Status and body of the answer, and whether the connection ends; None while more is to come."""
        end = self.answer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self.answer[:end]).lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self.answer) < end + 4 + length:
            return None
        return int(head[9:12]), bytes(self.answer[end + 4 :]), b"\nconnection: close" in head


class _Crowd:
    """All clients, and what they see."""

    def __init__(self, port: int, rate: float | None) -> None:
        self.port, self.rate = port, rate
        self.tally = Tally()
        self.selector = selectors.DefaultSelector()
        self.idle: list[_Client] = []
        self.asking: set[_Client] = set()
        self.pausing: list[tuple[float, int, _Client]] = []

    def ask(self, client: _Client) -> None:
        client.began = time.monotonic()
        client.unsent = memoryview(client.request)
        client.answer.clear()
        self.asking.add(client)
        if client.sock is None:
            client.sock = socket.socket()
            client.sock.setblocking(False)
            client.sock.connect_ex(("127.0.0.1", self.port))
            self.selector.register(client.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, client)
        else:
            self.go_on(client, selectors.EVENT_WRITE)

    def go_on(self, client: _Client, events: int) -> None:
        assert client.sock is not None
        try:
            if events & selectors.EVENT_WRITE and client.unsent:
                client.unsent = client.unsent[client.sock.send(client.unsent) :]
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unsent else 0)
                if self.selector.get_key(client.sock).events != wanted:
                    self.selector.modify(client.sock, wanted, client)
            if events & selectors.EVENT_READ:
                piece = client.sock.recv(READ_BYTES)
                client.answer += piece
                self.look_at(client, is_over=not piece)
        except BlockingIOError:
            pass
        except OSError:
            self.look_at(client, is_over=True)

    def look_at(self, client: _Client, *, is_over: bool) -> None:
        found = client.whole() if client in self.asking else None
        if found is None and not is_over:
            return
        now = time.monotonic()
        if is_over or (found and found[2]):
            self.leave(client)
        if client not in self.asking:
            return  # an idle connection was closed
        self.asking.discard(client)
        if found is None:
            self.tally.lost.append((client.began, now))
        else:
            status, body, _ = found
            self.tally.statuses[status] = self.tally.statuses.get(status, 0) + 1
            if status == 200:
                self.tally.seconds.append(now - client.began)
                self.tally.wrong += client.word not in body
            else:
                self.tally.refused_seconds.append(now - client.began)
        if self.rate is None and (found is None or found[0] != 200):
            heapq.heappush(self.pausing, (now + REFUSED_PAUSE_S, id(client), client))
        else:
            self.idle.append(client)

    def leave(self, client: _Client) -> None:
        if client.sock is not None:
            self.selector.unregister(client.sock)
            client.sock.close()
            client.sock = None

    def run(self, clients: list[_Client], seconds: float) -> None:
        self.idle = list(reversed(clients))
        began = time.monotonic()
        ends, asked = began + seconds, 0
        while (now := time.monotonic()) < ends or (self.asking and now < ends + PATIENCE_S):
            while self.pausing and self.pausing[0][0] <= now:
                self.idle.append(heapq.heappop(self.pausing)[2])
            due = len(self.idle) if self.rate is None else int((now - began) * self.rate) - asked
            if now < ends:
                for _ in range(min(due, len(self.idle))):
                    self.ask(self.idle.pop())
                    asked += 1
            pause = 0.1 if self.rate is None else min(0.1, max(0.0, (asked + 1) / self.rate - (now - began)))
            if self.pausing:
                pause = min(pause, max(0.0, self.pausing[0][0] - now))
            for key, events in self.selector.select(pause):
                self.go_on(key.data, events)
        self.tally.lasted_s = min(time.monotonic(), ends) - began
        self.tally.lost += [(client.began, time.monotonic()) for client in self.asking]
        for client in clients:
            self.leave(client)
        self.selector.close()


def bombard(
    port: int,
    clips: list[Clip],
    *,
    clients: int,
    seconds: float,
    path: str = "/audio",
    keep_alive: bool = True,
    rate: float | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Tally:
    """Have clients ask for some time, each after its last answer, or at a rate for all together.

    A rate is kept as long as one of the clients is free: give as many as may have to wait.
    """
    crowd = _Crowd(port, rate)
    made = [_Client(clips[number % len(clips)], path, keep_alive=keep_alive) for number in range(clients)]
    is_over = threading.Event()

    def disturb() -> None:
        while meanwhile is not None and not is_over.is_set():
            meanwhile()

    with contextlib.ExitStack() as stack:
        thread = threading.Thread(target=disturb)
        thread.start()
        stack.callback(thread.join)
        stack.callback(is_over.set)
        crowd.run(made, seconds)
    return crowd.tally
