"""The table of how well the default listens, from results/listening/default.json."""

from typing import Any

Values = dict[str, Any]

HEAD = (
    "| | missed | taken for another | false alarms beside the words, in an hour "
    "| among strangers, in an hour | heard after the word's end, median |\n|---|---|---|---|---|---|"
)


def table(report: Values) -> str:
    """The table in Markdown."""
    lines = [HEAD]
    one = report["wake_word"]
    for name, found in (("all 35 words", report), (f"only *{one['word']}*", one)):
        words = found["words"]
        spoken = words["spoken"]
        low, high = 100 * words["miss_rate_low"], 100 * words["miss_rate_high"]
        cells = [
            f"{100 * words['miss_rate']:.1f} % ({low:.1f}–{high:.1f}), {words['missed']} of {spoken}",
            f"{words['wrong']} of {spoken}" if found is report else "–",
            f"{words['false_alarms_per_hour']:.0f}",
            f"{found['strangers']['false_alarms_per_hour']:.0f}",
            f"{1000 * words['median_latency_s']:.0f} ms",
        ]
        if "other_words" in found:
            cells[2] += f"; {found['other_words']['false_alarms_per_hour']:.0f} in an hour of the other words"
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
