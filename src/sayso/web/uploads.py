"""The recordings in a request: its body, or the files of a form. They are held in memory only."""

import io
from dataclasses import dataclass
from typing import IO

from flask import Request, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

MAX_CLIPS = 64  # in one form


@dataclass(frozen=True)
class Clip:
    """One recording."""

    name: str
    content: bytes


class RequestInMemory(Request):
    """A request whose form never touches the disk."""

    max_form_parts = MAX_CLIPS + 1  # one more, to be told of

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        return io.BytesIO()


def is_form() -> bool:
    """Whether the request is a form of files."""
    return request.mimetype == "multipart/form-data"


def body(max_bytes: int) -> bytes:
    """The body of the request, whatever its declared type.

    Raises:
        UnsupportedMediaType: it is a form.
        RequestEntityTooLarge: it has more bytes than allowed.

    """
    if is_form():
        raise UnsupportedMediaType(
            "Send the recording itself as the body, not a form: curl --data-binary @FILE."
        )
    recording = request.get_data(cache=False)
    if request.content_length is None and len(recording) >= max_bytes:
        raise RequestEntityTooLarge  # Werkzeug cuts a chunked body at the limit and says nothing
    return recording


def clips() -> list[Clip]:
    """All files of the form, in their order.

    Raises:
        BadRequest: the form has no file, or too many.
        RequestEntityTooLarge: it has more bytes than allowed.

    """
    try:
        files = list(request.files.items(multi=True))
    except RequestEntityTooLarge as error:
        if request.content_length is not None and request.content_length <= (request.max_content_length or 0):
            raise BadRequest(f"Send at most {MAX_CLIPS} recordings in one form.") from error
        raise
    if len(files) > MAX_CLIPS:
        raise BadRequest(f"Send at most {MAX_CLIPS} recordings in one form.")
    if not files:
        raise BadRequest("The form holds no file: curl -F clip=@FILE.")
    return [Clip(file.filename or key, file.read()) for key, file in files]
