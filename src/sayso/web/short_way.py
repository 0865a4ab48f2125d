"""The short way: one plain recording, which is what most requests are, is answered without parser and Flask.

Those two cost more than a small model. What is not as plain as it can be goes the long way: other routes and
methods, parameters, forms, headers that stand twice or ask for something, and everything while an operator
has guards set up. So does what fails in a way that this room does not know. Both ways must answer the same,
which a test holds them to.
"""

import re
import time
from email.utils import formatdate
from http import HTTPStatus

from sayso.errors import AudioError
from sayso.web import failures, headers
from sayso.web.recognizing import Desk, Question, as_json
from sayso.web.settings import Settings
from sayso.web.telemetry import Telemetry

# One recording and no parameters; each header on a line of its own, of visible characters.
PLAIN = re.compile(
    rb"POST (/audio|/api/v1/recognitions) HTTP/1\.1\r\n"
    rb"(?:[A-Za-z0-9!#$%&'*+.^`|~-]+:[\t -~]*\r\n)+\r\n"
)
ASKING_MORE = {"transfer-encoding", "content-encoding", "expect", "upgrade", "trailer", "te"}


class ShortWay:
    """Answers requests from their bytes."""

    def __init__(self, settings: Settings, desk: Desk, telemetry: Telemetry) -> None:
        self._desk, self._telemetry = desk, telemetry
        self._is_guarded = bool(settings.tokens_file or settings.rate_limit)
        self._asking_more = ASKING_MORE | ({"origin"} if settings.cors_origins else set())
        always = {"Server": "gunicorn", "Cache-Control": "no-store"} | headers.PROTECTION
        self._always = "".join(f"{name}: {value}\r\n" for name, value in always.items())

    def answer(
        self, request: bytearray, head: int, end: int, *, client: str, is_last: bool
    ) -> tuple[bytes, bool] | None:
        """Answer a request, if it is plain.

        Args:
            request: its bytes, and perhaps some of the next.
            head: bytes of its head.
            end: bytes of all of it.
            client: the address it came from.
            is_last: whether its connection is to be closed in any case.

        Returns:
            The answer, and whether the connection goes on; None if the request has to go the long way.

        """
        plain = None if self._is_guarded else PLAIN.fullmatch(request, 0, head)
        if plain is None:
            return None
        path = plain[1].decode()
        said = _headers(bytes(request[:head]).decode("ascii"))
        if said is None or self._asking_more & said.keys() or not _is_simple(said):
            return None
        began = time.perf_counter()
        recording = bytes(memoryview(request)[head:end])
        lines = ["Vary: Accept"] if path == "/audio" else []
        try:
            model = self._desk.store.get()
            found, timing = self._desk.recognition(recording, model, Question())
            status, body = 200, as_json(found)
            lines.append(f"Server-Timing: {timing}")
        except AudioError as error:
            status, body = failures.status_of(error), as_json(failures.worded(error))
            lines.clear()
        except Exception:  # noqa: BLE001  # the long way says and logs what it is
            return None
        request_id = self._telemetry.request_id(said.get("x-request-id", ""))
        keeps = not is_last and said.get("connection", "").lower() != "close"
        content = body.encode()
        lines += [
            f"Date: {formatdate(usegmt=True)}",
            f"Connection: {'keep-alive' if keeps else 'close'}",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
            f"Sayso-Model: {model.name}",
            f"Sayso-Digest: {model.digest}",
            f"X-Request-Id: {request_id}",
        ]
        first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{self._always}"
        answer = (first + "\r\n".join(lines) + "\r\n\r\n").encode() + content
        self._telemetry.answered(
            path,
            status,
            time.perf_counter() - began,
            id=request_id,
            method="POST",
            path=path,
            bytes=end - head,
            client=client,
        )
        return answer, keeps


def _headers(head: str) -> dict[str, str] | None:
    """Values by their names in lower case; None if one stands twice."""
    lines = head[:-4].split("\r\n")[1:]
    said = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return said if len(said) == len(lines) else None


def _is_simple(said: dict[str, str]) -> bool:
    """Whether headers ask for nothing but an answer as JSON, and leave the request's end in no doubt."""
    accept = said.get("accept", "*/*")
    return (
        bool(said.get("host"))
        and said.get("content-length", "").isdecimal()
        and said.get("connection", "close").lower() in ("close", "keep-alive")
        and not said.get("content-type", "").lower().startswith("multipart/")
        and "text/plain" not in accept
    )
