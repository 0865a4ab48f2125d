"""The headers on every reply: which model answered, what a browser may do, how long to keep it."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, g, request

from sayso.errors import ModelError
from sayso.web import static_files
from sayso.web.models import ModelStore

# Everything a page loads comes from this server, as a file of its own: no inline script or style.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",  # the page's own engine; allows no eval of scripts
        "worker-src 'self'",
        "media-src 'self' blob:",  # to replay what was recorded
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
PROTECTION = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), display-capture=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
KEPT_FOR_EVER = "public, max-age=31536000, immutable"


def register(app: Flask, store: ModelStore) -> None:
    """Have an application set them."""
    static_folder = (app.static_url_path or static_files.PREFIX) + "/"
    protection = list(PROTECTION.items())
    inner = app.wsgi_app

    def protected(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # By WSGI, because adding them to a response costs as much as half of Flask.
        return inner(
            environ, lambda status, headers, *rest: start_response(status, [*headers, *protection], *rest)
        )

    app.wsgi_app = protected  # type: ignore[method-assign]

    @app.after_request
    def set_headers(response: Response) -> Response:
        headers = response.headers
        with contextlib.suppress(ModelError):  # then none answers
            headers["Sayso-Model"], headers["Sayso-Digest"] = g.get("answered") or (
                store.default,
                store.known()[1],
            )
        if "server_timing" in g:
            headers["Server-Timing"] = g.server_timing
        if request.path.startswith(static_folder) and response.status_code < 400:
            # The address holds the version, so what it names never changes.
            headers["Cache-Control"] = KEPT_FOR_EVER
            # The pages' service worker lies among the static files and is for all pages.
            headers["Service-Worker-Allowed"] = "/"
        elif "Authorization" in request.headers and headers.get("Cache-Control") == KEPT_FOR_EVER:
            headers["Cache-Control"] = KEPT_FOR_EVER.replace(
                "public", "private"
            )  # no proxy gives it to others
        elif request.endpoint and request.endpoint.startswith("pages."):
            headers["Cache-Control"] = "no-cache"
        elif "Cache-Control" not in headers or response.status_code >= 400:
            headers["Cache-Control"] = "no-store"
        return response
