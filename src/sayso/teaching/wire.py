"""The wire format of protocol buffers: enough of it to change a few fields of a model file.

A message is a row of fields, each a number and a value; what this room does not know it keeps, byte for byte.
So the listening side edits model files without the `onnx` package (30 MB with what it brings), and the
browser does the same in as few lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sayso.errors import ModelError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types


@dataclass(frozen=True)
class Field:
    """One field of a message."""

    number: int
    content: bytes  # of a field of bytes, a text or a message; empty otherwise
    value: int  # of a varint; 0 otherwise
    raw: bytes  # as it stands in the message, number included


def fields(message: bytes) -> Iterator[Field]:
    """Read the fields of a message, in their order.

    Raises:
        ModelError: the bytes are no message.

    """
    at = 0
    while at < len(message):
        start = at
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        content, value = b"", 0
        if kind == VARINT:
            value, at = _varint(message, at)
        elif kind == BYTES:
            length, at = _varint(message, at)
            content, at = message[at : at + length], at + length
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        else:
            raise ModelError(_DAMAGED)
        if at > len(message):
            raise ModelError(_DAMAGED)
        yield Field(number, content, value, message[start:at])


def first(message: bytes, number: int) -> bytes:
    """The content of the first field of that number; empty where there is none."""
    return next((field.content for field in fields(message) if field.number == number), b"")


def text(message: bytes, number: int) -> str:
    """The first field of that number, as text."""
    return first(message, number).decode(errors="replace")


def varints(content: bytes) -> list[int]:
    """The whole numbers packed into one field."""
    numbers, at = [], 0
    while at < len(content):
        number, at = _varint(content, at)
        numbers.append(number)
    return numbers


def varint_field(number: int, value: int) -> bytes:
    """A field that holds a whole number of at least 0."""
    return _encode(number << 3 | VARINT) + _encode(value)


def bytes_field(number: int, content: bytes) -> bytes:
    """A field that holds bytes, a text or a message."""
    return _encode(number << 3 | BYTES) + _encode(len(content)) + content


def _encode(value: int) -> bytes:
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that starts there, and where it ends."""
    value = 0
    for place in range(10):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at
    raise ModelError(_DAMAGED)


_DAMAGED = "This file is not a model, or a damaged one: export it again, or check the path."
