"""An application around a fake recogniser."""

import pytest
from flask.testing import FlaskClient

from sayso.web import Settings, create_app
from web.fake_recognizer import FakeRecognizer


@pytest.fixture
def settings() -> Settings:
    return Settings(max_bytes=200_000, max_seconds=3.0)


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(FakeRecognizer(), settings).test_client()
