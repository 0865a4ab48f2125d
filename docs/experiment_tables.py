"""Tables of the experiments, from the recipes that name them and the results that are there.

A recipe's first line says which table it is a row of ("# Table c: …"). Recipes that differ by their seed
alone are one row, their mean. A row without a result says so.
"""

import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sayso.evaluation.report_sections import interval, percent
from sayso.training.recipe import Recipe

RECIPES = Path(__file__).parent.parent / "recipes" / "experiments"
NOT_RUN = "not run yet"
SIZES = (30_000, 100_000, 350_000)  # parameters: below each, which network is best?
TITLES = {
    "a": "The predecessor's networks by its recipe, on an honest split and on a leaking one",
    "b": "Front ends",
    "c": "Noise in training",
    "d": "Recurrent networks and convolutions",
    "e": "Eight and sixteen kilohertz",
    "f": "Accuracy and size",
    "g": "Synthetic recordings of scarce words",
}

Values = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One row: a recipe, and the results of all its seeds that have been run."""

    recipe: Recipe
    tables: str  # the letters of the tables it belongs to
    told: str  # what the recipe's first line says
    results: tuple[Values, ...]

    def mean(self, *path: str | int) -> float | None:
        """The mean over the seeds of a number in the results."""
        found = []
        for result in self.results:
            value: Any = result
            for step in path:
                value = value[step] if value is not None else None
            if value is not None:
                found.append(float(value))
        return float(np.mean(found)) if found else None

    def share(self, *path: str | int) -> str:
        """A share with its interval; with the lowest and highest of the seeds where there are several."""
        if self.mean(*path, "value") is None:
            return "–"
        if len(self.results) == 1:
            values: Any = self.results[0]
            for step in path:
                values = values[step]
            return interval(values)
        each = [Row(self.recipe, "", "", (result,)).mean(*path, "value") or 0 for result in self.results]
        return f"{percent(self.mean(*path, 'value'))} ({100 * min(each):.1f}–{100 * max(each):.1f})"


def rows(results: Path, recipes: Path = RECIPES) -> list[Row]:
    """All rows, in the order of the recipes' names."""
    grouped: dict[str, tuple[Recipe, str, str, list[Values]]] = {}
    for path in sorted(recipes.glob("*.toml")):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        found = re.match(r"# Tables? ([a-z](?: and [a-z])*): (.*)", first)
        if not found:
            continue
        recipe = Recipe.read(path)
        alike = dataclasses.replace(recipe, name="", seed=0).digest()
        group = grouped.setdefault(alike, (recipe, found[1].replace(" and ", ""), found[2], []))
        result = results / "experiments" / f"{path.stem}.json"
        if result.is_file():
            values = json.loads(result.read_text(encoding="utf-8"))
            if values["recipe_digest"] == recipe.digest():
                group[3].append(values)
    return [Row(recipe, letters, told, tuple(found)) for recipe, letters, told, found in grouped.values()]


def markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table; the first column names the row."""
    text = [f"| {' | '.join(heads)} |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    return "\n".join([*text, *(f"| {' | '.join(line)} |" for line in lines)]) + "\n"


def number(value: float | None, form: str) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None else format(value, form)


COST = ("parameters", "multiplications", "ms", "minutes")


def cost(row: Row) -> list[str]:
    """The cells below `COST`."""
    return [
        number(row.mean("figures", "parameters"), ",.0f"),
        number(row.mean("figures", "macs"), ",.0f"),
        number(row.mean("figures", "milliseconds"), ".2f"),
        number(row.mean("figures", "training_minutes"), ".0f"),
    ]


def accuracy(row: Row) -> list[str]:
    """The cells below `ACCURACY`."""
    return [row.share("figures", part) for part in ("accuracy", "covered_accuracy", "new_clips_accuracy")]


ACCURACY = ("validation", "covered words", "clips new in v0.02")


def of_epoch(row: Row, epoch: int) -> str:
    """Accuracy on validation after an epoch."""
    found = [
        line["validation_accuracy"]
        for result in row.results
        for line in result["epochs"]
        if line["epoch"] == epoch
    ]
    return percent(float(np.mean(found))) if found else "–"


def experiment(letter: str, of_table: Sequence[Row]) -> str:
    """A table of one letter."""
    heads = ["recipe", "epochs", "seeds", *ACCURACY]
    heads += {"a": ["after 30 epochs", "after 50"], "c": ["noise 10 dB", "noise 0 dB"]}.get(letter, [])
    heads += COST
    lines = []
    for row in of_table:
        name = f"`{row.recipe.name}`"
        if not row.results:
            lines.append([name, str(row.recipe.training.epochs), "0", NOT_RUN, *[""] * (len(heads) - 4)])
            continue
        line = [name, str(row.recipe.training.epochs), str(len(row.results)), *accuracy(row)]
        if letter == "a":
            line += [of_epoch(row, 30), of_epoch(row, 50)]
        if letter == "c":
            noisy = row.results[0]["figures"]["noise"]
            line += [row.share("figures", "noise", place, "accuracy") for place in range(len(noisy))]
        lines.append(line + cost(row))
    run = [row for row in of_table if row.results]
    told = [f"- `{row.recipe.name}`: {row.told}" for row in of_table]
    if run:
        clips = [
            f"{run[0].results[0]['figures'][part]['clips']:,}"
            for part in ("accuracy", "covered_accuracy", "new_clips_accuracy")
            if run[0].results[0]["figures"][part]
        ]
        told.append(f"\nn = {' / '.join(clips)} clips of the validation split, in the columns' order.")
    return markdown(heads, lines) + "\n" + "\n".join(told) + "\n"


def winners(of_table: Sequence[Row], results: Path) -> str:
    """The best network below each of `SIZES`, chosen on validation; its test figures where they are there."""
    tested = {
        values["model"]: values["figures"][0]
        for path in sorted((results / "frontier").glob("*.json"))
        for values in [json.loads(path.read_text(encoding="utf-8"))]
    }
    lines = []
    for most in SIZES:
        fitting = [row for row in of_table if (row.mean("figures", "parameters") or most + 1) <= most]
        if not fitting:
            lines.append([f"≤ {most:,}", NOT_RUN, "", ""])
            continue
        best = max(fitting, key=lambda row: row.mean("figures", "accuracy", "value") or 0)
        test = tested.get(best.recipe.name)
        told = f"{interval(test)}, n = {test['clips']:,}" if test else NOT_RUN
        lines.append([f"≤ {most:,}", f"`{best.recipe.name}`", best.share("figures", "accuracy"), told])
    return markdown(("parameters", "best on validation", "validation", "test"), lines)


def synthesis(results: Path) -> str:
    """Recall of the scarce words with and without synthetic recordings."""
    path = results / "synthesis.json"
    if not path.is_file():
        return f"By word: {NOT_RUN}.\n"
    found = json.loads(path.read_text(encoding="utf-8"))
    runs = found["runs"]
    heads = ["word", "n, test"] + [run["name"].removeprefix("g_").replace("_", " ") for run in runs]
    heads += ["n, validation", *heads[2:]]
    lines = []
    for word in [*found["words"], "all of them", "all other words"]:
        line = [word]
        for split in ("testing", "validation"):
            cells = []
            for run in runs:
                of_split = run[split]
                values = {"all of them": of_split["all_scarce"], "all other words": of_split["accuracy"]}
                values |= of_split["recall"]
                cells.append(values.get(word))
            line.append(f"{cells[0]['clips']:,}" if cells[0] else "0")
            line += [interval(each) if each else "–" for each in cells]
        lines.append(line)
    taken = ["taken for one of them", ""] + [str(run["testing"]["taken"]) for run in runs]
    lines.append([*taken, "", *(str(run["validation"]["taken"]) for run in runs)])
    return markdown(heads, lines)


def all_tables(results: Path, recipes: Path = RECIPES) -> str:
    """All tables, one below the other."""
    found = rows(results, recipes)
    parts = []
    for letter, title in TITLES.items():
        of_table = [row for row in found if letter in row.tables]
        if not of_table:
            continue
        parts += [f"## {letter}. {title}\n", experiment(letter, of_table)]
        if letter == "f":
            parts.append(winners(of_table, results))
        if letter == "g":
            parts.append(synthesis(results))
    return "\n".join(parts)
