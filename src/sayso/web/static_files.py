"""The static files: compressed where that helps, at an address that changes whenever one of them does.

The version stands in the path, not in a query, so that the ES modules' relative imports carry it too and
every file may be cached for ever.
"""

import functools
import gzip
import hashlib
import io
import mimetypes
import re
from pathlib import Path

from flask import Flask, Response, request, send_file
from werkzeug.security import safe_join

FOLDER = Path(__file__).with_name("static")
PREFIX = "/static/"
IMPORT = re.compile(r'^(?:import|export)\b[^;]*?"\./([^"]+)";', re.MULTILINE)
SHRINKING = (".css", ".js", ".mjs", ".svg", ".wasm")  # recordings are compressed already


def register(app: Flask) -> None:
    """Have an application send them."""
    plain = app.send_static_file

    def send(filename: str) -> Response:
        if not filename.endswith(SHRINKING):
            return plain(filename)
        path = safe_join(str(FOLDER), filename)
        if request.accept_encodings["gzip"] and path and Path(path).is_file():
            content, digest = _compressed(path)
            kind = mimetypes.guess_type(filename)[0]
            response = send_file(io.BytesIO(content), kind, etag=f"{digest}-gzip", conditional=True)
            response.content_encoding = "gzip"
        else:
            response = plain(filename)
        response.vary.add("Accept-Encoding")
        return response

    app.view_functions["static"] = send
    app.jinja_env.globals["modules"] = modules


@functools.cache
def modules(name: str) -> tuple[str, ...]:
    """A script and all that it imports: named in the page, they are fetched together, not in turns."""
    found = [name]
    for script in found:  # which grows meanwhile
        imported = IMPORT.findall((FOLDER / script).read_text(encoding="utf-8"))
        found += [other for other in dict.fromkeys(imported) if other not in found]
    return tuple(found)


@functools.cache
def _compressed(path: str) -> tuple[bytes, str]:
    """A file's content, smaller, and the digest of that; kept, because the engine takes half a second."""
    content = gzip.compress(Path(path).read_bytes(), 6, mtime=0)
    return content, hashlib.sha256(content).hexdigest()[:16]


@functools.cache
def url_path() -> str:
    """Name the path below which this version's files are served.

    Found once: workers forked later name the same, even if a file has changed meanwhile.
    """
    digest = hashlib.sha256()
    for file in sorted(path for path in FOLDER.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(FOLDER)).encode() + b"\0" + file.read_bytes())
    return PREFIX + digest.hexdigest()[:12]
