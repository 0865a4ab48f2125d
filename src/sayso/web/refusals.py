"""Answers that need no application: for want of room, and for want of time."""

import functools
from typing import NamedTuple


class Refusal(NamedTuple):
    """Why a request is not answered."""

    status: str
    code: str
    message: str
    may_return: bool  # in a second


BUSY = Refusal("503 Service Unavailable", "busy", "The server is busy: try again in a second.", True)
SLOW = Refusal(
    "408 Request Timeout", "request_timeout", "The request did not arrive in time: send it again.", False
)


@functools.cache
def as_bytes(refusal: Refusal, *, keep: bool = False) -> bytes:
    """The whole answer; `keep` says whether its connection goes on."""
    body = f'{{"error":{{"code":"{refusal.code}","message":"{refusal.message}"}}}}\n'
    retry = "Retry-After: 1\r\n" if refusal.may_return else ""
    return (
        f"HTTP/1.1 {refusal.status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{retry}"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n{body}"
    ).encode()
