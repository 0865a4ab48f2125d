"""Runs side by side: one table, one file of figures, one plot of accuracy against cost."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from sayso.errors import RunError
from sayso.evaluation import metrics
from sayso.training.atomic import write_atomically
from sayso.training.figures import measure, unpack_right
from sayso.training.run import Run

COLUMNS = (
    "run",
    "network",
    "accuracy",
    "new clips",
    "worst words",
    "parameters",
    "MACs (body)",
    "ms",
    "KB",
    "minutes",
    "p",
)
LEFT = {"run", "network", "worst words"}  # the other columns hold numbers


@dataclass(frozen=True)
class Comparison:
    """Runs and their figures, the most accurate first.

    Attributes:
        rows: `figures.measure` of each, with the names `run` and `p_value`: McNemar's test against the row
            above, on the same clips; None in the first row and where the clips differ.

    """

    rows: tuple[dict[str, Any], ...]

    def markdown(self) -> str:
        """The table."""
        cells = [list(COLUMNS), *[_cells(row) for row in self.rows]]
        widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
        lines = []
        for line in cells:
            padded = [
                text.ljust(width) if name in LEFT else text.rjust(width)
                for text, width, name in zip(line, widths, COLUMNS, strict=True)
            ]
            lines.append(f"| {' | '.join(padded)} |")
        rules = [
            "-" * width if name in LEFT else "-" * (width - 1) + ":"
            for width, name in zip(widths, COLUMNS, strict=True)
        ]
        return "\n".join([lines[0], f"| {' | '.join(rules)} |", *lines[1:]])

    def write(self, folder: Path) -> None:
        """Write compare.md, compare.json and compare.svg.

        Raises:
            RunError: the folder cannot be written.

        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / "compare.md", f"{self.markdown()}\n\n{self.legend()}\n".encode())
            write_atomically(folder / "compare.json", json.dumps(self.rows, indent=2).encode())
            self.plot(folder / "compare.svg")
        except OSError as error:
            raise RunError(f"The comparison cannot be written to {folder}: {error.strerror}.") from error

    def legend(self) -> str:
        """What the columns mean."""
        clips = sorted({row["accuracy"]["clips"] for row in self.rows})
        return (
            f"On {' or '.join(f'{count:,}' for count in clips)} validation clips; intervals are 95 %, a "
            "bootstrap over speakers. New clips: those the data lists as recorded later. MACs: counted, of "
            "one window through the exported graph, and of what follows the front end. ms: one window, one "
            "thread. p: McNemar's test against the row above."
        )

    def plot(self, path: Path) -> None:
        """Draw accuracy with its interval against MACs, on a logarithmic axis."""
        with matplotlib.rc_context({"svg.hashsalt": "sayso", "svg.fonttype": "none"}):  # same rows, same file
            figure = Figure(figsize=(7, 4.5), layout="constrained")
            axes = figure.add_subplot(xscale="log")
            axes.set_xlabel("MACs of one second, front end included")
            axes.set_ylabel("accuracy on validation, %")
            axes.grid(alpha=0.3)
            costs = [row["macs"] for row in self.rows]
            axes.set_xlim(min(costs) / 1.5, max(costs) * 2)  # of equal costs, matplotlib finds no scale
            for row in self.rows:
                accuracy = row["accuracy"]
                value = 100 * accuracy["value"]
                error = [[value - 100 * accuracy["low"]], [100 * accuracy["high"] - value]]
                axes.errorbar(row["macs"], value, yerr=error, fmt="o", capsize=2)
                axes.annotate(
                    row["run"], (row["macs"], value), (5, 4), textcoords="offset points", fontsize="small"
                )
            figure.savefig(path, metadata={"Date": None})


def compare(folders: Sequence[Path], data: Path) -> Comparison:
    """Measure some runs and put them side by side.

    Args:
        folders: run folders.
        data: the folder of words they were trained on.

    Raises:
        RunError: one is no run, or has nothing trained yet.

    """
    runs = [Run.open(folder) for folder in folders]
    named = Counter(run.recipe.name for run in runs)
    rows = []
    for run in runs:  # of several runs of one recipe, the folder tells them apart
        name = run.recipe.name if named[run.recipe.name] == 1 else str(run.folder)
        rows.append({"run": name, **measure(run, data)})
    rows.sort(key=lambda row: -row["accuracy"]["value"])
    return Comparison(
        tuple(
            row | {"p_value": _p_value(above, row)} for above, row in zip([None, *rows], rows, strict=False)
        )
    )


def _p_value(first: dict[str, Any] | None, second: dict[str, Any]) -> float | None:
    if first is None or first["clips_digest"] != second["clips_digest"]:
        return None
    return metrics.mcnemar(unpack_right(first), unpack_right(second)).p_value


def _cells(row: dict[str, Any]) -> list[str]:
    new, p_value = row["new_clips_accuracy"], row["p_value"]
    return [
        row["run"],
        row["network"],
        _percent(row["accuracy"]),
        _percent(new) if new else "",
        ", ".join(f"{word['word']} {word['recall']:.0%}" for word in row["worst_words"]),
        f"{row['parameters']:,}",
        f"{row['macs'] / 1e6:.2f} M ({row['body_macs'] / 1e6:.2f} M)",
        f"{row['milliseconds']:.2f}",
        f"{row['bytes'] / 1000:,.0f}",
        f"{row['training_minutes']:.1f}",
        "" if p_value is None else "< 0.001" if p_value < 0.001 else f"{p_value:.3f}",
    ]


def _percent(interval: dict[str, Any]) -> str:
    low, high = 100 * interval["low"], 100 * interval["high"]
    return f"{100 * interval['value']:.1f} % ({low:.1f}–{high:.1f})"
