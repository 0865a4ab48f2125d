import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from sayso import audio
from sayso.cli import main
from sayso.recognizer import bundled, load
from sayso.training.dataset import speaker_split


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    noise = 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    path.write_bytes(audio.encode_wav(noise, 16_000))
    return path


def test_recognize_prints_a_word_and_confidences_per_file(clip: Path) -> None:
    result = run("recognize", clip, clip, "-k", 2)
    assert result.exit_code == 0
    heard = load().recognize(clip)
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{clip}: {heard.word} {heard.confidence:.0%}")
    assert lines[0].count("%") == 2


def test_recognize_as_json_is_one_object_a_line(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF, but no more")
    result = run("recognize", clip, tmp_path / "broken.wav", tmp_path / "missing.wav", "--json")
    good, broken, missing = map(json.loads, result.stdout.splitlines())
    assert {
        "file",
        "word",
        "confidence",
        "accepted",
        "alternatives",
        "start_s",
        "end_s",
        "model",
        "digest",
    } <= set(good)
    assert good["digest"] == load().digest
    assert broken["error"]["code"] == "not_audio"
    assert "message" in missing["error"]
    assert result.exit_code == 2


def test_one_bad_file_does_not_lose_the_others(clip: Path, tmp_path: Path) -> None:
    result = run("recognize", tmp_path / "missing.wav", clip)
    assert result.exit_code == 2
    assert str(clip) in result.stdout
    assert "missing.wav" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["recognize", "clip.wav", "--model", "m99"],
        ["train", "no-such-recipe.toml"],
        ["export", "no-such-run", "-o", "x.onnx"],
        ["evaluate", "m5", "no-such-folder"],
        ["serve", "--port", "99999"],
        ["data", "check", "no-such-folder"],
        ["recognize"],
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert result.stderr.strip().splitlines()[-1].endswith((".", "'."))


def test_data_is_summarised_and_checked(
    tone_words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAYSO_CACHE", str(tmp_path / "cache"))
    counted = run("data", "summary", tone_words)
    assert counted.exit_code == 0
    assert counted.stdout.splitlines()[1].split() == ["high", "48", "12", "12", "36"]
    clean = run("data", "check", tone_words)
    assert clean.exit_code == 0
    assert "0 of them leaks" in clean.stdout
    leaky = shutil.copytree(tone_words, tmp_path / "leaky")
    clip = next((tone_words / "low").iterdir())
    names = [f"copy{number}" for number in range(100)]
    for split in ("training", "testing"):  # the same recording, by speakers of two splits
        speaker = next(name for name in names if speaker_split(name) == split)
        shutil.copy(clip, leaky / "low" / f"{speaker}_nohash_0.wav")
    found = run("data", "check", leaky, "--json")
    assert found.exit_code == 1
    assert any(finding["leak"] for finding in json.loads(found.stdout)["findings"])


def test_models_are_listed() -> None:
    listed = run("models").stdout
    assert all(f"{name}: " in listed for name in bundled())


def test_train_export_evaluate_recognize(
    tone_words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way, as a user goes it, on words that are tones."""
    monkeypatch.setenv("SAYSO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SAYSO_DATA", str(tone_words))
    recipe = tmp_path / "tones.toml"
    recipe.write_text(
        'name = "tones"\n[network]\nname = "m5_narrow"\n'
        "[training]\nepochs = 15\nbatch_size = 32\nlearning_rate = 0.005\n"
    )
    trained = run("train", recipe, "--out", tmp_path / "run")
    assert trained.exit_code == 0, trained.output
    assert "on validation" in trained.stdout
    exported = run("export", tmp_path / "run", "-o", tmp_path / "tones.onnx")
    assert exported.exit_code == 0, exported.output
    judged = json.loads(run("evaluate", tmp_path / "tones.onnx", "--write-card", "--json").stdout)
    assert judged["figures"][0]["clips"] == 3 * 6 * 2
    assert judged["figures"][0]["value"] > 0.9
    card = load(tmp_path / "tones.onnx").card
    assert {figure.split for figure in card.figures} == {"validation", "testing"}
    assert card.training_clips == (48, 48, 48)
    clip = shutil.copy(next((tone_words / "low").iterdir()), tmp_path)
    assert "low" in run("recognize", clip, "--model", tmp_path / "tones.onnx").stdout
