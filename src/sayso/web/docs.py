"""The API, described: `/openapi.json` for programs and `/docs` for people, from the same declarations."""

from typing import Any

from flask import Blueprint, Flask, render_template
from flask_smorest import Api
from werkzeug.exceptions import HTTPException

import sayso
from sayso.web import schemas
from sayso.web.settings import Settings

METHODS = ("get", "post", "put", "patch", "delete")


class DescribedApi(Api):  # type: ignore[misc]
    """The extension, which is to describe and to check, but leaves failures to `failures`."""

    ERROR_SCHEMA = schemas.Error

    def handle_http_exception(self, error: HTTPException) -> Any:
        """Leave it."""
        raise error


def register(app: Flask, settings: Settings) -> Api:
    """Have an application describe those of its blueprints that are registered with what this returns."""
    app.config.update(
        API_TITLE="sayso",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
    )
    info = {
        "version": sayso.__version__,
        "description": "Recognises spoken commands. Every reply names its model and digest "
        "(`Sayso-Model`, `Sayso-Digest`) and its request (`X-Request-Id`).",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    options: dict[str, Any] = {"info": info}
    if settings.tokens_file:
        options["components"] = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
        options["security"] = [{"token": []}]
    api = DescribedApi(app, spec_kwargs=options)
    page = Blueprint("docs", __name__)

    @page.get("/docs", endpoint="page")
    def show() -> str:
        """Show the description to people."""
        return render_template("docs.html", operations=_operations(api.spec.to_dict()))

    app.register_blueprint(page)
    return api


def _operations(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The description, in the order and depth in which a page shows it."""
    described = spec.get("components", {}).get("schemas", {})

    def named(content: dict[str, Any]) -> list[dict[str, Any]]:
        shown = []
        for kind, what in content.items():
            whole = what.get("schema", {})
            for schema in whole.get("oneOf", [whole]):
                reference = schema.get("$ref", "").rsplit("/", 1)[-1]
                fields = described.get(reference, schema).get("properties", {})
                shown.append({"kind": kind, "name": reference, "fields": fields})
        return shown

    return [
        {
            "method": method.upper(),
            "path": path,
            "summary": operation.get("summary", ""),
            "description": operation.get("description", ""),
            "parameters": [each for each in operation.get("parameters", ()) if isinstance(each, dict)],
            "body": named(operation.get("requestBody", {}).get("content", {})),
            "responses": [
                {
                    "status": status,
                    "description": response.get("description", ""),
                    "content": named(response.get("content", {})),
                }
                for status, response in sorted(operation.get("responses", {}).items())
                if status != "default" and isinstance(response, dict)
            ],
        }
        for path, methods in spec.get("paths", {}).items()
        for method, operation in methods.items()
        if method in METHODS
    ]
