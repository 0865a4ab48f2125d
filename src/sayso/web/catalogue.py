"""What the pages say, read from a catalogue; a translation is another file like it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from flask import Flask
from jinja2 import StrictUndefined
from markupsafe import Markup

CATALOGUE = Path(__file__).parent / "text" / "en.toml"


def register(app: Flask) -> None:
    """Give an application's templates their `text`; what they name must exist."""
    app.jinja_env.globals["text"] = read()
    app.jinja_env.undefined = StrictUndefined


def read() -> Mapping[str, Mapping[str, Markup]]:
    """The texts by page and name. They are ours, so they are HTML; what `format` puts in is escaped."""
    tables = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            page: MappingProxyType({name: Markup(text) for name, text in table.items()})
            for page, table in tables.items()
        }
    )
