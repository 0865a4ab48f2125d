"""The real server, as a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SERVE = (sys.executable, "-m", "sayso", "serve", "--port", "0")
# Where there is no fork there is no gunicorn.
SERVE_WITHOUT_FORK = (
    sys.executable,
    "-c",
    "import os, sys; del os.fork; sys.argv[0] = 'sayso'; from sayso.cli import main; main()",
    *SERVE[3:],
)


@dataclass(frozen=True)
class Server:
    """A server that listens."""

    announcement: str  # the line it printed
    process: subprocess.Popen[str]

    @property
    def address(self) -> str:
        return self.announcement.split()[4].rstrip(",")

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    def ask(self, recording: bytes, path: str = "/audio") -> dict[str, Any]:
        request = urllib.request.Request(self.address + path, data=recording)
        with urllib.request.urlopen(request, timeout=20) as response:
            answer: dict[str, Any] = json.load(response)
        return answer


@contextlib.contextmanager
def serving(
    *options: str,
    command: tuple[str, ...] = SERVE,
    environment: Mapping[str, str] | None = None,
    directory: str | os.PathLike[str] | None = None,
) -> Iterator[Server]:
    """Start a server on a free port; interrupt it, as Ctrl-C does, when done."""
    process = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        cwd=directory,
    )
    assert process.stdout is not None
    try:
        announcement = process.stdout.readline().strip()
        assert announcement.startswith("sayso is listening on http://"), process.communicate(timeout=20)[1]
        yield Server(announcement, process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
