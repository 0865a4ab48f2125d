"""The web wing: pages for people and an HTTP API for programs, around one recogniser.

It hands a request's bytes to the recogniser and words its answer. It never sees a tensor, opens no model
file, and writes nothing to disk.
"""

from flask import Flask

from sayso.web import api, failures, headers, pages, static_files
from sayso.web.api import AnyRecognizer
from sayso.web.settings import Settings

__all__ = ["Settings", "create_app"]


def create_app(recognizer: AnyRecognizer, settings: Settings | None = None) -> Flask:
    """Build the application around a recogniser.

    Args:
        recognizer: what answers; shared by all requests, so it must be safe between threads.
        settings: limits on what is taken; the defaults if None. Host, port and workers are `server`'s.

    """
    settings = settings or Settings()
    app = Flask(__name__, static_url_path=static_files.url_path())
    app.config["MAX_CONTENT_LENGTH"] = settings.max_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]  # answers read in the order they are written
    app.register_blueprint(api.blueprint(recognizer, settings))
    app.register_blueprint(pages.blueprint(recognizer, settings))
    failures.register(app, settings)
    headers.register(app, recognizer)
    return app
