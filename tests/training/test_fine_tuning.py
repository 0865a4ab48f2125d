"""A run goes on with other words."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import sayso
from sayso import audio, cli
from sayso.training.cache import load_folder
from sayso.training.fine_tuning import starting_run
from sayso.training.unpacking import unpack

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


def test_a_model_file_goes_on_as_the_network_it_was(
    tone_words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAYSO_CACHE", str(tmp_path / "cache"))
    recipe = tmp_path / "tones.toml"
    recipe.write_text(RECIPE)
    run("train", recipe, "--data", tone_words, "--out", tmp_path / "first")
    model = tmp_path / "first.onnx"
    run("export", tmp_path / "first", "-o", model, "--data", tone_words)

    before = unpack(model.read_bytes(), load_folder(tone_words), tmp_path / "unpacked")
    network, words = before.network()
    waveforms = load_folder(tone_words).waveforms(slice(None))
    with torch.no_grad():
        scores = network(torch.from_numpy(waveforms))[0].numpy()
        stirred = network.train()(torch.from_numpy(waveforms))[0].argmax(dim=1).numpy()
    assert words == sayso.load(model).card.labels
    np.testing.assert_allclose(scores, sayso.load(model).score(waveforms), atol=1e-3)
    assert (stirred == scores.argmax(axis=1)).mean() >= 0.9  # as training sees it

    run("train", "--from", model, tone_words, "--epochs", "1", "--out", tmp_path / "second")
    run("export", tmp_path / "second", "-o", tmp_path / "second.onnx", "--data", tone_words)
    assert sayso.load(tmp_path / "second.onnx").card.words == ("high", "low", "middle")


def test_models_that_do_not_say_how_they_were_trained_are_refused(tone_words: Path, tmp_path: Path) -> None:
    for start, said in (("m5", "does not say how it was trained"), (tmp_path / "none", "not a run folder")):
        result = CliRunner().invoke(
            cli.main, ["train", "--from", str(start), str(tone_words), "--out", str(tmp_path / "out")]
        )
        assert result.exit_code == 2
        assert said in result.output


@pytest.mark.parametrize("name", ["default", "tiny"])
def test_a_shipped_model_is_fine_tuned_by_its_name(
    name: str, speech_commands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAYSO_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)  # away from strangers' recordings in `data`, which take longer
    words = tmp_path / "my-words"
    for word in ("left", "right"):
        for path in sorted((speech_commands / word).iterdir())[:60]:
            (words / word).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, words / word / path.name)
    clips = load_folder(words)
    start = starting_run(Path(name), words, tmp_path / "out")
    network, labels = start.network()
    with torch.no_grad():
        given = network(torch.from_numpy(clips.waveforms(slice(None))))[0].argmax(dim=1).tolist()
    right = [labels[label] == clip.word for label, clip in zip(given, clips.clips, strict=True)]
    assert sum(right) >= 0.9 * len(right)

    run("train", "--from", name, words, "--epochs", "1", "--out", tmp_path / "out")
    run("export", tmp_path / "out", "-o", tmp_path / "out.onnx", "--data", words)
    recognizer = sayso.load(tmp_path / "out.onnx")
    heard = [recognizer.recognize(path).word == path.parent.name for path in sorted(words.rglob("*.*"))]
    assert sum(heard) >= 0.9 * len(heard)


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
