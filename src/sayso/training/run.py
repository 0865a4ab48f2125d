"""A run folder: everything one training run leaves behind.

recipe.json         what was asked for
environment.json    versions, machine, data
metrics.jsonl       one line an epoch
last.pt  best.pt    checkpoints: where it stands, and where validation was best
events.out.…        TensorBoard
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

import sayso
from sayso.errors import RunError
from sayso.training.atomic import write_atomically
from sayso.training.models import Network, create
from sayso.training.recipe import Recipe


@dataclass(frozen=True)
class Run:
    """A run folder, opened."""

    folder: Path
    recipe: Recipe

    @classmethod
    def start(cls, folder: Path, recipe: Recipe) -> Self:
        """Make a run folder, or go on in one of the same recipe; only the number of epochs may differ.

        Raises:
            RunError: the folder holds another recipe's run, or cannot be written.

        """
        path = folder / "recipe.json"
        if path.is_file():
            found = cls.open(folder).recipe
            if found.with_epochs(recipe.training.epochs).digest() != recipe.digest():
                raise RunError(f"{folder} holds a run of another recipe: give another folder with --out.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(recipe.to_values(), indent=2).encode())
        except OSError as error:
            raise RunError(f"The run folder {folder} cannot be written: {error.strerror}.") from error
        return cls(folder, recipe)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a run folder.

        Raises:
            RunError: it is none.

        """
        try:
            values = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(
                f"{folder} is not a run folder: make one with `sayso train RECIPE --out {folder}`."
            ) from error
        return cls(folder, Recipe.from_values(values))

    def save(self, name: str, state: Mapping[str, Any]) -> None:
        """Write a checkpoint; a crash in between leaves the former one whole."""
        path = self.folder / f"{name}.pt"
        partial = path.with_suffix(".partial")
        torch.save(dict(state), partial)
        partial.replace(path)

    def load(self, name: str) -> dict[str, Any] | None:
        """Read a checkpoint; None where there is none yet."""
        path = self.folder / f"{name}.pt"
        if not path.is_file():
            return None
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state

    def network(self, name: str = "best") -> tuple[Network, tuple[str, ...]]:
        """The network of a checkpoint, ready to judge, and its words.

        Raises:
            RunError: the run has not reached such a checkpoint.

        """
        state = self.load(name)
        if state is None:
            raise RunError(f"{self.folder} has no trained network yet: let `sayso train` finish an epoch.")
        words = tuple(state["words"])
        network = build(self.recipe, len(words))
        network.load_state_dict(state["judged"])
        return network.eval(), words

    def log(self, line: Mapping[str, Any]) -> None:
        """Add an epoch's figures, in place of an earlier line of that epoch."""
        lines = [old for old in self.metrics() if old["epoch"] < line["epoch"]]
        text = "".join(json.dumps(item) + "\n" for item in [*lines, dict(line)])
        write_atomically(self.folder / "metrics.jsonl", text.encode())

    def metrics(self) -> list[dict[str, Any]]:
        """The figures of each epoch so far."""
        path = self.folder / "metrics.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def kept(self) -> dict[str, Any]:
        """The figures of the epoch whose weights are exported."""
        lines = self.metrics()
        if self.recipe.training.keep == "last":
            return lines[-1]
        return max(lines, key=lambda line: float(line["validation_accuracy"]))

    def seconds(self) -> float:
        """How long training took, that of the run it started from included."""
        return sum(float(run.metrics()[-1]["seconds"]) for run in self.line())

    def line(self) -> "list[Run]":
        """The run, that which it started from, and so on to the first.

        Raises:
            RunError: one of them is no run folder, or starts from one that started from it.

        """
        runs: list[Run] = [self]
        while start := runs[-1].recipe.training.start:
            runs.append(Run.open(Path(start)))
            if any(runs[-1].folder.resolve() == run.folder.resolve() for run in runs[:-1]):
                raise RunError(f"{start} starts from a run that started from it: make it again.")
        return runs

    def describe_environment(self, data: Mapping[str, Any]) -> None:
        """Note what the run ran on."""
        environment = {
            "sayso": sayso.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "machine": platform.platform(),
            "device": torch.cuda.get_device_name()
            if torch.cuda.is_available()
            else platform.processor() or "cpu",
            "threads": torch.get_num_threads(),
            "data": dict(data),
        }
        write_atomically(self.folder / "environment.json", json.dumps(environment, indent=2).encode())


def build(recipe: Recipe, labels: int) -> Network:
    """The recipe's network, with fresh weights."""
    wanted = recipe.network
    return create(
        wanted.name,
        labels,
        frontend=wanted.frontend,
        frontend_options=wanted.frontend_options,
        **wanted.options,
    )
