"""The process that answers: gunicorn's thread worker, which here waits for whole requests.

Gunicorn gives each connection a thread from its first byte on, so that a handful of slow clients keep all
threads, and a full queue is noticed when it is too late to refuse. Here one loop gathers the bytes of all
connections; what is whole is answered:

- a recording by the loop itself, one after another: recognising keeps a core busy, so that more threads would
  only wait for one another. When too many wait their turn, the next is refused at once, unparsed;
- everything else by gunicorn's threads, so that a page never waits behind a large request;
- a WebSocket by a thread of its own, for as long as it lasts.

What is not whole within the time limit is cut off.
"""

import errno
import gc
import re
import selectors
import socket
import threading
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from sayso.web.connection import LINGER_S, READ_BYTES, ClientSocket, Connection
from sayso.web.refusals import BUSY, SLOW, Refusal, as_bytes
from sayso.web.settings import Settings

SEND_IN_TURN_S = 1.0  # for a client to take an answer the loop sends; as long, no other is sent
ACCEPTED_AT_ONCE = 16  # connections
ANSWERING_S = 0.01  # before the next look at what has arrived; a refusal waits that long
SWEEP_S = 0.5  # between looks for connections whose time is up
MAX_ARRIVED_BYTES = 256 * 2**20  # of requests not yet answered, in one worker
MAX_SOCKETS = 64  # WebSockets in one worker
MAX_THREADED = 64  # requests waiting for a thread
IN_TURN = re.compile(rb"POST /(audio|api/v1/recognitions)[ ?]")  # those that recognise
ALWAYS = re.compile(rb"GET /(healthz|readyz|metrics)[ ?]")  # an overloaded server must still say so


class Worker(ThreadWorker):  # type: ignore[misc]
    """A worker that refuses in time."""

    limits = Settings()  # set before the fork

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections: set[Connection] = set()  # those the loop reads from
        self.turns: deque[Connection] = deque()
        self.threaded = self.websockets = 0
        self.buffer = memoryview(bytearray(READ_BYTES))  # one for all: to allocate costs more than to read
        self.arrived_bytes = 0  # since the last sweep, which counts anew
        self.swept = 0.0

    def run(self) -> None:
        """Answer until told to stop; then finish what is under way."""
        self.telemetry = self.wsgi.extensions["sayso.telemetry"]
        self.short_way = self.wsgi.extensions["sayso.short_way"]
        gc.freeze()  # what is there now stays, and need not be looked through again and again
        gc.set_threshold(20_000, 10, 10)
        self.poller.register(
            self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks
        )
        self.set_accept_enabled(True)
        while self.alive:
            self.turn()
            if not self.is_parent_alive():
                break
        self.set_accept_enabled(False)
        now = time.monotonic()
        for connection in self.connections:
            if connection.is_idle:  # a moment more, for a request that is on its way
                connection.deadline = min(connection.deadline, now + LINGER_S / 2)
        ends = now + self.cfg.graceful_timeout
        while self.nr_conns > self.websockets and time.monotonic() < ends:
            self.turn()
        for connection in list(self.connections):
            self.leave(connection)
        self.tpool.shutdown(wait=False)
        for listener in self.sockets:
            listener.close()

    def turn(self) -> None:
        """Take in what has arrived, then answer recordings for a while."""
        self.wait_for_and_dispatch_events(timeout=0 if self.turns else SWEEP_S)
        # For a while, and not one: else refusing many leaves no time for answering any.
        ends = time.monotonic() + ANSWERING_S
        while self.turns:
            connection = self.turns.popleft()
            connection.sock.held = bytearray()
            self.finish(connection, self.answer(connection))
            if time.monotonic() > ends:
                break
        now = time.monotonic()
        if now - self.swept > SWEEP_S:
            self.swept = now
            self.telemetry.waiting(len(self.turns))
            self.arrived_bytes = sum(len(each.arrived) for each in self.connections)
            self.notify()
            self.set_accept_enabled(self.alive and self.nr_conns < self.worker_connections)
            for connection in [each for each in self.connections if each.deadline < now]:
                if not connection.is_waiting:
                    self.expire(connection)

    def accept(self, listener: socket.socket) -> None:
        """Take the connections that wait; a few, so that other workers have some."""
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                accepted, client = listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self.set_accept_enabled(False)  # until the next sweep
                elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                    raise
                return
            self.take_in(listener, accepted, client)

    def take_in(self, listener: socket.socket, accepted: socket.socket, client: Any) -> None:
        """Begin to read from a new connection."""
        taken = ClientSocket(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.nr_conns += 1
        limits = self.limits
        max_body = max(limits.max_bytes, limits.max_teaching_bytes if limits.teaching == "on" else 0)
        connection = Connection(
            self.cfg,
            taken,
            client,
            listener.getsockname(),
            clock=time.monotonic,
            max_body=max_body,
        )
        self.watch(connection, self.limits.request_s)

    def watch(self, connection: Connection, seconds: float) -> None:
        """Read from a connection for some time."""
        connection.sock.setblocking(False)
        connection.deadline = time.monotonic() + seconds
        if connection not in self.connections:
            self.poller.register(connection.sock, selectors.EVENT_READ, partial(self.read, connection))
            self.connections.add(connection)

    def unwatch(self, connection: Connection) -> None:
        """Read from it no more."""
        self.connections.discard(connection)
        self.poller.unregister(connection.sock)

    def leave(self, connection: Connection) -> None:
        """Close a connection the loop reads from."""
        self.unwatch(connection)
        self.forget(connection)
        connection.close()

    def forget(self, connection: Connection) -> None:
        """Count it no more."""
        self.nr_conns -= 1
        connection.arrived.clear()

    def read(self, connection: Connection, _file: Any = None) -> None:
        """Take in what has arrived on a connection, and hand over its request when it is whole."""
        try:
            piece = self.buffer[: connection.sock.recv_into(self.buffer)]
        except BlockingIOError:
            return
        except OSError:
            piece = self.buffer[:0]
        if connection.is_waiting:
            connection.arrived += piece  # of the next request
            self.arrived_bytes += len(piece)
            if not piece:
                self.unwatch(connection)
        elif not piece:
            self.leave(connection)
        elif not connection.is_leaving:
            if connection.is_idle:
                connection.deadline = time.monotonic() + self.limits.request_s
            connection.arrived += piece
            self.arrived_bytes += len(piece)
            self.hand_over(connection)

    def hand_over(self, connection: Connection) -> None:
        """Have a request answered if it is whole, or refused if there are too many."""
        is_whole = connection.is_whole()
        in_turn = IN_TURN.match(connection.arrived)
        if not is_whole:
            is_hopeless = in_turn and connection.wanted and len(self.turns) >= self.limits.max_waiting
            if is_hopeless or self.arrived_bytes > MAX_ARRIVED_BYTES:
                self.refuse(connection, BUSY)
            return
        if in_turn:  # forms of many too, though threads answer them
            is_full = len(self.turns) >= self.limits.max_waiting
        elif connection.is_upgrade:
            is_full = self.websockets >= MAX_SOCKETS
        else:
            is_full = self.threaded >= MAX_THREADED and not ALWAYS.match(connection.arrived)
        if is_full:  # a new connection would cost more than the refusal
            is_all = connection.head > 0 and len(connection.arrived) == connection.wanted
            self.refuse(connection, BUSY, keep=self.alive and is_all and not connection.is_cut)
            return
        if in_turn and not connection.is_cut and not connection.is_form:
            connection.is_waiting = True  # and stays watched, which is cheaper
            self.turns.append(connection)
            return
        self.unwatch(connection)
        if connection.is_upgrade:
            self.websockets += 1
            threading.Thread(target=self.handle_websocket, args=(connection,), daemon=True).start()
        else:
            self.threaded += 1
            self.enqueue_req(connection)

    def refuse(self, connection: Connection, refusal: Refusal, *, keep: bool = False) -> None:
        """Say no without asking the application, and wait for the client's next request, or for it to go."""
        self.telemetry.refused(refusal.code)
        try:
            connection.sock.send(as_bytes(refusal, keep=keep))
        except OSError:
            self.leave(connection)
            return
        if not keep:
            self.see_off(connection)
            return
        connection.arrived.clear()
        connection.begin()
        self.watch(connection, self.cfg.keepalive)

    def see_off(self, connection: Connection) -> None:
        """Close for writing; what the client still sends is thrown away, so that it reads our answer."""
        connection.arrived.clear()
        connection.is_leaving = True
        connection.deadline = time.monotonic() + LINGER_S
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.leave(connection)

    def expire(self, connection: Connection) -> None:
        """End a connection whose time is up."""
        if connection.is_idle or connection.is_leaving:
            self.leave(connection)
        else:
            self.refuse(connection, SLOW)

    def answer(self, connection: Connection) -> bool:
        """Answer a recording whose turn it is; says whether the connection goes on."""
        end = connection.wanted or 0
        found = connection.head and self.short_way.answer(
            connection.arrived, connection.head, end, client=connection.client[0], is_last=not self.alive
        )
        if not found:
            return bool(self.handle(connection))
        connection.sock.held += found[0]
        connection.take(end)
        return bool(found[1])

    def handle_websocket(self, connection: Connection) -> None:
        """Answer in a thread of its own."""
        self.handle(connection)
        self.method_queue.defer(self.finish_websocket, connection)

    def finish_websocket(self, connection: Connection) -> None:
        """See a WebSocket's client off."""
        self.websockets -= 1
        self.finish(connection, keep=False)

    def finish_request(self, connection: Connection, future: "Future[bool]") -> None:
        """Go on with a connection whose request a thread has answered."""
        self.threaded -= 1
        self.finish(connection, keep=not future.cancelled() and bool(future.result()))

    def finish(self, connection: Connection, keep: bool) -> None:
        """Wait for a connection's next request, or for its end."""
        try:
            if connection.sock.held is not None:
                connection.sock.settimeout(SEND_IN_TURN_S)
                connection.sock.send_held()
            connection.begin()
            self.watch(connection, self.cfg.keepalive if self.alive else LINGER_S / 2)
            if not keep:
                self.see_off(connection)
            elif connection.arrived:
                self.hand_over(connection)
        except (OSError, ValueError):  # gone, or closed by the parser
            if connection in self.connections:
                self.unwatch(connection)
            self.forget(connection)
            connection.close()

    def handle_request(self, req: Any, connection: Connection) -> bool:
        """Answer a request whose body, mostly, is here already."""
        body = connection.body()
        if body is not None:
            req.body = body
        return bool(super().handle_request(req, connection))

    def _keepalive_after(self, connection: Connection, keepalive: bool) -> bool:
        """Whether the connection can go on: not if the body was refused unread."""
        return keepalive and not connection.is_cut and super()._keepalive_after(connection, keepalive)
