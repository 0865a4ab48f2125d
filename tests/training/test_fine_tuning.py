"""A run goes on with other words."""

import shutil
from pathlib import Path

import numpy as np
from click.testing import CliRunner

import sayso
from sayso import audio, cli

RECIPE = """
name = "tones"
[network]
name = "m5_narrow"
frontend = "raw"
[data]
silence_clips = 40
[training]
epochs = 6
batch_size = 32
learning_rate = 0.005
"""


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(cli.main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_trained_network_learns_other_words(tone_words: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "tones.toml"
    recipe.write_text(RECIPE)
    run("train", recipe, "--data", tone_words, "--out", tmp_path / "first")

    words = tmp_path / "other-words"
    for old, new in (("high", "above"), ("low", "below")):
        shutil.copytree(tone_words / old, words / new)
    run("train", "--from", tmp_path / "first", words, "--epochs", "6", "--out", tmp_path / "second")
    model = tmp_path / "second.onnx"
    run("export", tmp_path / "second", "-o", model, "--data", words)

    recognizer = sayso.load(model)
    assert recognizer.card.labels == ("above", "below", "_silence_")
    time = np.arange(16_000) / 16_000
    for word, hertz in (("above", 1500), ("below", 200)):
        tone = (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
        assert recognizer.recognize(audio.encode_wav(tone, 16_000)).word == word
