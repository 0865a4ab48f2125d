"""A queue of experiments: every recipe of a folder trained, measured and kept, going on where it stopped."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sayso.errors import RecipeError
from sayso.training.atomic import write_atomically
from sayso.training.figures import measure
from sayso.training.recipe import Recipe
from sayso.training.train import train

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one recipe."""

    name: str
    kind: str  # "measured", "kept" from before, or "failed"
    sentence: str


def work(recipes: Path, data: Path, runs: Path, results: Path) -> Iterator[Outcome]:
    """Train and measure each recipe of a folder, by file name, as the results are asked for.

    A recipe whose result is there already is passed over; an interrupted run goes on. One recipe that fails
    stops no other.

    Args:
        recipes: a folder of TOML files.
        data: the folder of words to train on.
        runs: where the run folders are. Each bears a piece of its recipe's digest, so that a recipe that was
            changed is trained anew beside the earlier run.
        results: where `NAME.json` goes: recipe, figures, metrics by epoch, environment.

    Raises:
        RecipeError: there are no recipes.

    """
    paths = sorted(recipes.glob("*.toml"))
    if not paths:
        raise RecipeError(f"There are no recipes in {recipes}: name a folder of TOML files.")
    for path in paths:
        try:
            yield _work_one(path, data, runs, results)
        except Exception as error:
            logger.exception("%s failed", path)
            yield Outcome(path.stem, "failed", f"{type(error).__name__}: {error}")


def _work_one(path: Path, data: Path, runs: Path, results: Path) -> Outcome:
    recipe = Recipe.read(path)
    target = results / f"{path.stem}.json"
    result = _read(target)
    kind = "kept"
    if result.get("recipe_digest") != recipe.digest():
        kind = "measured"
        run = train(recipe, data, runs / f"{path.stem}-{recipe.digest()[:8]}")
        result = {
            "name": recipe.name,
            "recipe_digest": recipe.digest(),
            "recipe": recipe.to_values(),
            "figures": measure(run, data),
            "epochs": run.metrics(),
            "environment": json.loads((run.folder / "environment.json").read_text(encoding="utf-8")),
        }
        results.mkdir(parents=True, exist_ok=True)
        write_atomically(target, json.dumps(result, indent=2).encode())
    figures = result["figures"]
    sentence = f"{figures['accuracy']['value']:.2%} on validation, {figures['training_minutes']:.1f} minutes"
    return Outcome(path.stem, kind, sentence)


def _read(path: Path) -> dict[str, Any]:
    """A result of an earlier session; empty where there is none that can be read."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return result if isinstance(result, dict) and "figures" in result else {}
