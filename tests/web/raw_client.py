"""HTTP by hand, for clients that misbehave."""

import json
import socket
from dataclasses import dataclass
from typing import Any

from web.serving import Server


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def connect(server: Server, timeout: float = 30.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=timeout)


def posting(body: bytes, path: str = "/audio", *more: str, length: int | None = None) -> bytes:
    """The bytes of a request; with a length of its own, it may lie."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: here",
        f"Content-Length: {len(body) if length is None else length}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def getting(path: str, *more: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: here", *more, "", ""]).encode()


def read_reply(connection: socket.socket) -> Reply | None:
    """The next answer on a connection; None if it ends before one. Interim answers are passed over."""
    content = b""
    while True:
        head, end, body = content.partition(b"\r\n\r\n")
        if end:
            first, *lines = head.decode("latin-1").split("\r\n")
            status = int(first.split()[1])
            if status >= 200:
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
                }
                length = int(headers.get("content-length", 0))
                if len(body) >= length:
                    return Reply(status, headers, body[:length])
            else:
                content = body
                continue
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            return None
        if not piece:
            return None
        content += piece


def ask(server: Server, request: bytes) -> Reply | None:
    """Send a request on a connection of its own."""
    with connect(server) as connection:
        connection.sendall(request)
        return read_reply(connection)
