"""The headers on every reply: which model answered, what a browser may do, how long to keep it."""

import contextlib

from flask import Flask, Response, g, request

from sayso.web import static_files
from sayso.web.models import BrokenModel, ModelStore

# Everything a page loads comes from this server, as a file of its own: no inline script or style.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
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
YEAR_S = 365 * 24 * 60 * 60


def register(app: Flask, store: ModelStore) -> None:
    """Have an application set them."""
    static_folder = (app.static_url_path or static_files.PREFIX) + "/"

    @app.after_request
    def set_headers(response: Response) -> Response:
        response.headers.update(PROTECTION)
        with contextlib.suppress(BrokenModel):  # then none answers
            name, digest = g.get("answered") or (store.default, store.known()[1])
            response.headers["Sayso-Model"] = name
            response.headers["Sayso-Digest"] = digest
        cache = response.cache_control
        if request.path.startswith(static_folder) and response.status_code < 400:
            # The address holds the version, so what it names never changes.
            cache.no_cache = None
            cache.public, cache.max_age, cache.immutable = True, YEAR_S, True
        elif request.endpoint in ("pages.home", "pages.listen"):
            cache.no_cache = True
        elif request.endpoint != "api.model_file":  # which says so itself
            cache.no_store = True
        return response
