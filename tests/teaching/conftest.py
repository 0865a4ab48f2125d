"""Recordings to teach with: real ones, of words the default model knows, taught as if they were new."""

from pathlib import Path

import pytest

from sayso.recognizer import read_model
from sayso.teaching.collection import Collection


@pytest.fixture(scope="session")
def base() -> bytes:
    """The default model's file."""
    return read_model()


@pytest.fixture(scope="session")
def recordings(speech_commands: Path) -> Collection:
    """Eight recordings of each of three words, by their files' names."""
    collection = Collection()
    for word in ("happy", "marvin", "zero"):
        for path in sorted((speech_commands / word).iterdir())[:8]:
            collection.add(f"{word}-of-mine", f"{word}/{path.name}", path)
    return collection
