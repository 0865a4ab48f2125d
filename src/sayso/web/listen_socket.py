"""Listening over a WebSocket: sound goes in, words come out, for clients that cannot run the model.

    client  {"sample_rate": 48000, "model": null, "words": null, "unsure": false}    text; may be left out
    client  16-bit little-endian mono samples    binary messages of any even size
    server  {"word", "confidence", "start_s", "end_s", "accepted", "model", "digest"}    text, for each word
    client  {"finish": true}    text: asks for the last words and the end

With `unsure`, there is an answer also for speech that is over and held no word: it is not `accepted`, and its
`word` is the label that it resembled most.

Whatever else happens is a close whose reason is one sentence. A conversation is read, answered and written by
one thread, one message at a time: who sends faster than is listened finds the connection full, and who sends
faster than anyone speaks is listened to at `MAX_SPEED`, so that others keep their share.
"""

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from socket import socket
from typing import cast

import numpy as np
from flask import Blueprint, Response, request
from websockets.datastructures import Headers
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Protocol, Side, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException

from sayso.audio import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from sayso.errors import SaysoError, SettingsError
from sayso.listener import Detection
from sayso.listening import Hearing, Scores, settings_for
from sayso.web.models import Model, ModelStore
from sayso.web.settings import Settings

PATH = "/api/v1/listen"
SUBPROTOCOL = Subprotocol("sayso")  # may be asked for, and must be beside a token (see `access`)
MAX_MESSAGE_BYTES = 2**17
MAX_REASON_BYTES = 123  # of a close, by RFC 6455
IDLE_S = 30.0  # without a message: the client has gone
MAX_SPEED = 2.0  # seconds of sound listened to in a second, after the first `HEAD_START_S`
HEAD_START_S = 10.0


def blueprint(store: ModelStore, settings: Settings) -> Blueprint:
    """Make the route."""
    routes = Blueprint("listen_socket", __name__)

    @routes.get(PATH)  # for those who ask for no WebSocket, to be told
    @routes.get(PATH, websocket=True)
    def listen() -> Response:
        """Answer with the words in a stream of samples."""
        agreed = _agree(settings.cors_origins.split())
        connection = request.environ.get("gunicorn.socket")
        if connection is None:
            raise NoStreamsHere
        conversation = Conversation(store, settings.max_listen_seconds)
        return _Switched(agreed, conversation.hold(connection))

    return routes


class UpgradeRequired(HTTPException):
    """No WebSocket was asked for."""

    code = 426
    description = "This address answers WebSockets: open ws://… with a WebSocket client."


class NoStreamsHere(HTTPException):
    """The server process gives its applications no sockets."""

    code = 501
    description = (
        "This server cannot listen to streams: serve sayso on Linux or macOS, or send recordings to /audio."
    )


class _Switched(Response):
    """The answer that ends HTTP on a connection; its body talks on the socket itself."""

    def __init__(self, agreed: dict[str, str], conversation: Iterator[bytes]) -> None:
        super().__init__(conversation, 101, {"Upgrade": "websocket", "Connection": "upgrade"} | agreed)
        del self.headers["Content-Type"]

    def get_app_iter(self, environ: object) -> Iterator[bytes]:  # noqa: ARG002
        return self.response  # type: ignore[return-value]  # Werkzeug leaves out the body of a 101


def _agree(other_origins: list[str]) -> dict[str, str]:
    """Check the request for a WebSocket.

    Browsers let any page open a WebSocket to any server and say only whose page it is; so that no stranger's
    page listens through a visitor's rights, it must be ours or one of `other_origins`.

    Returns:
        the headers that agree to it.

    Raises:
        Forbidden: a page of another site.
        UpgradeRequired: no WebSocket is asked for.
        BadRequest: it is asked for wrongly.

    """
    origin = request.headers.get("Origin")
    is_ours = origin is None or origin.partition("://")[2] == request.host
    if not is_ours and not {"*", origin} & set(other_origins):
        raise Forbidden(f"Pages of {origin} may not listen here: the operator can add it to `cors_origins`.")
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise UpgradeRequired
    protocol = ServerProtocol(
        select_subprotocol=lambda _, offered: SUBPROTOCOL if SUBPROTOCOL in offered else None
    )
    answer = protocol.accept(Request(PATH, Headers(request.headers.items())))
    if answer.status_code != 101:
        raise BadRequest(f"This is no proper request for a WebSocket: {protocol.handshake_exc}.")
    return {name: value for name, value in answer.headers.raw_items() if name.startswith("Sec-")}


class _Ended(Exception):
    """The conversation is over, for a reason."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Conversation:
    """One client's."""

    def __init__(self, store: ModelStore, max_seconds: float) -> None:
        self._store, self._max_seconds = store, max_seconds
        self._protocol = Protocol(Side.SERVER, max_size=MAX_MESSAGE_BYTES)
        self._model: Model | None = None
        self._hearing: Hearing | None = None  # from the first message on
        self._rate = 0
        self._message = bytearray()  # of which frames have come
        self._is_text = False
        self._heard_s = 0.0

    def hold(self, connection: socket) -> Iterator[bytes]:
        """Talk until either side ends it.

        Yields:
            nothing but a beginning, for the WSGI server to send its headers before.

        """
        yield b""
        began = time.monotonic()
        protocol = self._protocol
        while protocol.state is State.OPEN:
            try:
                self._receive(connection, began)
            except _Ended as end:
                if protocol.state is State.OPEN:  # else the client ended it at the same time
                    protocol.send_close(end.code, end.reason)
            try:
                connection.sendall(b"".join(protocol.data_to_send()))
            except OSError:
                return  # the client has gone

    def _receive(self, connection: socket, began: float) -> None:
        """Take in and answer what has arrived."""
        left_s = began + self._max_seconds - time.monotonic()
        if left_s <= 0:
            raise _Ended(CloseCode.POLICY_VIOLATION, "The time for listening is over: connect again.")
        connection.settimeout(min(left_s, IDLE_S))
        try:
            arrived = connection.recv(MAX_MESSAGE_BYTES)
        except TimeoutError:
            if left_s <= IDLE_S:
                return
            reason = f"Nothing came for {IDLE_S:g} seconds: connect again when there is sound."
            raise _Ended(CloseCode.GOING_AWAY, reason) from None
        except OSError:
            arrived = b""
        if arrived:
            self._protocol.receive_data(arrived)
        else:
            self._protocol.receive_eof()
        for frame in self._protocol.events_received():
            if self._protocol.state is not State.OPEN:
                return  # the client wants no more answers
            assert isinstance(frame, Frame)  # not a handshake: that was WSGI's
            if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                if frame.opcode is not Opcode.CONT:
                    self._is_text = frame.opcode is Opcode.TEXT
                self._message += frame.data
                if frame.fin:
                    message = bytes(self._message)
                    self._message.clear()
                    self._answer(message)
        ahead_s = self._heard_s - HEAD_START_S - MAX_SPEED * (time.monotonic() - began)
        if ahead_s > 0:
            time.sleep(ahead_s / MAX_SPEED)

    def _answer(self, message: bytes) -> None:
        try:
            if self._is_text:
                self._obey(message)
            else:
                self._hear(message)
        except SaysoError as error:
            raise _Ended(CloseCode.POLICY_VIOLATION, _shortened(str(error))) from error

    def _obey(self, message: bytes) -> None:
        """Do what a text message says."""
        try:
            wish = json.loads(message)
        except ValueError:  # not JSON, or not UTF-8
            wish = None
        if not isinstance(wish, dict):
            raise _Ended(CloseCode.UNSUPPORTED_DATA, "A text message must be a JSON object.")
        if wish == {"finish": True}:
            self._tell(self._listener().finish())
            raise _Ended(CloseCode.NORMAL_CLOSURE, "")
        if self._hearing:
            raise SettingsError("How to listen must be said before the first sound.")
        self._start(**wish)

    def _start(
        self,
        sample_rate: object = None,
        model: object = None,
        words: object = None,
        unsure: object = False,
        **others: object,
    ) -> None:
        """Begin to listen as the client wishes."""
        if others:
            raise SettingsError("A first message may say sample_rate, model, words and unsure, nothing else.")
        if model is not None and not isinstance(model, str):
            raise SettingsError("The model must be a name.")
        if words is not None and not (
            isinstance(words, list) and all(isinstance(word, str) for word in words)
        ):
            raise SettingsError("The words must be a list of texts.")
        if not isinstance(unsure, bool):
            raise SettingsError("Unsure must be true or false.")
        self._model = self._store.get(model)
        recognizer = cast(Scores, self._model.recognizer)  # what reads model files also scores windows
        rate = recognizer.card.sample_rate if sample_rate is None else sample_rate
        if not isinstance(rate, int) or not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
            raise SettingsError(
                f"The sample rate must be a whole number from {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE}."
            )
        self._rate = rate
        settings = dataclasses.replace(settings_for(recognizer.card, words), unsure=unsure)
        self._hearing = Hearing(recognizer, sample_rate=rate, settings=settings)

    def _hear(self, message: bytes) -> None:
        if len(message) % 2:
            raise _Ended(CloseCode.INVALID_DATA, "A binary message must hold whole 16-bit samples.")
        hearing = self._listener()
        samples = np.frombuffer(message, "<i2")
        self._tell(hearing.feed(samples))
        self._heard_s += len(samples) / self._rate

    def _listener(self) -> Hearing:
        if self._hearing is None:
            self._start()
        assert self._hearing
        return self._hearing

    def _tell(self, detections: Sequence[Detection]) -> None:
        assert self._model
        named = {"model": self._model.name, "digest": self._model.digest}
        for detection in detections:
            text = json.dumps(dataclasses.asdict(detection) | named, ensure_ascii=False)
            self._protocol.send_text(text.encode())


def _shortened(reason: str) -> str:
    return reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
