"""The server process: gunicorn where it runs, waitress elsewhere.

It owns the listening socket, so that a port in use is one sentence, and the address is printed only once
connections are taken. It knows nothing of requests.
"""

import logging
import math
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from flask import Flask

from sayso.errors import SettingsError
from sayso.web import ModelStore, access, create_app, rates, static_files, telemetry
from sayso.web.settings import Settings

THREADS = 4  # per worker, for pages, files and forms; recordings are answered by its loop
BACKLOG = 1024  # connections waiting to be taken
CONNECTIONS = 1000  # per worker, slow and idle ones included
KEEP_ALIVE_S = 15  # for a client's next request; more than proxies commonly keep
GRACE_S = 10  # for requests under way when the server is told to end
EVERY_ADDRESS = ("0.0.0.0", "::")


def serve(settings: Settings) -> None:
    """Answer requests until interrupted.

    Prints the address on standard output once it listens.

    Raises:
        SettingsError: the address cannot be listened on.
        ModelError: the model cannot be loaded.

    """
    ModelStore.from_settings(settings).get()  # what is wrong is said here, not in a worker's traceback
    access.check(settings)
    telemetry.log_as_json()
    listener = _listen(settings)
    if hasattr(os, "fork"):
        with telemetry.shared_by_workers():
            rates.prepare()
            _serve_with_gunicorn(settings, listener)
    else:
        _serve_with_waitress(settings, listener)


def _listen(settings: Settings) -> socket.socket:
    """Open a socket that takes connections."""
    host, port = settings.host, settings.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except socket.gaierror as error:
        raise SettingsError(
            f"The host {host!r} is not an address of this machine: choose another `host`."
        ) from error
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise SettingsError(
            f"Port {port} of {host} cannot be listened on ({reason}): stop what uses it, or choose another."
        ) from error


def _announce(listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    shown = "127.0.0.1" if host in EVERY_ADDRESS else f"[{host}]" if ":" in host else host
    everywhere = ", and on every address of this machine" if host in EVERY_ADDRESS else ""
    sys.stdout.write(f"sayso is listening on http://{shown}:{port}{everywhere}\n")
    sys.stdout.flush()


def _serve_with_gunicorn(settings: Settings, listener: socket.socket) -> None:
    from gunicorn.app.base import BaseApplication  # not importable on Windows

    from sayso.web.worker import Worker

    file = listener.detach()  # once: the configuration is read again at each reload

    def ready(arbiter: Any) -> None:
        telemetry.log_as_json()  # gunicorn has set up its own log by now
        _announce(arbiter.LISTENERS[0].sock)

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            static_files.url_path.cache_clear()  # new files are seen at a reload
            static_files.url_path()
            shared_memory = Path("/dev/shm")
            choices = {
                "bind": f"fd://{file}",
                "workers": settings.workers,
                "worker_class": Worker,
                "threads": THREADS,
                "graceful_timeout": GRACE_S,
                "timeout": math.ceil(settings.request_s) + 30,  # without a sign of life, then it is replaced
                "keepalive": KEEP_ALIVE_S,
                "worker_connections": CONNECTIONS,
                "child_exit": lambda _, worker: telemetry.forget_worker(worker.pid),
                "loglevel": "warning",
                "control_socket_disable": True,
                # The workers' heartbeat file, the only one there is, stays in memory.
                "worker_tmp_dir": str(shared_memory) if os.access(shared_memory, os.W_OK) else None,
                # Gunicorn's own handler waits for a lock that the interrupted code may hold.
                "post_worker_init": lambda _: _end_at_once((signal.SIGINT, signal.SIGQUIT)),
                "when_ready": ready,
            }
            for key, value in choices.items():
                if key in self.cfg.settings:  # older gunicorns have no control socket to disable
                    self.cfg.set(key, value)

        def load(self) -> Flask:
            # In the worker, after the fork: a session's threads do not survive one.
            return create_app(ModelStore.from_settings(settings), settings)

    Worker.limits = settings
    _hear_signals_from_birth()
    Application().run()


def _hear_signals_from_birth() -> None:
    """Let a signal that reaches a worker before gunicorn's own handlers stand end it, and not be lost."""
    told = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)

    def born() -> None:
        _end_at_once(told)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, told)

    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, told),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, told),
        after_in_child=born,
    )


def _end_at_once(told: tuple[signal.Signals, ...]) -> None:
    for each in told:
        signal.signal(each, lambda *_: os._exit(0))


def _serve_with_waitress(settings: Settings, listener: socket.socket) -> None:
    import waitress

    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a request that waits its turn is no news
    server = waitress.create_server(
        create_app(ModelStore.from_settings(settings), settings),
        sockets=[listener],
        threads=THREADS,
        max_request_body_size=settings.max_bytes,
        inbuf_overflow=settings.max_bytes + 1,  # a body that is taken is never spooled to a file
    )
    _announce(listener)
    try:
        server.run()
    finally:
        server.close()
