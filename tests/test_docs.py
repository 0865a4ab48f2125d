"""What the documents say is what the code does."""

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest

import sayso
from sayso import cli
from sayso.training import models
from sayso.training.models.frontend import FRONTENDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = sorted((ROOT / "results").glob("*.json"))


def row(result: dict[str, Any]) -> str:
    """A result as it stands in the README's table."""
    cells = []
    for figure in result["figures"]:
        low, high = 100 * figure["low"], 100 * figure["high"]
        cells.append(f"{100 * figure['value']:.1f} % ({low:.1f}–{high:.1f}, n = {figure['clips']:,})")
    cells += [f"{result['parameters']:,}", f"{result['bytes'] / 1000:,.0f} KB"]
    cells += [f"{result['milliseconds']:.2f} ms", f"{result['training_minutes']:.0f} min"]
    return f"| `{result['model']}` | {' | '.join(cells)} |"


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_the_table_shows_the_results(path: Path) -> None:
    assert row(json.loads(path.read_text())) in README


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
