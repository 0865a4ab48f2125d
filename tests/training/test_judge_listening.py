import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sayso import audio
from sayso.cli import main
from sayso.evaluation import listening_exam

RATE = 16_000


@pytest.fixture
def words(speech_commands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few validation recordings, and a noise."""
    monkeypatch.setattr(listening_exam, "RECORDING_S", 30.0)
    monkeypatch.setattr(listening_exam, "THRESHOLDS", (0.3, 0.5, 0.98))
    folder, names = tmp_path / "words", (speech_commands / "validation_list.txt").read_text().split()
    for word in ("left", "marvin"):
        (folder / word).mkdir(parents=True)
        chosen = [Path(name).stem for name in names if name.startswith(f"{word}/")]
        present = [path for path in sorted((speech_commands / word).iterdir()) if path.stem in chosen][:4]
        assert len(present) == 4
        for path in present:
            (folder / word / path.name).symlink_to(path)
    (folder / "validation_list.txt").write_text("\n".join(names) + "\n")
    (folder / "testing_list.txt").write_text("")
    (folder / "_background_noise_").mkdir()
    noise = 0.1 * np.random.default_rng(0).standard_normal(5 * RATE)
    (folder / "_background_noise_" / "hiss.wav").write_bytes(audio.encode_wav(noise.astype(np.float32), RATE))
    return folder


@pytest.fixture
def strangers(tmp_path: Path) -> Path:
    time = np.arange(RATE) / RATE
    for number, word in enumerate(("beep", "blip", "buzz", "hum", "ring", "tick")):
        (tmp_path / "strangers" / word).mkdir(parents=True)
        for speaker in range(6):
            samples = 0.3 * np.sin(2 * np.pi * (200 + 50 * number + 5 * speaker) * time)
            path = tmp_path / "strangers" / word / f"{speaker:08x}_nohash_0.wav"
            path.write_bytes(audio.encode_wav(samples.astype(np.float32), RATE))
    return tmp_path / "strangers"


def test_listening_is_judged_and_drawn(words: Path, strangers: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures"
    chosen = ["--split", "validation", "--listening", str(output), "--strangers", str(strangers)]
    result = CliRunner().invoke(main, ["evaluate", "default", str(words), *chosen])
    assert result.exit_code == 0, result.output
    assert "only marvin: " in result.stdout
    report = json.loads((output / "default.json").read_text())
    assert (report["model"], report["data"]) == ("default", "words, validation split")
    assert report["strangers"]["hours"] == pytest.approx(30 / 3600)
    assert report["words"]["spoken"] == 5
    assert report["wake_word"]["words"]["spoken"] == 4
    assert [point["threshold"] for point in report["curve"]] == [0.3, 0.5, 0.98]
    assert "<svg" in (output / "default.svg").read_text()


def test_what_is_missing_is_said(words: Path, strangers: Path, tmp_path: Path) -> None:
    def refusal(*chosen: object) -> str:
        arguments = ["evaluate", "default", str(words), "--split", "validation", *map(str, chosen)]
        result = CliRunner().invoke(main, arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        return result.stderr

    output = tmp_path / "figures"
    assert "--strangers FOLDER" in refusal("--listening", output)
    assert "goes without" in refusal("--listening", output, "--report", output)
    assert "--strangers needs" in refusal("--strangers", strangers)
    (words / "_background_noise_" / "hiss.wav").unlink()
    assert "no noise" in refusal("--listening", output, "--strangers", strangers)
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refusal("--listening", tmp_path / "file", "--strangers", strangers)
