"""One client's connection: the bytes that arrived, and when they are a whole request.

It parses no more than a head's end and its length, so that a request is handed to a thread, and parsed in
earnest, only once nothing more need be waited for.
"""

import errno
import io
import re
import socket
from dataclasses import dataclass, field
from typing import Any

from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

MAX_HEAD_BYTES = 64 * 1024  # beyond, the parser refuses it
READ_BYTES = 256 * 1024  # at a time
SEND_S = 20.0  # for a client to take an answer
LINGER_S = 2.0  # after a refusal, for what the client still sends

_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_CONTINUE = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue", re.IGNORECASE)
_FORM = re.compile(rb"\r\ncontent-type[ \t]*:[ \t]*multipart/", re.IGNORECASE)
_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:[ \t]*websocket", re.IGNORECASE)


class ClientSocket(socket.socket):
    """A socket whose client must take what it is sent: one that does not is a lost connection."""

    held: bytearray | None = None  # where an answer is gathered, to be sent as one

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send all of it, or fail as if the client had gone."""
        if self.held is not None:
            self.held += data
            return
        try:
            super().sendall(data, flags)
        except TimeoutError as error:
            raise BrokenPipeError(errno.EPIPE, "the client takes nothing") from error

    def send_held(self) -> None:
        """Send what was gathered, and gather no more."""
        held, self.held = self.held, None
        if held:
            self.sendall(held)


class _Arrived(SocketUnreader):  # type: ignore[misc]
    """What has arrived already, then what still comes, but not beyond the request's deadline."""

    def __init__(self, connection: "Connection") -> None:
        super().__init__(connection.sock, READ_BYTES)
        self._connection = connection

    def chunk(self, size_hint: int | None = None) -> bytes:
        connection = self._connection
        if connection.arrived:
            return connection.take(connection.head or len(connection.arrived))
        left_s = connection.deadline - connection.clock()
        if left_s <= 0:
            raise NoMoreData
        self.sock.settimeout(left_s)
        try:
            chunk: bytes = super().chunk(size_hint)
        except TimeoutError as error:
            raise NoMoreData from error
        finally:
            self.sock.settimeout(SEND_S)
        return chunk


@dataclass(eq=False)
class Connection(TConn):  # type: ignore[misc]
    """A connection, and what is known of the request it is sending."""

    cfg: Any
    sock: ClientSocket
    client: Any
    server: Any
    clock: Any  # monotonic seconds
    max_body: int  # bytes; a request that promises more is handed over unread, to be refused
    deadline: float = 0.0  # monotonic seconds: when this request, or the wait for one, is over
    arrived: bytearray = field(default_factory=bytearray)
    head: int = 0  # bytes of the head, once it is here and the body's length known
    wanted: int | None = None  # bytes of the whole request, once its head is here
    is_waiting: bool = False  # for its turn
    is_leaving: bool = False  # answered for the last time; only waiting for the client to go
    is_cut: bool = False  # handed over without the body it promised, to be refused
    is_upgrade: bool = False
    is_form: bool = False  # many recordings, perhaps

    def __post_init__(self) -> None:
        super().__init__(self.cfg, self.sock, self.client, self.server)
        self.data_ready = True  # nothing is handed over before

    def init(self) -> None:
        """Prepare for parsing, in the thread that answers."""
        super().init()
        self.sock.settimeout(None if self.is_upgrade else SEND_S)
        if not isinstance(self.parser.unreader, _Arrived):
            self.parser.unreader = _Arrived(self)

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request has arrived."""
        return not self.arrived

    def is_whole(self) -> bool:
        """Whether all that the parser will want has arrived, or it had better see what has."""
        if self.wanted is None:
            end = self.arrived.find(b"\r\n\r\n")
            if end < 0:
                return len(self.arrived) > MAX_HEAD_BYTES
            head = bytes(self.arrived[: end + 2])
            self.is_upgrade = _UPGRADE.search(head) is not None
            self.is_form = _FORM.search(head) is not None
            if _CHUNKED.search(head):
                self.wanted = -1
            else:
                length = _LENGTH.search(head)
                body = int(length[1]) if length else 0
                self.is_cut = body > self.max_body
                self.head = end + 4
                self.wanted = self.head + (0 if self.is_cut else body)
            if _CONTINUE.search(head) and self.wanted != end + 4:
                self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")  # to an empty buffer: it is not full
        if self.wanted < 0:  # the end of a chunked body can only be guessed at; the parser knows
            return self.arrived.endswith(b"0\r\n\r\n") or len(self.arrived) > self.max_body
        return len(self.arrived) >= self.wanted

    def take(self, count: int) -> bytes:
        """Take the next bytes of what has arrived."""
        taken = bytes(memoryview(self.arrived)[:count])
        del self.arrived[:count]
        return taken

    def body(self) -> io.BytesIO | None:
        """The request's body, if it has arrived: cheaper than reading it through the parser."""
        count = (self.wanted or 0) - self.head
        if not self.head or self.is_cut or not 0 < count <= len(self.arrived):
            return None
        self.head = 0
        return io.BytesIO(self.take(count))

    def begin(self) -> None:
        """Forget the request that was answered; keep what has arrived of the next."""
        self.wanted, self.head = None, 0
        self.is_upgrade = self.is_form = self.is_waiting = False
        if self.parser is not None:
            left = self.parser.unreader.take_buffered()
            if left:
                self.arrived[:0] = left
