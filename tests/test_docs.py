"""What the documents say is what the code does."""

import importlib.util
import json
import re
from pathlib import Path

import click
import pytest

import sayso
from sayso import cli
from sayso.training import models
from sayso.training.models.frontend import FRONTENDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = sorted((ROOT / "results").glob("*.json"))


def test_the_table_shows_the_results() -> None:
    """`make docs` writes it; here nobody has forgotten to."""
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    assert tables.table(README) == README
    assert all(f"| `{path.stem}` |" in README for path in RESULTS)


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
