"""An application around a fake recogniser, and the real server with a browser to open it in."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Playwright, expect, sync_playwright

import sayso
from sayso.web import Settings, create_app
from web.browsing import chromium
from web.fake_recognizer import FakeRecognizer
from web.serving import Server, serving


@pytest.fixture
def settings() -> Settings:
    return Settings(max_bytes=200_000, max_seconds=3.0)


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(FakeRecognizer(), settings).test_client()


@pytest.fixture(scope="session")
def recognizer() -> sayso.Recognizer:
    """The one that the real server answers with."""
    return sayso.load(Settings.read().model)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    chromium()
    expect.set_options(timeout=30_000)  # milliseconds: a busy machine shows things late
    with sync_playwright() as playwright:
        yield playwright
