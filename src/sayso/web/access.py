"""Who may ask, and how often: bearer tokens, a rate for each client, other sites' pages.

All three are off until an operator's settings turn them on. They guard what programs ask, not the pages and
not what watches the server.
"""

import base64
import contextlib
import hashlib
import hmac
import re
from pathlib import Path
from typing import Any

from flask import Flask, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized
from werkzeug.middleware.proxy_fix import ProxyFix

from sayso.errors import SettingsError
from sayso.web import rates
from sayso.web.settings import Settings

REDIS_PATIENCE = {"socket_connect_timeout": 0.2, "socket_timeout": 0.2}  # seconds
GUARDED = ("/api/", "/audio")  # beginnings of paths


def register(app: Flask, settings: Settings) -> None:
    """Have an application guarded as its settings say.

    Raises:
        SettingsError: the tokens cannot be read, or a setting has no meaning.

    """
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count)  # type: ignore[method-assign]
    if settings.cors_origins:
        _open_to_other_sites(app, settings.cors_origins.split())
    if settings.tokens_file:
        _ask_for_tokens(app, Path(settings.tokens_file))
    if settings.rate_limit:
        _limit_rates(app, settings)


def check(settings: Settings) -> None:
    """Find out before any request whether the settings can be used; `SettingsError` if not."""
    register(Flask(__name__), settings)


def is_guarded() -> bool:
    """Whether the request is a program's."""
    return request.path.startswith(GUARDED) and request.method != "OPTIONS"


def read_tokens(file: Path) -> list[bytes]:
    """The SHA-256 digests in a file of tokens: lines of a name and 64 hexadecimal digits; # begins a comment.

    Raises:
        SettingsError: the file cannot be read, or has no token, or a line that is none.

    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The tokens file {file} cannot be read: {error}.") from error
    digests = []
    for number, line in enumerate(lines, start=1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not re.fullmatch(r"[0-9a-fA-F]{64}", words[1]):
            raise SettingsError(
                f"Line {number} of {file} must be a name and the token's SHA-256: "
                "printf %s TOKEN | sha256sum."
            )
        digests.append(bytes.fromhex(words[1]))
    if not digests:
        raise SettingsError(f"The tokens file {file} holds no token: add one, or leave `tokens_file` empty.")
    return digests


def _ask_for_tokens(app: Flask, file: Path) -> None:
    digests = read_tokens(file)

    @app.before_request
    def ask() -> None:
        if not is_guarded():
            return
        scheme, _, token = _credentials().partition(" ")
        digest = hashlib.sha256(token.strip().encode()).digest()
        # All are compared, each in constant time: how long it takes tells nothing.
        matches = sum(hmac.compare_digest(digest, known) for known in digests)
        if scheme.lower() != "bearer" or not matches:
            raise Unauthorized(
                "Send a token that this server knows: -H 'Authorization: Bearer TOKEN'.",
                www_authenticate=WWWAuthenticate("bearer", {"realm": "sayso"}),
            )


def _credentials() -> str:
    """The request's `Authorization`; of a page's WebSocket, which can send none, what stands for it.

    That is a subprotocol beside the real one: `bearer.` and the token in base64url without `=`.
    """
    for offered in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
        kind, _, encoded = offered.strip().partition(".")
        if kind == "bearer":
            with contextlib.suppress(ValueError):  # not base64, or not UTF-8
                return "Bearer " + base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    return request.headers.get("Authorization", "")


def _limit_rates(app: Flask, settings: Settings) -> None:
    import limits
    from flask_limiter import Limiter
    from flask_limiter.util import get_remote_address

    is_redis = settings.rate_storage.startswith("redis")
    patience: dict[str, Any] = REDIS_PATIENCE if is_redis else {}
    try:
        limits.parse_many(settings.rate_limit)
        limiter = Limiter(
            get_remote_address,
            app=app,
            application_limits=[settings.rate_limit],
            storage_uri=rates.storage_uri(settings.rate_storage),
            storage_options=patience,
            in_memory_fallback_enabled=True,  # while that is gone, each worker counts for itself
            headers_enabled=True,
        )
    except Exception as error:  # each storage has its own, for what only a setting can mend
        raise SettingsError(f"`rate_limit` or `rate_storage` cannot be used: {error}.") from error

    limiter.request_filter(lambda: not is_guarded())


def _open_to_other_sites(app: Flask, origins: list[str]) -> None:
    from flask_cors import CORS

    CORS(
        app,
        resources={rf"{path}.*": {"origins": origins} for path in GUARDED},
        expose_headers=["Sayso-Model", "Sayso-Digest", "X-Request-Id", "Retry-After"],
        max_age=600,
    )
