"""What an operator sees: figures for Prometheus, a JSON line in the log, an id for each request.

Neither holds a recording, a query or a token. The wrapping is WSGI's, not Flask's, so that failures of the
application itself are counted too.
"""

import contextlib
import json
import logging
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from flask import Flask, has_request_context, request

from sayso.web.settings import Settings

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")  # what is taken over from a proxy
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # where several workers share their figures
KINDS = ("counter", "histogram", "gauge_livesum")  # what a worker's files are named after
ROOM_BYTES = 2**18  # for each; a thousand and more figures
BUCKETS_S = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.5, 10.0)

Start = Callable[..., Any]
Application = Callable[[dict[str, Any], Start], Iterable[bytes]]


class Telemetry:
    """The figures of one application, and its log."""

    def __init__(self, settings: Settings) -> None:
        self._is_shared = reserve()
        import prometheus_client as prometheus  # here, because it asks the environment when imported
        from prometheus_client import values

        if not self._is_shared:
            values.ValueClass = values.MutexValue
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]  # nobody reads them
        self.registry = prometheus.CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> prometheus.Counter:
            return prometheus.Counter(name, text, labels, namespace="sayso", registry=self.registry)

        def histogram(name: str, text: str, *labels: str) -> prometheus.Histogram:
            return prometheus.Histogram(
                name, text, labels, namespace="sayso", registry=self.registry, buckets=BUCKETS_S
            )

        self._requests = counter("requests", "Requests answered.", "route", "status")
        self._latency = histogram("request_seconds", "From a whole request to its answer.", "route")
        self._decoding = histogram("decode_seconds", "From a recording's bytes to samples.")
        self._recognizing = histogram("model_seconds", "From samples to an answer.", "model")
        self._words = counter("words", "Words heard.", "model", "word", "accepted")
        self._unheard = counter("unheard", "Recordings that could not be heard.", "code")
        self._refused = counter("refused", "Requests refused for want of room or time.", "code")
        self._loads = counter("model_loads", "Models loaded.", "model")
        self._loading = histogram("model_load_seconds", "Time to load a model.")
        self._waiting = prometheus.Gauge(
            "waiting",
            "Recordings waiting their turn.",
            namespace="sayso",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self._children: dict[tuple[object, ...], Any] = {}
        self._logs_requests = settings.log == "requests"
        self._log = logging.getLogger("sayso.requests")
        self.request_s = settings.request_s

    def _child(self, metric: Any, *labels: str) -> Any:
        """Give a metric with its labels; looked up here, because the library's own way takes a lock."""
        key = (metric, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def heard(self, model: str, word: str, accepted: bool, decode_s: float, model_s: float) -> None:
        """Count a recording that was recognised."""
        self._child(self._words, model, word, str(accepted).lower()).inc()
        self._decoding.observe(decode_s)
        self._child(self._recognizing, model).observe(model_s)

    def unheard(self, code: str) -> None:
        """Count a recording that was not."""
        self._child(self._unheard, code).inc()

    def refused(self, code: str) -> None:
        """Count a request refused for want of room or time."""
        self._child(self._refused, code).inc()

    def loaded(self, model: str, seconds: float) -> None:
        """Count a model that was loaded."""
        self._child(self._loads, model).inc()
        self._loading.observe(seconds)

    def waiting(self, count: int) -> None:
        """Say how many recordings wait."""
        self._waiting.set(count)

    def request_id(self, given: str) -> str:
        """Name a request, as whoever sent it did if that may be."""
        return given if REQUEST_ID.fullmatch(given) else os.urandom(8).hex()

    def answered(self, route: str, status: int, seconds: float, **said: Any) -> None:
        """Count a request, and log what is said of it."""
        self._child(self._requests, route, str(status)).inc()
        self._child(self._latency, route).observe(seconds)
        if self._logs_requests:
            self._log.info("request", extra=said | {"status": status, "ms": round(seconds * 1000, 2)})

    def page(self) -> tuple[bytes, str]:
        """All figures, of all workers, as Prometheus reads them; and the type of that text."""
        import prometheus_client as prometheus
        from prometheus_client import multiprocess

        registry = self.registry
        if self._is_shared:
            registry = prometheus.CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return prometheus.generate_latest(registry), prometheus.CONTENT_TYPE_PLAIN_0_0_4

    def register(self, app: Flask) -> None:
        """Have an application counted and logged."""
        inner: Application = app.wsgi_app

        @app.before_request
        def note_route() -> None:
            if request.url_rule is not None:  # its pattern: what strangers ask for is no label
                request.environ["sayso.route"] = request.url_rule.rule

        def outer(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
            began = time.perf_counter()
            request_id = self.request_id(environ.get("HTTP_X_REQUEST_ID", ""))
            environ["sayso.request_id"] = request_id
            environ["sayso.deadline"] = time.monotonic() + self.request_s
            status = "500"

            def start(line: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                nonlocal status
                status = line[:3]
                headers.append(("X-Request-Id", request_id))
                return start_response(line, headers, *rest)

            answer = inner(environ, start)
            self.answered(
                environ.get("sayso.route", "none"),
                int(status),
                time.perf_counter() - began,
                id=request_id,
                method=environ["REQUEST_METHOD"],
                path=environ.get("PATH_INFO", ""),
                bytes=int(environ.get("CONTENT_LENGTH") or 0),
                client=environ.get("REMOTE_ADDR"),
            )
            return answer

        app.wsgi_app = outer  # type: ignore[method-assign]


@contextlib.contextmanager
def shared_by_workers() -> Iterator[None]:
    """Have the workers started meanwhile share their figures, in memory; forget them at the end."""
    memory = Path("/dev/shm")
    root = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    for left in root.glob("sayso-figures-*"):  # of a server that could not tidy up
        owner = left.name.rsplit("-", 2)[-2]
        if owner.isdigit() and not Path("/proc", owner).exists() and Path("/proc/self").exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=f"sayso-figures-{os.getpid()}-", dir=root)
    os.environ[FOLDER_VARIABLE] = folder
    try:
        yield
    finally:
        if Path(folder).name.split("-")[2] == str(os.getpid()):  # not in a worker that ends
            shutil.rmtree(folder, ignore_errors=True)


def forget_worker(process: int) -> None:
    """Drop what only a living worker's figures mean."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(process)  # type: ignore[no-untyped-call]
    for kind in KINDS:  # what it counted stays; the room it did not need is given back
        with contextlib.suppress(OSError):
            file = Path(os.environ[FOLDER_VARIABLE], f"{kind}_{process}.db")
            used = int.from_bytes(file.read_bytes()[:4], sys.byteorder)
            os.truncate(file, max(used, 8))


def reserve() -> bool:
    """Take the room that this process needs for figures shared with other workers; whether there is any.

    The figures are memory-mapped, and a page that cannot be had when it is first written to ends the process.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    files = [Path(folder, f"{kind}_{os.getpid()}.db") for kind in KINDS] if folder else []
    try:
        for path in files:
            with path.open("ab") as file:
                if hasattr(os, "posix_fallocate"):  # macOS has none
                    os.posix_fallocate(file.fileno(), 0, ROOM_BYTES)
    except OSError as error:
        for path in files:
            path.unlink(missing_ok=True)
        logging.getLogger("sayso").error(
            "This worker's figures are its own: no room to share them (%s).", error
        )
        return False
    return bool(files)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, message, the request's id, and what the caller adds."""

    EXTRA = ("id", "method", "path", "status", "ms", "bytes", "client")

    def format(self, record: logging.LogRecord) -> str:
        """Word a record."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if has_request_context():  # the id of the request that something is logged about
            line["id"] = request.environ.get("sayso.request_id")
        line |= {key: getattr(record, key) for key in self.EXTRA if hasattr(record, key)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_as_json() -> None:
    """Have everything that is logged in this process stand on standard error, as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    logging.getLogger("sayso").setLevel(logging.INFO)
    for name in ("gunicorn.error", "gunicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
