"""The experiments' tables and notebook, on results made up here."""

import importlib
import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
import pytest

from sayso.training.recipe import Recipe

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "notebooks" / "experiments.ipynb"


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("experiment_tables")


def share(value: float, clips: int = 1_000) -> dict[str, Any]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "clips": clips, "speakers": 10}


def write_result(recipe: Path, results: Path, value: float, parameters: int = 20_000) -> None:
    """A result as the queue keeps it."""
    figures = {
        "accuracy": share(value),
        "covered_accuracy": share(value + 0.01, 900),
        "new_clips_accuracy": share(value - 0.05, 100),
        "noise": [{"snr_db": snr_db, "accuracy": share(value - 0.1)} for snr_db in (10.0, 0.0)],
        "parameters": parameters,
        "macs": 1_234_567,
        "milliseconds": 0.5,
        "training_minutes": 12.4,
    }
    found = Recipe.read(recipe)
    epochs = [
        {"epoch": epoch, "validation_accuracy": value - 0.001 * (found.training.epochs - epoch)}
        for epoch in range(1, found.training.epochs + 1)
    ]
    result = {"recipe_digest": found.digest(), "figures": figures, "epochs": epochs}
    (results / "experiments").mkdir(parents=True, exist_ok=True)
    (results / "experiments" / f"{recipe.stem}.json").write_text(json.dumps(result))


def test_rows_have_their_figures_or_say_that_they_were_not_run(tables: ModuleType, tmp_path: Path) -> None:
    recipes = ROOT / "recipes" / "experiments"
    write_result(recipes / "c_noise.toml", tmp_path, 0.8)
    write_result(recipes / "a_m5.toml", tmp_path, 0.75)

    text = tables.all_tables(tmp_path)

    row = next(line for line in text.splitlines() if line.startswith("| `c_noise`"))
    assert "80.0 % (79.0–81.0) | 81.0 % (80.0–82.0) | 75.0 % (74.0–76.0) | 70.0 % (69.0–71.0)" in row
    assert "20,000 | 1,234,567 | 0.50 | 12 |" in row
    assert "73.0 % | 75.0 %" in next(line for line in text.splitlines() if line.startswith("| `a_m5`"))
    assert "| `c_clean` | 8 | 0 | not run yet" in text
    assert "n = 1,000 / 900 / 100 clips of the validation split" in text


def test_recipes_that_differ_by_their_seed_are_one_row(tables: ModuleType, tmp_path: Path) -> None:
    recipes, results = tmp_path / "recipes", tmp_path / "results"
    recipes.mkdir()
    text = (ROOT / "recipes" / "experiments" / "f_res1d_32.toml").read_text()
    for seed, value in ((0, 0.8), (1, 0.9)):
        path = recipes / f"f_res1d_32_{seed}.toml"
        path.write_text(text.replace('name = "f_res1d_32"', f'name = "f_res1d_32_{seed}"\nseed = {seed}'))
        write_result(path, results, value)

    (row,) = tables.rows(results, recipes)

    assert row.share("figures", "accuracy") == "85.0 % (80.0–90.0)"
    assert "| 2 | 85.0 %" in tables.experiment("f", [row])


def test_a_result_of_another_recipe_does_not_count(tables: ModuleType, tmp_path: Path) -> None:
    recipe = ROOT / "recipes" / "experiments" / "c_noise.toml"
    write_result(recipe, tmp_path, 0.8)
    path = tmp_path / "experiments" / "c_noise.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"recipe_digest": "another"}))

    assert not any(row.results for row in tables.rows(tmp_path))


def test_the_best_network_of_each_size(tables: ModuleType, tmp_path: Path) -> None:
    recipes = ROOT / "recipes" / "experiments"
    write_result(recipes / "f_res1d_32.toml", tmp_path, 0.80, parameters=20_000)
    write_result(recipes / "f_res1d_64.toml", tmp_path, 0.90, parameters=90_000)
    write_result(recipes / "f_res1d_128.toml", tmp_path, 0.85, parameters=300_000)
    (tmp_path / "frontier").mkdir()
    test = {"model": "f_res1d_64", "figures": [share(0.88, 6_634)]}
    (tmp_path / "frontier" / "f_res1d_64.json").write_text(json.dumps(test))

    lines = tables.winners([row for row in tables.rows(tmp_path) if "f" in row.tables], tmp_path).splitlines()

    assert "f_res1d_32" in lines[2]
    assert "not run yet" in lines[2]
    assert "f_res1d_64" in lines[3]
    assert "f_res1d_64" in lines[4]
    assert "88.0 % (87.0–89.0), n = 6,634" in lines[4]


def test_what_synthesis_brings_is_a_table_by_word(tables: ModuleType, tmp_path: Path) -> None:
    split = {
        "recall": {"bird": share(0.5, 36)},
        "all_scarce": share(0.4, 50),
        "accuracy": share(0.9),
        "taken": 3,
    }
    runs = [{"name": name, "testing": split, "validation": split} for name in ("g_with", "g_without")]
    (tmp_path / "synthesis.json").write_text(json.dumps({"words": ["bird", "dog"], "runs": runs}))

    text = tables.synthesis(tmp_path)

    assert "| word | n, test | with | without | n, validation | with | without |" in text
    assert "| bird | 36 | 50.0 % (49.0–51.0) | 50.0 %" in text
    assert "| dog | 0 | – | – | 0 | – | – |" in text
    assert "| taken for one of them |  | 3 | 3 |  | 3 | 3 |" in text


def test_the_notebook_runs_on_results(
    tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mpl.use("agg")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    for name in ("a_m5", "c_noise", "f_res1d_32"):
        write_result(tmp_path / "recipes" / "experiments" / f"{name}.toml", tmp_path / "results", 0.8)
    monkeypatch.chdir(tmp_path / "docs")
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    values: dict[str, Any] = {}

    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), values)

    assert values["tables"] is tables
    assert len(values["run"]) == 3
    assert values["axes"].lines
    outputs = [output["output_type"] for cell in cells for output in cell.get("outputs", [])]
    assert "display_data" in outputs  # it is kept as it was executed
    assert "error" not in outputs
    assert len(NOTEBOOK.read_bytes()) < 300_000
