"""The web wing: pages for people and an HTTP API for programs, around models.

It hands a request's bytes to a recogniser and words its answer. It never sees a tensor and writes
nothing to disk.
"""

from flask import Flask

from sayso.web import (
    access,
    api,
    catalogue,
    docs,
    failures,
    headers,
    health,
    listen_socket,
    pages,
    static_files,
    teaching,
    uploads,
)
from sayso.web.models import AnyRecognizer, ModelStore
from sayso.web.recognizing import Desk
from sayso.web.settings import Settings
from sayso.web.short_way import ShortWay
from sayso.web.telemetry import Telemetry

__all__ = ["ModelStore", "Settings", "create_app"]


def create_app(models: ModelStore | AnyRecognizer, settings: Settings | None = None) -> Flask:
    """Build the application around a store of models, or one recogniser.

    Args:
        models: what answers; shared by all requests, so a recogniser must be safe between threads.
        settings: limits on what is taken; the defaults if None. Host, port and workers are `server`'s.

    """
    settings = settings or Settings()
    store = models if isinstance(models, ModelStore) else ModelStore.of(models)
    app = Flask(__name__, static_url_path=static_files.url_path())
    static_files.register(app)
    catalogue.register(app)
    app.request_class = uploads.RequestInMemory
    app.config["MAX_CONTENT_LENGTH"] = settings.max_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]  # answers read in the order they are written
    telemetry = Telemetry(settings)
    store.on_load = telemetry.loaded
    app.extensions["sayso.telemetry"] = telemetry
    described = docs.register(app, settings)
    desk = Desk(store, settings, telemetry)
    app.extensions["sayso.short_way"] = ShortWay(settings, desk, telemetry)
    described.register_blueprint(api.blueprint(store, settings, desk))
    if settings.teaching == "on":
        described.register_blueprint(teaching.blueprint(store, settings))
    app.register_blueprint(health.blueprint(store, telemetry))
    app.register_blueprint(listen_socket.blueprint(store, settings))
    app.register_blueprint(pages.blueprint(store, settings))
    access.register(app, settings)
    failures.register(app, settings)
    headers.register(app, store)
    telemetry.register(app)  # the last, so that it sees all that the others do
    return app
