import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from sayso import load
from sayso.errors import RunError
from sayso.teaching.model_file import ModelFile
from sayso.training import export as exporting
from sayso.training import quantization
from sayso.training.cache import load_folder
from sayso.training.export import export
from sayso.training.models import Network
from sayso.training.recipe import Recipe
from sayso.training.run import Run
from sayso.training.splits import load_splits
from sayso.training.strangers import split
from sayso.training.train import train


@pytest.fixture(scope="module")
def run(tone_words: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    values = {
        "name": "tones",
        "network": {"name": "m5_narrow", "frontend_options": {"sample_rate": 8000}},
        "training": {"epochs": 2, "batch_size": 32, "learning_rate": 0.005},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAYSO_CACHE", str(tmp_path_factory.mktemp("cache")))
        return train(Recipe.from_values(values), tone_words, tmp_path_factory.mktemp("runs") / "tones")


@pytest.fixture(autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYSO_CACHE", str(tmp_path_factory.getbasetemp() / "tone-cache"))


def test_the_file_scores_as_torch_does(run: Run, tone_words: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "tones.onnx", tone_words)
    recognizer = load(tmp_path / "tones.onnx")
    network, words = run.network()
    _, validation, _ = load_splits(run.recipe, tone_words)
    for batch in (1, 5, 36):
        waveforms = validation.waveforms(slice(0, batch))
        with torch.no_grad():
            logits, embedding = network(torch.from_numpy(waveforms))
        np.testing.assert_allclose(recognizer.score(waveforms), logits.numpy(), atol=1e-4)
        np.testing.assert_allclose(recognizer.embed(waveforms), embedding.numpy(), atol=1e-4)
    assert recognizer.card.labels == words


def test_the_file_tells_nothing_of_the_machine_it_is_from(run: Run, tone_words: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "tones.onnx", tone_words)
    content = (tmp_path / "tones.onnx").read_bytes()
    assert b".py" not in content
    assert str(Path(exporting.__file__).parent.parent).encode() not in content


def test_the_file_says_what_it_is(run: Run, tone_words: Path, tmp_path: Path) -> None:
    card = export(run, tmp_path / "tones.onnx", tone_words)
    assert load(tmp_path / "tones.onnx").card == card
    assert card.recipe_digest == run.recipe.digest()
    assert card.training_clips == (48, 48, 48)
    assert "144 recordings of 3 words by 24 speakers" in card.trained_on
    assert card.figures[0].split == "validation"
    assert card.figures[0].value == max(line["validation_accuracy"] for line in run.metrics())
    assert card.calibration.temperature > 0


def test_the_threshold_is_set_and_judged_by_different_strangers(
    run: Run, tone_words: Path, tmp_path: Path
) -> None:
    strangers = tmp_path / "birds" / "sky"
    strangers.mkdir(parents=True)
    for path in sorted((tone_words / "low").iterdir())[:40]:
        shutil.copy(path, strangers)

    card = export(run, tmp_path / "tones.onnx", tone_words, [strangers.parent])

    figure = card.figures[-1]
    assert (figure.name, figure.split) == ("false accepts, birds", "strangers")
    assert 8 < figure.clips < 32  # about half of them
    assert card.calibration.false_accept_rate == 0.01
    assert card.calibration.threshold > 0


def test_a_file_that_scores_otherwise_is_not_written(
    run: Run, tone_words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the exporter wrong by a thousandth anywhere, no file would come out."""
    write = exporting.to_onnx

    def slightly_wrong(network: Network, example: np.ndarray) -> bytes:
        content = write(network, example)
        with torch.no_grad():
            network.head.bias.add_(1e-3)
        return content

    monkeypatch.setattr(exporting, "to_onnx", slightly_wrong)
    with pytest.raises(RunError, match="differ from torch's"):
        export(run, tmp_path / "wrong.onnx", tone_words)
    assert not list(tmp_path.iterdir())


def test_rounded_weights_make_a_smaller_file_that_answers_alike(
    run: Run, tone_words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = export(run, tmp_path / "plain.onnx", tone_words)
    rounded = export(run, tmp_path / "int8.onnx", tone_words, int8=True)

    before, after = load(tmp_path / "plain.onnx"), load(tmp_path / "int8.onnx")
    _, validation, _ = load_splits(run.recipe, tone_words)
    waveforms = validation.waveforms(slice(None))
    weights = (
        3 * run.network()[0].body.state_dict()["layers.12.weight"].numel()
    )  # bytes saved on the largest layer
    assert (tmp_path / "int8.onnx").stat().st_size < (tmp_path / "plain.onnx").stat().st_size - weights
    assert rounded.architecture == f"{plain.architecture}, int8 weights"
    assert 0 < np.abs(after.score(waveforms) - before.score(waveforms)).max() < 0.5
    assert rounded.figures[0].value >= plain.figures[0].value - quantization.MAX_LOSS
    monkeypatch.setattr(exporting, "MAX_LOSS", -1.0)
    with pytest.raises(RunError, match="cost"):
        export(run, tmp_path / "worse.onnx", tone_words, int8=True)
    assert not (tmp_path / "worse.onnx").exists()


def test_the_card_names_the_noises_of_training(tmp_path: Path) -> None:
    for name in ("tap", "bike"):
        (tmp_path / f"{name}.wav").touch()
    values = {
        "name": "noises",
        "network": {"name": "m5"},
        "training": {"epochs": 1},
        "data": {"held_out_noises": ["bike"]},
        "augment": [{"step": "noise", "kinds": {"recorded": 1, "white": 1}}],
    }

    first = Run.start(tmp_path / "first", Recipe.from_values(values))
    later = values | {"training": {"epochs": 1, "start": str(first.folder)}, "augment": []}

    assert exporting.noises_of(first.recipe, tmp_path) == ("tap", "white")
    assert exporting.noises_of(Recipe.from_values(later), tmp_path) == ("tap", "white")
    assert exporting.noises_of(Recipe.from_values(values | {"augment": []}), tmp_path) == ()
    lost = {"epochs": 1, "start": str(tmp_path / "lost")}
    assert exporting.noises_of(Recipe.from_values(values | {"training": lost}), tmp_path) is None


def test_a_run_without_a_finished_epoch_is_said(run: Run, tone_words: Path, tmp_path: Path) -> None:
    young = Run.start(tmp_path / "young", run.recipe)
    with pytest.raises(RunError, match="finish an epoch"):
        export(young, tmp_path / "young.onnx", tone_words)


def test_eight_kilohertz_inside_hears_no_aliases(run: Run) -> None:
    """A tone above 4 kHz must not come back as one below it."""
    network, _ = run.network()
    seconds = torch.arange(16_000, dtype=torch.float64) / 16_000
    for hertz, kept in ((1_000, True), (3_000, True), (5_000, False), (7_000, False)):
        tone = torch.sin(2 * torch.pi * hertz * seconds).float()[None]
        power = network.frontend(tone)[0, 0, 200:-200].square().mean().item() / 0.5
        assert (power > 0.99) if kept else (power < 1e-6), hertz


def test_the_memory_holds_nothing_of_what_judges(tone_words: Path, tmp_path: Path) -> None:
    words, others = tmp_path / "words", tmp_path / "others"
    for word in ("high", "low"):
        shutil.copytree(tone_words / word, words / word)
    for word, name in (("middle", "held"), ("high", "buzz"), ("low", "hum")):
        shutil.copytree(tone_words / word, others / name)
    values = {
        "name": "tones",
        "network": {"name": "m5_narrow", "frontend_options": {"sample_rate": 8000}},
        "data": {"unknown": ["others"], "held_out_words": ["held"], "silence_clips": 20},
        "training": {"epochs": 1, "batch_size": 32},
    }
    run = train(Recipe.from_values(values), words, tmp_path / "run")
    export(run, tmp_path / "tones.onnx", words, [others])
    memory = ModelFile.read((tmp_path / "tones.onnx").read_bytes()).memory
    assert memory is not None
    clips = load_folder(others)
    left = clips.select([clip.word != "held" for clip in clips.clips])
    setting = [clip.word for clip in split(left)[0].clips]
    assert sorted(label for label in memory.labels if label in ("held", "buzz", "hum")) == sorted(setting)
    assert {"high", "low"} <= {*memory.labels}
