"""Fixtures for all tests."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from sayso import audio
from sayso.training import dataset


def pytest_configure() -> None:
    """Make processes alike, wherever the tests are started from."""
    # A job in the background ignores Ctrl-C, and so would the programs that tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Set before torch asks: on a busy machine, threads mostly wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def speech_commands() -> Path:
    """The folder of real recordings that `SAYSO_DATA` names."""
    folder = Path(os.environ.get("SAYSO_DATA", ""))
    if os.environ.get("SAYSO_DATA") and folder.is_dir():
        return folder
    if os.environ.get("CI"):
        pytest.fail("the tests need Speech Commands: set SAYSO_DATA to its folder")
    pytest.skip("needs Speech Commands: set SAYSO_DATA to its folder, or put it at data/speech_commands")


def speakers(split: str, count: int) -> list[str]:
    """Names of speakers whom the official rule puts into a split."""
    names = (f"{number:08x}" for number in range(10_000))
    return [name for name in names if dataset.speaker_split(name) == split][:count]


@pytest.fixture(scope="session")
def tone_words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder of three "words", each a tone of its own pitch in a little noise."""
    folder = tmp_path_factory.mktemp("tones") / "tone_words"
    random = np.random.default_rng(0)
    time = np.arange(16_000) / 16_000
    for word, hertz in (("high", 1_500.0), ("low", 200.0), ("middle", 600.0)):
        (folder / word).mkdir(parents=True)
        for split, count in (("training", 24), ("validation", 6), ("testing", 6)):
            for speaker in speakers(split, count):
                for take in range(2):
                    pitch = hertz * random.uniform(0.9, 1.1)
                    samples = 0.3 * np.sin(2 * np.pi * pitch * time) + 0.02 * random.standard_normal(16_000)
                    path = folder / word / f"{speaker}_nohash_{take}.wav"
                    path.write_bytes(audio.encode_wav(samples.astype(np.float32), 16_000))
    return folder
