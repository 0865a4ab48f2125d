"""Misses against false alarms, over the threshold, as a file of its own."""

import io
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

_LOWEST = 0.3  # false alarms an hour; fewer cannot be told from none in an hour or two
_BLUE, _ORANGE = "#3b82c4", "#d9772b"


def draw(report: dict[str, Any]) -> str:
    """The curves of `listening_exam.examine` as SVG; the same report gives the same text."""
    figure = Figure(figsize=(7, 4.2))
    axes = figure.add_subplot()
    curves = [("all words", report["curve"], report, _BLUE)]
    if "wake_word" in report:
        wake = report["wake_word"]
        curves.append((f"only “{wake['word']}”", wake["curve"], wake, _ORANGE))
    for name, curve, judged, colour in curves:
        alarms = [max(point["false_alarms_per_hour"], _LOWEST) for point in curve]
        misses = [100 * point["miss_rate"] for point in curve]
        axes.plot(alarms, misses, "-", color=colour, label=name)
        threshold = judged["settings"]["threshold"]
        chosen = [index for index, point in enumerate(curve) if point["threshold"] == threshold]
        for index in chosen:
            axes.plot(alarms[index], misses[index], "o", color=colour)
            axes.annotate(f"  {threshold:g}", (alarms[index], misses[index]), va="bottom", color=colour)
    axes.set_xscale("log")
    axes.set_xticks([_LOWEST, 1, 10, 100], ["none", "1", "10", "100"])
    axes.set_xlim(_LOWEST / 1.2, 100)
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("false alarms in an hour of strangers' speech and noise")
    axes.set_ylabel(f"words missed at {report['snr_db']:g} dB, %")
    axes.grid(alpha=0.15)
    axes.legend(frameon=False)
    style: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "sayso", "font.family": "sans-serif"}
    content = io.StringIO()
    with rc_context(style):
        figure.savefig(content, format="svg", bbox_inches="tight", metadata={"Date": None})
    return content.getvalue()
