import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sayso.errors import DataError, RecipeError, RunError
from sayso.training.optimization import learning_rate
from sayso.training.recipe import Recipe, TrainingRecipe
from sayso.training.run import Run
from sayso.training.splits import load_splits
from sayso.training.train import train

AUGMENT = """
[[augment]]
step = "shift"
shift_ms = 100
[[augment]]
step = "gain"
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small recipe for the tone words."""

    def write(name: str = "tones", augment: str = AUGMENT, **training: Any) -> Path:
        values = {"epochs": 3, "batch_size": 32, "learning_rate": 0.005} | training
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        path = tmp_path / f"{name}.toml"
        path.write_text(
            f'name = "{name}"\nseed = 7\n[network]\nname = "m5_narrow"\n'
            "frontend_options = { sample_rate = 8000 }\n[training]\n" + "\n".join(lines) + augment
        )
        return path

    return write


@pytest.fixture(autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYSO_CACHE", str(tmp_path_factory.getbasetemp() / "tone-cache"))


def weights(run: Path, name: str = "last") -> dict[str, torch.Tensor]:
    state = Run.open(run).load(name)
    assert state is not None
    return {key: value.double() for key, value in state["judged"].items()}


def command(recipe: Path, folder: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "sayso", "train", str(recipe), "--data", str(folder), "--out", str(out)]


def test_it_learns_and_leaves_a_whole_run(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path
) -> None:
    run = train(Recipe.read(recipe_file(epochs=15)), tone_words, tmp_path / "run")
    lines = run.metrics()
    assert [line["epoch"] for line in lines] == list(range(1, 16))
    assert max(line["validation_accuracy"] for line in lines) > 0.9
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert {"recipe.json", "environment.json", "metrics.jsonl", "best.pt", "last.pt"} <= {
        path.name for path in run.folder.iterdir()
    }
    network, words = run.network()
    assert words == ("high", "low", "middle")
    assert not network.training


def test_training_never_sees_validation_or_test_clips(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path
) -> None:
    run = train(Recipe.read(recipe_file(epochs=1)), tone_words, tmp_path / "run")
    data = json.loads((run.folder / "environment.json").read_text())["data"]
    assert data["training_clips"] == 3 * 24 * 2
    assert data["validation_clips"] == 3 * 6 * 2


def test_tensorboard_can_read_the_curves(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(Recipe.read(recipe_file()), tone_words, tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    assert len(events.Scalars("accuracy/validation")) == 3
    assert len(events.Scalars("loss/training")) == 3
    assert "confusion" in events.Tags()["images"]


@pytest.mark.parametrize("extra", [{}, {"ema_decay": 0.9, "optimizer": "adamw", "warmup_epochs": 1}])
def test_a_killed_run_goes_on_to_the_same_weights(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path, extra: dict[str, Any]
) -> None:
    """`kill -9` in the middle, then the same command: the weights are those of an uninterrupted run."""
    recipe = recipe_file(epochs=30, **extra)
    train(Recipe.read(recipe), tone_words, tmp_path / "whole")

    process = subprocess.Popen(command(recipe, tone_words, tmp_path / "killed"))
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed" / "metrics.jsonl").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(Run.open(tmp_path / "killed").metrics()) < 30, "it had finished before it was killed"
    subprocess.run(command(recipe, tone_words, tmp_path / "killed"), check=True)

    whole, killed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert whole.keys() == killed.keys()
    for name, weight in whole.items():
        torch.testing.assert_close(killed[name], weight, rtol=1e-5, atol=1e-6, msg=name)
    assert [line["epoch"] for line in Run.open(tmp_path / "killed").metrics()] == list(range(1, 31))


def test_two_processes_find_the_weights_of_one(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path
) -> None:
    # Not Adam: it makes full steps of the rounding of a vanishing gradient (a bias before a normalisation).
    recipe = recipe_file(epochs=2, batch_size=64, optimizer="sgd", learning_rate=0.05)
    train(Recipe.read(recipe), tone_words, tmp_path / "one")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0"]
    start = [*torchrun, "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", "-m"]
    arguments = command(recipe, tone_words, tmp_path / "two")[2:]
    subprocess.run([*start, *arguments], check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=180)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=1e-3, atol=1e-4, msg=name)


def test_the_same_seed_gives_the_same_weights(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path
) -> None:
    recipe = Recipe.read(recipe_file(epochs=1))
    train(recipe, tone_words, tmp_path / "first")
    train(recipe, tone_words, tmp_path / "second")
    first, second = weights(tmp_path / "first"), weights(tmp_path / "second")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_student_learns_from_its_teacher(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path
) -> None:
    """Taught by nothing but a teacher's answers, the student still learns the words."""
    train(Recipe.read(recipe_file("teacher", epochs=15)), tone_words, tmp_path / "teacher")
    recipe = recipe_file("student", epochs=15, teachers=[str(tmp_path / "teacher")], teacher_weight=1.0)
    run = train(Recipe.read(recipe), tone_words, tmp_path / "student")
    assert run.metrics()[-1]["validation_accuracy"] > 0.9


def test_the_last_weights_are_kept_where_a_recipe_says_so(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path
) -> None:
    for keep in ("best", "last"):
        recipe = recipe_file(keep, epochs=6, learning_rate=0.02, schedule="constant", keep=keep)
        run = train(Recipe.read(recipe), tone_words, tmp_path / keep)
        accuracies = [line["validation_accuracy"] for line in run.metrics()]
        kept, last = weights(run.folder, "best"), weights(run.folder)
        same = all(torch.equal(kept[key], last[key]) for key in kept)
        assert same == (keep == "last" or accuracies.index(max(accuracies)) == 5)
        assert run.kept()["epoch"] == (6 if keep == "last" else accuracies.index(max(accuracies)) + 1)


def test_a_run_may_start_from_another(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path
) -> None:
    """Started from a trained network, with a learning rate of almost nothing, it knows the words at once."""
    train(Recipe.read(recipe_file("first", epochs=15)), tone_words, tmp_path / "first")
    second = recipe_file("second", epochs=1, learning_rate=1e-9, start=str(tmp_path / "first"))
    run = train(Recipe.read(second), tone_words, tmp_path / "second")
    assert run.metrics()[0]["validation_accuracy"] > 0.9
    other = recipe_file("other", epochs=1, start=str(tmp_path / "first"))
    other.write_text(other.read_text().replace('"m5_narrow"', '"m3"'))
    with pytest.raises(RunError, match="another network"):
        train(Recipe.read(other), tone_words, tmp_path / "other")


def test_a_run_may_start_from_the_mean_of_several(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path
) -> None:
    train(Recipe.read(recipe_file("first", epochs=2)), tone_words, tmp_path / "first")
    both: dict[str, Any] = {"start": str(tmp_path / "first"), "epochs": 1}
    train(Recipe.read(recipe_file("second", **both)), tone_words, tmp_path / "second")
    both["blend"] = [str(tmp_path / "second")]
    train(Recipe.read(recipe_file("mean", learning_rate=1e-9, **both)), tone_words, tmp_path / "mean")
    first, second, mean = (weights(tmp_path / name, "best") for name in ("first", "second", "mean"))
    for key in [key for key in mean if key.endswith("weight")]:
        torch.testing.assert_close(mean[key], (first[key] + second[key]) / 2, atol=1e-4, rtol=1e-3)
    other = recipe_file("other", **both)
    other.write_text(other.read_text().replace('"m5_narrow"', '"m3"'))
    values = Recipe.read(other).to_values()
    train(
        Recipe.from_values(values | {"training": {"epochs": 1, "batch_size": 32}}),
        tone_words,
        tmp_path / "unlike",
    )
    both["blend"] = [str(tmp_path / "unlike")]
    with pytest.raises(RunError, match="cannot be blended"):
        train(Recipe.read(recipe_file("wrong", **both)), tone_words, tmp_path / "wrong")


def test_silence_and_other_words_become_labels(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path
) -> None:
    """Of three tones, one is a word, one is unknown, and one, held out, is never trained on."""
    folder, others = tmp_path / "words", tmp_path / "others"
    for target, words in ((folder, ["high"]), (others, ["high", "low", "middle"])):
        for word in words:
            shutil.copytree(tone_words / word, target / word)
    recipe = recipe_file(epochs=10)
    values = 'unknown = ["others"]\nheld_out_words = ["middle"]\nsilence_clips = 20\n'
    recipe.write_text(recipe.read_text().replace("[training]", f"[data]\n{values}[training]"))
    run = train(Recipe.read(recipe), folder, tmp_path / "run")
    _, labels = run.network()
    assert labels == ("high", "_silence_", "_unknown_")
    training, validation, _ = load_splits(run.recipe, folder)
    assert Counter(clip.word for clip in training.clips) == {"high": 48, "_silence_": 20, "_unknown_": 60}
    assert Counter(clip.word for clip in validation.clips) == {"high": 12, "_unknown_": 12}
    assert {clip.path.parent.name for clip in training.clips if clip.word == "_unknown_"} == {"low"}
    assert run.metrics()[-1]["validation_accuracy"] > 0.9


def test_another_recipe_does_not_overwrite_a_run(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path
) -> None:
    train(Recipe.read(recipe_file(epochs=1)), tone_words, tmp_path / "run")
    with pytest.raises(RunError, match="another recipe"):
        train(Recipe.read(recipe_file(epochs=1, learning_rate=0.1)), tone_words, tmp_path / "run")
    more = train(Recipe.read(recipe_file(epochs=2)), tone_words, tmp_path / "run")
    assert len(more.metrics()) == 2


def test_too_little_data_is_one_sentence(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="too few for batches of 4096"):
        train(Recipe.read(recipe_file(batch_size=4096)), tone_words, tmp_path / "run")


def test_an_unknown_augmentation_is_named(
    recipe_file: Callable[..., Path], tone_words: Path, tmp_path: Path
) -> None:
    recipe = recipe_file(augment='\n[[augment]]\nstep = "louder"\n')
    with pytest.raises(RecipeError, match="louder"):
        train(Recipe.read(recipe), tone_words, tmp_path / "run")


def rates(**values: Any) -> list[float]:
    recipe = TrainingRecipe(learning_rate=0.01, **values)
    return [learning_rate(recipe, step, 10) for step in range(recipe.epochs * 10)]


def test_learning_rates_have_their_shapes() -> None:
    step = rates(epochs=30, schedule="step", step_epochs=20)
    assert set(np.round(step[:200], 9)) == {0.01}
    assert set(np.round(step[200:], 9)) == {0.001}
    cosine = rates(epochs=20, schedule="cosine", warmup_epochs=2)
    assert cosine[:20] == sorted(cosine[:20])
    assert cosine[20:] == sorted(cosine[20:], reverse=True)
    assert max(cosine) == pytest.approx(0.01)
    assert cosine[-1] < 1e-5
    cycle = rates(epochs=20, schedule="one_cycle")
    assert 0 < cycle[0] < 0.001
    assert np.argmax(cycle) == pytest.approx(0.3 * 200, abs=2)
    assert cycle[-1] < 1e-4
