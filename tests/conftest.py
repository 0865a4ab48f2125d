"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def speech_commands() -> Path:
    """The folder of real recordings that `SAYSO_DATA` names."""
    folder = Path(os.environ.get("SAYSO_DATA", ""))
    if os.environ.get("SAYSO_DATA") and folder.is_dir():
        return folder
    if os.environ.get("CI"):
        pytest.fail("the tests need Speech Commands: set SAYSO_DATA to its folder")
    pytest.skip("needs Speech Commands: set SAYSO_DATA to its folder, or put it at data/speech_commands")
