import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result

from sayso import audio
from sayso.cli import main
from sayso.evaluation import metrics
from sayso.teaching.memory import MEMORY_KEY
from sayso.training import figures
from sayso.training.compare import compare
from sayso.training.export import export
from sayso.training.held_out_noise import mix
from sayso.training.macs import count_macs
from sayso.training.models import create
from sayso.training.recipe import Recipe
from sayso.training.run import Run
from sayso.training.train import train


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def write_recipe(path: Path, *, seed: int = 7, more: str = "", **training: Any) -> Path:
    values = {"epochs": 2, "batch_size": 32, "learning_rate": 0.005} | training
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'name = "{path.stem}"\nseed = {seed}\n[network]\nname = "m5_narrow"\n'
        "frontend_options = { sample_rate = 8000 }\n"
        + more
        + "\n[training]\n"
        + "\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
    )
    return path


@pytest.fixture(scope="module", autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAYSO_CACHE", str(tmp_path_factory.getbasetemp() / "tone-cache"))
        yield


@pytest.fixture(scope="module")
def data(tone_words: Path) -> Path:
    """The tone words; their first clips are recorded "later", and there is a noise to hold out."""
    (tone_words / "new_in_v0.02.txt").write_text(
        "".join(f"{path.parent.name}/{path.name}\n" for path in sorted(tone_words.glob("*/*_0.wav")))
    )
    (tone_words / "_background_noise_").mkdir(exist_ok=True)
    for seed, name in enumerate(("tap", "fan")):
        noise = 0.1 * np.random.default_rng(seed).standard_normal(32_000).astype(np.float32)
        (tone_words / "_background_noise_" / f"{name}.wav").write_bytes(audio.encode_wav(noise, 16_000))
    return tone_words


@pytest.fixture(scope="module")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run of many epochs that holds out a noise, and one of few."""
    home = tmp_path_factory.mktemp("runs")
    held_out = '[data]\nheld_out_noises = ["tap"]'
    for name, epochs, more in (("many", 12, held_out), ("few", 1, "")):
        recipe = write_recipe(home / f"{name}.toml", epochs=epochs, more=more, learning_rate=0.003)
        train(Recipe.read(recipe), data, home / name)
    return home / "many", home / "few"


def test_a_run_is_measured(runs: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    many = Run.open(runs[0])
    found = figures.measure(many, data)
    best = max(line["validation_accuracy"] for line in many.metrics())
    assert found["accuracy"]["value"] == pytest.approx(best, abs=0.03)  # exported, and in one thread
    assert found["accuracy"]["clips"] == 3 * 6 * 2
    assert found["new_clips_accuracy"]["clips"] == 3 * 6
    assert figures.unpack_right(found).mean() == pytest.approx(found["accuracy"]["value"])
    assert [row["snr_db"] for row in found["noise"]] == [10, 0]
    assert found["noise"][0]["recordings"] == ["tap"]
    assert found["epochs"] == 12
    export(many, tmp_path / "model.onnx", data)
    model = onnx.load(tmp_path / "model.onnx")
    memory = sum(len(entry.value) for entry in model.metadata_props if entry.key == MEMORY_KEY)
    assert found["bytes"] == pytest.approx((tmp_path / "model.onnx").stat().st_size - memory, abs=1_000)


def test_what_was_measured_is_measured_once(
    runs: tuple[Path, Path], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = Run.open(runs[0])
    first = figures.measure(many, data)
    monkeypatch.setattr(figures, "_measure", lambda *_: pytest.fail("measured again"))
    assert figures.measure(many, data) == first


def test_a_better_checkpoint_is_measured_again(data: Path, tmp_path: Path) -> None:
    recipe = Recipe.read(write_recipe(tmp_path / "one.toml", epochs=1))
    first = figures.measure(train(recipe, data, tmp_path / "one"), data)
    longer = train(recipe.with_epochs(8), data, tmp_path / "one")
    second = figures.measure(longer, data)
    assert second["source"] != first["source"]
    assert second["epochs"] == 8
    assert second["accuracy"]["value"] > first["accuracy"]["value"]


def test_runs_stand_side_by_side(runs: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    result = run("compare", runs[1], runs[0], "--data", data, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    table = (tmp_path / "out" / "compare.md").read_text().splitlines()
    assert table[0] in result.output
    assert [line.split("|")[1].strip() for line in table[2:4]] == ["many", "few"]
    assert len({line.count("|") for line in table[:4]}) == 1
    rows = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert rows[0]["p_value"] is None
    assert rows[1]["p_value"] == metrics.mcnemar(*map(figures.unpack_right, rows)).p_value
    drawn = ElementTree.parse(tmp_path / "out" / "compare.svg").getroot()
    texts = ["".join(element.itertext()) for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"many", "few"} <= set(texts)
    assert json.loads(run("compare", *runs, "--data", data, "--json").stdout) == rows


def test_runs_of_one_recipe_are_told_apart(runs: tuple[Path, Path], data: Path) -> None:
    rows = compare([runs[0], runs[0].parent / "." / "many"], data).rows
    assert rows[0]["run"] == str(runs[0])
    assert rows[1]["p_value"] == 1


def test_what_is_no_run_is_one_sentence(data: Path, tmp_path: Path) -> None:
    recipe = Recipe.read(write_recipe(tmp_path / "idle.toml"))
    for folder, said in ((tmp_path, "not a run folder"), (tmp_path / "idle", "no trained network yet")):
        Run.start(tmp_path / "idle", recipe)
        result = run("compare", folder, "--data", data)
        assert result.exit_code == 2
        assert said in " ".join(result.stderr.split())


def test_multiplications_are_those_one_counts_by_hand() -> None:
    """M5 as in the tutorial, at 8 kHz: 496 places for the first filter, a quarter after each pool."""
    body = 496 * 32 * 80 + 124 * 32 * 32 * 3 + 31 * 64 * 32 * 3 + 7 * 64 * 64 * 3 + 64 * 35
    low_pass = 8_000 * (95 + 2 * 15)  # each filter of a block of 16 is padded to the block's width
    network = create("m5_narrow", 35, frontend_options={"sample_rate": 8_000}).eval()
    assert count_macs(network, 16_000) == (body + low_pass, body)


def test_a_recurrent_network_multiplies_too() -> None:
    """An LSTM of 214 states reads 98 frames of 40 bands."""
    total, counted = count_macs(create("lstm", 35, frontend="log_mel").eval(), 16_000)
    assert counted == 98 * 4 * 214 * (40 + 214) + 214 * 35
    assert total > counted + 98 * 40 * 241  # the bands, and a Fourier transform


@pytest.mark.parametrize("snr_db", [10.0, 0.0])
def test_noise_is_mixed_at_its_ratio(snr_db: float) -> None:
    random = np.random.default_rng(0)
    clips = (0.05 * random.standard_normal((4, 16_000))).astype(np.float32)
    clips[3] = 0
    noise = (0.1 * random.standard_normal(10_000)).astype(np.float32)
    added = mix(clips, noise, snr_db, random) - clips
    ratio = np.square(clips[:3]).mean(axis=1) / np.square(added[:3]).mean(axis=1)
    assert 10 * np.log10(ratio) == pytest.approx(snr_db, abs=0.01)
    assert not added[3].any()


@pytest.fixture
def queue(tmp_path: Path, data: Path) -> Callable[[], Result]:
    """`sayso experiments` on the recipes in `tmp_path/recipes`."""
    places = ["--runs", tmp_path / "runs", "--results", tmp_path / "results"]
    return lambda: run("experiments", tmp_path / "recipes", "--data", data, *places)


def test_experiments_go_on_where_they_stopped(
    queue: Callable[[], Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = {"accuracy": {"value": 0.5}, "training_minutes": 1}
    monkeypatch.setattr("sayso.training.queue.measure", lambda *_: figures)  # measured below
    write_recipe(tmp_path / "recipes" / "b.toml", epochs=1)
    assert "b: measured" in queue().stdout
    write_recipe(tmp_path / "recipes" / "a.toml", epochs=1, seed=1)
    before = (tmp_path / "results" / "b.json").stat().st_mtime_ns
    result = queue()
    assert result.exit_code == 0
    assert [line.split(",")[0] for line in result.stdout.splitlines()] == ["a: measured", "b: kept"]
    assert (tmp_path / "results" / "b.json").stat().st_mtime_ns == before
    kept = json.loads((tmp_path / "results" / "b.json").read_text())
    assert Recipe.from_values(kept["recipe"]).digest() == kept["recipe_digest"]
    assert [line["epoch"] for line in kept["epochs"]] == [1]
    assert {"torch", "threads", "data"} <= set(kept["environment"])
    write_recipe(tmp_path / "recipes" / "b.toml", epochs=1, seed=2)
    assert "b: measured" in queue().stdout


def test_a_broken_recipe_stops_no_other(queue: Callable[[], Result], tmp_path: Path) -> None:
    write_recipe(tmp_path / "recipes" / "whole.toml", epochs=1)
    (tmp_path / "recipes" / "broken.toml").write_text("name = 3")
    write_recipe(tmp_path / "recipes" / "greedy.toml", batch_size=4096)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "whole.json").write_text('{"half": ')
    result = queue()
    assert result.exit_code == 1
    assert "broken: failed, RecipeError" in result.stdout
    assert "too few for batches of 4096" in result.stdout
    assert "whole: measured" in result.stdout
    assert "2 failed: broken, greedy" in result.stderr


def test_no_recipes_is_one_sentence(queue: Callable[[], Result]) -> None:
    result = queue()
    assert result.exit_code == 2
    assert "no recipes" in result.stderr
