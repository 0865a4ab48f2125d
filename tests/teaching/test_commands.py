"""The commands around words of one's own, as a user types them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

import sayso
from sayso import audio, cli, microphone
from sayso.errors import TeachingError
from sayso.teaching.recording import Session

RATE = 16_000


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(speech_commands: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five recordings of each of two words."""
    folder = tmp_path_factory.mktemp("teaching") / "my-words"
    for word in ("happy", "zero"):
        (folder / f"{word} mine").mkdir(parents=True)
        for path in sorted((speech_commands / word).iterdir())[:5]:
            shutil.copy(path, folder / f"{word} mine")
    return folder


@pytest.fixture(scope="module")
def taught(folder: Path) -> Path:
    path = folder.parent / "mine.onnx"
    result = run("teach", folder, "-o", path)
    assert result.exit_code == 0, result.output
    return path


def test_a_folder_becomes_a_model_that_is_evaluated_like_any_other(taught: Path, folder: Path) -> None:
    clip = next((folder / "happy mine").iterdir())
    answer = json.loads(run("recognize", clip, "--model", taught, "--json").output)
    assert (answer["word"], answer["model"]) == ("happy mine", "mine")
    listed = run("words", taught)
    assert listed.output.split("\n")[:2] == ["happy mine", "zero mine"]


def test_the_report_is_printed_and_can_be_read_by_programs(folder: Path, tmp_path: Path) -> None:
    result = run("teach", folder, "-o", tmp_path / "again.onnx", "--json", "--false-accepts", "0.02")
    report = json.loads(result.output)
    assert [word["word"] for word in report["words"]] == ["happy mine", "zero mine"]
    assert report["false_accepts"] <= 0.02
    assert sayso.load(report["model"]).card.calibration.false_accept_rate == 0.02


def test_words_are_renamed_and_removed(taught: Path, tmp_path: Path) -> None:
    path = shutil.copy(taught, tmp_path / "copy.onnx")
    assert run("words", path, "--rename", "zero mine", "null").output.split() == ["happy", "mine", "null"]
    assert run("words", path, "--remove", "happy mine").output.split() == ["null"]
    refused = run("words", path, "--remove", "nothing")
    assert refused.exit_code == 2
    assert "does not know *nothing*" in refused.output
    assert "ships with sayso" in run("words", "default", "--remove", "yes").output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["teach", "-o", "x.onnx"], "Name the folder of recordings"),
        (["teach", "none", "-o", "x.onnx"], "There is no folder none"),
        (["teach", ".", "-o", "x.onnx", "--model", "none"], "There is no model"),
        (["words", "none.onnx"], "cannot be read"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in result.output


def test_a_folder_that_cannot_be_written_is_told_of(folder: Path, tmp_path: Path) -> None:
    result = run("teach", folder, "-o", tmp_path / "none" / "x.onnx")
    assert result.exit_code == 2
    assert "cannot be written" in result.output


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="needs espeak-ng")
def test_words_nobody_has_recorded(tmp_path: Path) -> None:
    path = tmp_path / "first.onnx"
    result = run("teach", "--text", "lights on", "--text", "lights off", "--voices", "8", "-o", path)
    assert result.exit_code == 0, result.output
    assert set(sayso.load(path).card.words) == {"lights on", "lights off"}


def test_a_models_memory_can_be_written_anew(taught: Path, speech_commands: Path, tmp_path: Path) -> None:
    path = shutil.copy(sayso.recognizer.bundled()["default"], tmp_path / "copy.onnx")
    few = tmp_path / "few"
    for word in ("happy", "zero"):
        (few / word).mkdir(parents=True)
        for clip in sorted((speech_commands / word).iterdir())[:12]:
            shutil.copy(clip, few / word)
    result = run("remember", path, few)
    assert result.exit_code == 0, result.output
    assert " embeddings, " in result.output
    assert run("remember", path, tmp_path / "none").exit_code == 2


class Microphone:
    """A pretended microphone: what is said next follows a count of so many seconds."""

    def __init__(self, *takes: NDArray[np.float32], told: list[str]) -> None:
        self.takes, self.told = iter(takes), told

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        while True:
            if self.told and self.told[-1] == "now":
                self.told.append("(listening)")
                yield next(self.takes)
            yield 0.0005 * np.random.default_rng(0).standard_normal(800).astype(np.float32)


def word(level: float = 0.3) -> NDArray[np.float32]:
    samples = 0.0005 * np.random.default_rng(1).standard_normal(RATE).astype(np.float32)
    time = np.arange(6000) / RATE
    samples[5000:11000] += (level * np.sin(2 * np.pi * 500 * time)).astype(np.float32)
    return samples


def test_takes_are_recorded_checked_trimmed_and_never_overwritten(tmp_path: Path) -> None:
    told: list[str] = []
    silent, clipped = np.zeros(RATE, np.float32), np.clip(word(5.0), -1, 1)
    heard = Microphone(silent, word(), clipped, word(), told=told)
    played: list[int] = []
    session = Session(tmp_path, "anna", 1.0, told.append)
    (tmp_path / "on").mkdir()
    (tmp_path / "on" / "anna_nohash_0.wav").write_bytes(b"old")

    def play(samples: NDArray[np.float32], rate: int) -> None:
        played.append(len(samples))

    paths = list(session.record(["on"], 2, heard.chunks(), RATE, play))

    assert [path.name for path in paths] == ["anna_nohash_1.wav", "anna_nohash_2.wav"]
    assert (tmp_path / "on" / "anna_nohash_0.wav").read_bytes() == b"old"
    assert played == [len(audio.decode(path, RATE)) for path in paths]
    assert all(0.5 * RATE < length < 1.05 * RATE for length in played)
    assert any("silent" in line for line in told)
    assert any("clipped" in line for line in told)


def test_a_take_that_never_comes_is_left_out(tmp_path: Path) -> None:
    told: list[str] = []
    silent = np.zeros(RATE, np.float32)
    heard = Microphone(silent, silent, silent, word(), told=told)
    paths = list(Session(tmp_path, "anna", 1.0, told.append).record(["on"], 2, heard.chunks(), RATE))
    assert len(paths) == 1
    assert "Left out after 3 attempts." in told
    with pytest.raises(TeachingError, match="speaker"):
        Session(tmp_path, "../anna", 1.0, told.append)


def test_the_command_records_with_the_microphone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import contextmanager

    said = word()

    @contextmanager
    def pretended(device: int | str | None) -> Iterator[tuple[Iterator[NDArray[np.float32]], int]]:
        yield (said for _ in range(1000)), RATE

    monkeypatch.setattr(microphone, "open_microphone", pretended)
    result = run("record", "on", "off", "-o", tmp_path, "--takes", "2", "--seconds", "1")
    assert result.exit_code == 0, result.output
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.wav")) == [
        "off/me_nohash_0.wav",
        "off/me_nohash_1.wav",
        "on/me_nohash_0.wav",
        "on/me_nohash_1.wav",
    ]
