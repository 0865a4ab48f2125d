"""Bring a file from a web address onto the disk, going on where an earlier attempt stopped."""

import errno
import hashlib
import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tqdm import tqdm

from sayso.errors import DataError

TIMEOUT_SECONDS = 30.0  # without a byte
ATTEMPTS = 5  # in a row that bring nothing
WAIT_SECONDS = 1.0  # after the first of them; twice as long after each further one

_CHUNK_BYTES = 1 << 18
_PASSING_STATUSES = {408, 425, 429, 500, 502, 503, 504}


class _Broken(Exception):
    """An attempt that may go better next time; says why it ended."""


def fetch(url: str, path: Path, *, max_bytes: int) -> None:
    """Download a file.

    What is there already is kept and only the rest is asked for, where the server can send a part; otherwise
    the download starts anew. A connection that breaks is taken up again. Whether the content is the wanted
    one is for the caller to check.

    Args:
        url: an http or https address.
        path: where the content goes, and grows.
        max_bytes: of the whole file; a longer one is refused.

    Raises:
        DataError: the server cannot be reached, has no such file, sends a web page or too much; or the disk
            is full or cannot be written to.

    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise DataError(f"{url!r} is not a web address: give one that begins with http:// or https://.")
    attempts = 0
    while True:
        before = _size(path)
        try:
            return _fetch_rest(url, path, max_bytes)
        except _Broken as error:
            attempts = 0 if _size(path) > before else attempts + 1
            if attempts == ATTEMPTS:
                raise DataError(
                    f"{url} cannot be downloaded ({error}): check the connection and call again, "
                    f"it goes on after the {_size(path) / 1e6:.0f} MB that are here."
                ) from error
        time.sleep(WAIT_SECONDS * 2 ** max(0, attempts - 1))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file, _progress("checking", _size(path)) as progress:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            progress.update(len(chunk))
    return digest.hexdigest()


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into a `DataError` with a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(
                f"The disk that holds {folder} is full: free some space and call again, it goes on."
            ) from error
        raise DataError(f"{folder} cannot be written to ({error}): choose another folder.") from error


def _fetch_rest(url: str, path: Path, max_bytes: int) -> None:
    """Ask once for what is missing and write what comes."""
    here = _size(path)
    response = _ask(url, here)
    if response is None:
        return
    with response:
        if response.headers.get_content_type() == "text/html":
            raise DataError(
                f"{url} answered with a web page instead of the file: check the address, "
                "or whether this network wants a login first."
            )
        resumed = response.status == http.client.PARTIAL_CONTENT
        start = here if resumed else 0
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            path.unlink(missing_ok=True)
            raise _Broken("the server sent another part than was asked for")
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        with (
            writing_to(path.parent),
            path.open("ab" if resumed else "wb") as file,
            _progress("downloading", total, start) as progress,
        ):
            for chunk in _chunks(response):
                if max(start + len(chunk), total or 0) > max_bytes:
                    raise DataError(f"{url} holds more than {max_bytes / 1e6:.0f} MB: check the address.")
                file.write(chunk)
                start += len(chunk)
                progress.update(len(chunk))
        if total is not None and start < total:
            raise _Broken("the connection broke off")


def _ask(url: str, here: int) -> http.client.HTTPResponse | None:
    """Send the request for what comes after `here` bytes; None where nothing does."""
    try:
        request = Request(url, headers={"Range": f"bytes={here}-"} if here else {})
        response: http.client.HTTPResponse = urlopen(request, timeout=TIMEOUT_SECONDS)
        return response
    except HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and here:
            return None  # whole, or another file: the caller's check tells
        if error.code in _PASSING_STATUSES:
            raise _Broken(f"the server answered {error.code} {error.reason}") from error
        raise DataError(
            f"{url} cannot be downloaded, the server answered {error.code} {error.reason}: check the address."
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(_reason(error)) from error


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read1(_CHUNK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise _Broken(_reason(error)) from error
        if not chunk:
            return
        yield chunk


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    return str(reason) or type(reason).__name__


def _progress(what: str, total: int | None, start: int = 0) -> "tqdm[NoReturn]":
    return tqdm(desc=what, total=total, initial=start, unit="B", unit_scale=True, disable=None)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
