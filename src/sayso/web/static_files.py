"""The address of the static files, which changes whenever one of them does.

The version stands in the path, not in a query, so that the ES modules' relative imports carry it too and
every file may be cached for ever.
"""

import functools
import hashlib
from pathlib import Path

FOLDER = Path(__file__).with_name("static")
PREFIX = "/static/"


@functools.cache
def url_path() -> str:
    """Name the path below which this version's files are served.

    Found once: workers forked later name the same, even if a file has changed meanwhile.
    """
    digest = hashlib.sha256()
    for file in sorted(path for path in FOLDER.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(FOLDER)).encode() + b"\0" + file.read_bytes())
    return PREFIX + digest.hexdigest()[:12]
