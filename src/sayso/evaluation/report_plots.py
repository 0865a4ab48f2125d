"""The plots of a report as SVG, to stand inside a page. The only room that imports matplotlib.

Ink takes the colour of the text around it, so that a plot follows the page's light or dark.
"""

import io
import re
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

Values = dict[str, Any]

_INK = "#010203"  # no other part of a plot has it; becomes the colour of the text
_BLUE, _ORANGE = "#3b82c4", "#d9772b"  # legible on white and on black
_KINDS = ("#3b82c4", "#d9772b", "#3f9b62", "#b564b5", "#9a8a2e", "#c44e52", "#4aa3a8", "#8c7ae6")
_LOWEST, _HIGHEST = 0.001, 0.999  # of an error rate on normal-deviate axes
_DET_TICKS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "grid.color": _INK,
    "grid.alpha": 0.15,
}


def draw(report: Values) -> dict[str, str]:
    """All plots of a report, by name, as `<svg>` elements."""
    plots: dict[str, Callable[[Values], Figure]] = {
        "confusion": _confusion,
        "audit": _audit,
        "noise": _noise,
        "reliability": _reliability,
    }
    if report["open_set"]:
        plots["det"] = _det
    with rc_context({**_STYLE, "svg.hashsalt": "sayso"}):  # the same report gives the same bytes
        return {name: _svg(plot(report), name) for name, plot in plots.items()}


def _svg(figure: Figure, name: str) -> str:
    content = io.StringIO()
    figure.savefig(content, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    text = content.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Names are the page's: two plots must not share one.
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1)


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def _confusion(report: Values) -> Figure:
    counts = np.array(report["closed_set"]["confusion"], dtype=float)
    shown = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    counts = counts[np.ix_(shown, shown)]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [report["labels"][index] for index in shown]
    size = max(4.0, 0.23 * len(names) + 1)
    figure, axes = _axes(size, size)
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    for colour, is_right in ((_BLUE, True), (_ORANGE, False)):
        cells = [(row, column) for row, column in np.argwhere(shares > 0) if (row == column) == is_right]
        if cells:
            # The root, because a confusion of a few per cent is what one looks for.
            strength = [np.sqrt(shares[cell]) for cell in cells]
            squares = [corners + np.array([column, row]) for row, column in cells]
            axes.add_collection(PolyCollection(squares, facecolors=colour, alpha=strength, linewidths=0))
    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), aspect="equal")
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set(xlabel="answered", ylabel="said")
    return figure


def _reliability(report: Values) -> Figure:
    figure = Figure(figsize=(8.4, 3.8))
    for index, (when, values) in enumerate(report["calibration"].items()):
        axes = figure.add_subplot(1, 2, index + 1)
        bins = [each for each in values["bins"] if each["clips"]]
        wide = bins[0]["high"] - bins[0]["low"]
        axes.bar(
            [each["low"] for each in bins],
            [each["accuracy"] for each in bins],
            width=wide * 0.94,
            align="edge",
            color=_BLUE,
            alpha=0.35,
        )
        means = [each["confidence"] for each in bins], [each["accuracy"] for each in bins]
        axes.plot(*means, "o-", color=_BLUE, markersize=4, linewidth=1.5)
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="" if index else "accuracy")
        axes.set_title(f"{when} calibration: error {values['error']:.3f}", fontsize=10, loc="left")
        axes.set_aspect("equal")
    return figure


def _det(report: Values) -> Figure:
    def deviate(rates: list[float]) -> list[float]:
        return [NormalDist().inv_cdf(min(max(rate, _LOWEST), _HIGHEST)) for rate in rates]

    points = report["open_set"]["det"]
    figure, axes = _axes(5.2, 4.6)
    accepts = deviate([point["false_accepts"] for point in points])
    axes.plot(accepts, deviate([point["false_rejects"] for point in points]), color=_BLUE, linewidth=2)
    for point in report["open_set"]["points"]:
        place = deviate([point["false_accepts"]]), deviate([point["false_rejects"]])
        if point["set_on"] == "these strangers":
            axes.plot(*place, "o", color=_BLUE)
            axes.annotate(
                f"{100 * point['wanted_false_accepts']:.0f} % wanted",
                (place[0][0], place[1][0]),
                (7, 4),
                textcoords="offset points",
            )
    ticks = [f"{100 * rate:g} %" for rate in _DET_TICKS]
    axes.set_xticks(deviate(list(_DET_TICKS)), ticks, fontsize=8)
    axes.set_yticks(deviate(list(_DET_TICKS)), ticks, fontsize=8)
    axes.grid(True)
    limits = tuple(deviate([_LOWEST, 0.95]))
    axes.set(xlim=limits, ylim=limits, xlabel="strangers accepted", ylabel="words rejected")
    return figure


def _audit(report: Values) -> Figure:
    rows = [row for row in report["audit"]["rows"] if row["accuracy"] and row["noise"] is None]
    # Of noise, the ratio that still counts among the fair rows; the curves show the others.
    rows += [row for row in report["audit"]["rows"] if row["accuracy"] and row["snr_db"] == 10]
    figure, axes = _axes(8.4, 0.25 * len(rows) + 0.8)
    values = [row["covered"] or row["accuracy"] for row in rows]
    places = np.arange(len(rows))
    shares = np.array([100 * each["value"] for each in values])
    spread = np.abs(np.array([[100 * each["low"], 100 * each["high"]] for each in values]).T - shares)
    worst = report["audit"]["worst"]
    colours = [_ORANGE if row["name"] == worst else _BLUE for row in rows]
    axes.barh(places, shares, color=colours, alpha=0.75, height=0.72)
    axes.errorbar(shares, places, xerr=spread, fmt="none", ecolor=_INK, elinewidth=0.9)
    axes.axvline(shares[0], color=_INK, linewidth=0.8, linestyle=(0, (4, 3)))
    for place, share in zip(places, shares, strict=True):
        axes.text(1, float(place), f"{share:.1f}", va="center", fontsize=8)
    axes.set_yticks(places, [row["name"].replace("_", " ") for row in rows], fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 100), ylim=(len(rows) - 0.4, -0.6), xlabel=_what(report))
    return figure


def _noise(report: Values) -> Figure:
    kinds: dict[str, list[tuple[float, float]]] = {}
    for row in report["audit"]["rows"]:
        if row["noise"] is not None and row["accuracy"]:
            share = 100 * (row["covered"] or row["accuracy"])["value"]
            kinds.setdefault(row["noise"], []).append((row["snr_db"], share))
    figure, axes = _axes(8.4, 4.2)
    for index, (kind, points) in enumerate(kinds.items()):
        ratios, shares = zip(*points, strict=True)
        line = "-" if index < 4 else (0, (4, 2))  # the kinds, then the recordings one by one
        axes.plot(
            ratios, shares, "o", linestyle=line, color=_KINDS[index % len(_KINDS)], markersize=4,
            label=kind.replace("_", " "),
        )  # fmt: skip
    axes.set(ylim=(0, 100), xlabel="signal-to-noise ratio, dB", ylabel=_what(report))
    axes.invert_xaxis()
    axes.set_xticks(sorted({ratio for points in kinds.values() for ratio, _ in points}))
    axes.grid(True, axis="y")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _what(report: Values) -> str:
    covered = report["closed_set"]["covered"]
    return f"accuracy, {'covered' if covered else 'all'} words, %"
