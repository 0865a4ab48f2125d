"""What the documents say is what the code does."""

import importlib
import json
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

import sayso
from sayso import cli
from sayso.training import models
from sayso.training.models.frontend import FRONTENDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = [path for path in sorted((ROOT / "results").glob("*.json")) if '"model"' in path.read_text()]


def load_tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("tables")


def test_documents_say_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make docs` writes it; here nobody has forgotten to."""
    documents = load_tables(monkeypatch).documents()

    assert len(documents) >= 3
    for path, text in documents.items():
        assert path.read_text(encoding="utf-8") == text, f"{path} is not up to date: run `make docs`"
    assert all(f"| `{path.stem}` |" in README for path in RESULTS)


def test_the_exams_are_of_the_models_in_the_table() -> None:
    for path in (ROOT / "results" / "exam").glob("*.json"):
        exam, result = (json.loads(each.read_text()) for each in (path, ROOT / "results" / path.name))
        for name, figure in zip(("accuracy", "covered"), result["figures"], strict=True):
            found = exam["closed_set"][name]
            assert found["value"] == pytest.approx(figure["value"], abs=1e-5)  # results are rounded
            assert found["clips"] == figure["clips"]
        assert exam["speed"]["parameters"] == result["parameters"]


def test_another_measurement_changes_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = load_tables(monkeypatch)
    exam = json.loads((ROOT / "results" / "exam" / "default.json").read_text())
    telephone = next(row for row in exam["audit"]["rows"] if row["name"] == "telephone")
    telephone["covered"]["value"] = 0.1234

    assert "12.3 %" in tables.glance([exam])
    assert "12.3 %" not in README


def test_the_figures_on_the_cards_are_the_results() -> None:
    for path in RESULTS:
        result = json.loads(path.read_text())
        card = sayso.load(result["model"]).card
        figures = [figure for figure in card.figures if figure.split == "testing"]
        assert [figure.value for figure in figures] == [figure["value"] for figure in result["figures"]]
        assert card.recipe_digest == result["recipe_digest"]


def commands(group: click.Group, prefix: str = "sayso") -> list[str]:
    names = []
    for name, command in group.commands.items():
        here = f"{prefix} {name}"
        names += commands(command, here) if isinstance(command, click.Group) else [here]
    return names


@pytest.mark.parametrize("command", commands(cli.main))
def test_every_command_is_in_the_readme(command: str) -> None:
    assert command in README


@pytest.mark.parametrize("name", [*models.names(), *FRONTENDS])
def test_every_network_and_front_end_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


def test_the_tree_is_the_tree() -> None:
    tree = README.split("```\nMakefile")[1].split("```")[0]
    for name in re.findall(r"\b[a-z_]+\.(?:py|md)\b", tree):
        assert list(ROOT.glob(f"**/{name}")), name


def test_the_python_lines_run(
    speech_commands: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = README.split("```python\n")[1].split("```")[0]
    clip = next((speech_commands / "left").iterdir())
    exec(code.replace('"clip.wav"', repr(str(clip))), {})
    assert len(capsys.readouterr().out.splitlines()) == 2
