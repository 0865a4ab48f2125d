"""Write every figure that stands in a document from the results it was measured in: `make docs`.

README.md           the models' table from results/*.json, the exam at a glance from results/exam/*.json
results/exam/*.md   the exams, from the same files
docs/results.md     the tables of experiments, from results/experiments/*.json
docs/listening.md   how well the default listens, from results/listening/default.json
docs/teaching.md    how well taught words are heard, from results/teaching/*.json
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import experiment_tables
import listening_table
import teaching_table

from sayso.evaluation.report import as_markdown
from sayso.evaluation.report_sections import interval, percent, sections

ROOT = Path(__file__).parent.parent
ORDER = ("default", "tiny", "m5")
RARELY_HEARD = 0.5  # a word recognised less often than this is named

Values = dict[str, Any]


def documents() -> dict[Path, str]:
    """What each document has to say today."""
    readme = ROOT / "README.md"
    exams = read("results/exam")
    text = between(table(readme.read_text(encoding="utf-8")), "exam", glance(exams) + rarely_heard())
    found = {readme: text}
    for exam in exams:
        path = ROOT / "results" / "exam" / f"{exam['model']}.md"
        found[path] = as_markdown(exam, sections(exam))
    results = ROOT / "docs" / "results.md"
    found[results] = between(
        results.read_text(encoding="utf-8"), "tables", experiment_tables.all_tables(ROOT / "results")
    )
    for name, table_of, source in (
        ("listening", listening_table.table, "default"),
        ("teaching", teaching_table.table, "new_words"),
    ):
        path, measured = ROOT / "docs" / f"{name}.md", ROOT / "results" / name / f"{source}.json"
        values = json.loads(measured.read_text(encoding="utf-8"))
        found[path] = between(path.read_text(encoding="utf-8"), "table", table_of(values))
    return found


def read(folder: str) -> list[Values]:
    """Results of models, in the order of the table."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / folder).glob("*.json")]
    found = [result for result in found if "model" in result and ("figures" in result or "audit" in result)]
    return sorted(found, key=lambda result: (*ORDER, result["model"]).index(result["model"]))


def between(text: str, name: str, content: str) -> str:
    """A text with the content between the marks `<!-- name … -->` and `<!-- /name -->`."""
    pattern = rf"(<!-- {name}\b[^>]*-->\n).*?(<!-- /{name} -->)"
    changed, count = re.subn(pattern, lambda mark: f"{mark[1]}\n{content}\n{mark[2]}", text, flags=re.DOTALL)
    assert count == 1, f"one pair of marks `{name}` expected, {count} found"
    return changed


def row(result: Values) -> str:
    """A result as it stands in the models' table."""
    cells = []
    for figure in result["figures"]:
        low, high = 100 * figure["low"], 100 * figure["high"]
        cells.append(f"{100 * figure['value']:.1f} % ({low:.1f}–{high:.1f}, n = {figure['clips']:,})")
    cells += [f"{result['parameters']:,}", f"{result['bytes'] / 1000:,.0f} KB"]
    cells += [f"{result['milliseconds']:.2f} ms", f"{result['training_minutes']:.0f} min"]
    return f"| `{result['model']}` | {' | '.join(cells)} |"


def table(text: str) -> str:
    """The README with the rows of today's results below the table's head."""
    rows = "".join(row(result) + "\n" for result in read("results"))
    return re.sub(r"(\| model \|.*\n\|[-|]+\n)(?:\| `.*\n)*", lambda head: head[1] + rows, text, count=1)


def worst(**wanted: Any) -> Callable[[Values], str]:
    """The worst of the audit's rows with certain values, and which it is where there are several."""

    def cell(exam: Values) -> str:
        rows = [row for row in exam["audit"]["rows"] if row["accuracy"]]
        rows = [row for row in rows if all(row[key] in values for key, values in wanted.items())]
        lowest = min(rows, key=lambda row: float(covered(row)["value"]))
        which = f": {lowest['name'].replace('_', ' ')}" if len(rows) > 1 else ""
        return interval(covered(lowest)) + which

    return cell


def covered(values: Values) -> Values:
    """The figure of covered words, or of all where nothing tells which are covered."""
    found: Values = values["covered"] or values["accuracy"]
    return found


def in_noise(which: Callable[[Values, float], Values | None]) -> Callable[[Values], str]:
    """Accuracy at 10, 5 and 0 dB."""

    def cell(exam: Values) -> str:
        found = [which(exam["audit"], ratio) for ratio in (10, 5, 0)]
        return " / ".join(interval(covered(values)) if values else "–" for values in found)

    return cell


def background(audit: Values, ratio: float) -> Values | None:
    """The row of recorded noise of a ratio in decibels."""
    rows = audit["rows"]
    return next((row for row in rows if row["noise"] == "background" and row["snr_db"] == ratio), None)


def unheard(audit: Values, ratio: float) -> Values | None:
    """The mean over kinds of noise that the model was not trained with, of a ratio in decibels."""
    return next((row for row in audit["unheard_noise"] if row["snr_db"] == ratio), None)


def strangers(cell: Callable[[Values], str]) -> Callable[[Values], str]:
    """A cell for exams that strangers took part in."""
    return lambda exam: cell(exam["open_set"]) if exam["open_set"] else "–"


def point(found: Values, rate: float | None, set_on: str) -> Values:
    """What a model does at one of the thresholds."""
    points = found["points"]
    result: Values = next(
        each for each in points if each["wanted_false_accepts"] == rate and each["set_on"] == set_on
    )
    return result


def accepted(rate: float | None, set_on: str) -> Callable[[Values], str]:
    """Covered words right and accepted at a threshold, and the strangers that pass."""

    def cell(found: Values) -> str:
        at = point(found, rate, set_on)
        return (
            f"{interval(at['correct_covered'] or at['correct'])}, "
            f"{interval(at['false_accepts_interval'])} of strangers pass"
        )

    return strangers(cell)


GLANCE: list[tuple[str, Callable[[Values], str]]] = [
    ("ten commands of the twelve-label protocol", lambda exam: interval(exam["twelve"]["commands"])),
    ("the same, best of the ten", lambda exam: interval(exam["twelve"]["forced"])),
    ("all words, balanced", lambda exam: percent(exam["closed_set"]["balanced_accuracy"])),
    ("sample rates 8 to 48 kHz, MP3, Opus, AAC: the worst", worst(group=("sample rate", "codec"))),
    ("telephone", worst(group=("telephone",))),
    ("level −20 to +12 dB: the worst", worst(group=("level",))),
    ("shift by up to ±200 ms: the worst", worst(group=("shift",))),
    ("cut out tightly", worst(group=("cut",))),
    ("said in 3/4 or 4/3 of the time, the pitch with it: the worst", worst(group=("voice",))),
    ("nothing below 500 Hz", worst(group=("microphone",))),
    ("echo, reverberation: the worst", worst(group=("room",))),
    ("recorded noise at 10 / 5 / 0 dB", in_noise(background)),
    ("noise of kinds it never trained with, 10 / 5 / 0 dB", in_noise(unheard)),
    ("words against strangers, AUROC", strangers(lambda found: f"{found['auroc']:.3f}")),
    ("accepted and right, 1 % of strangers wanted", accepted(0.01, "other strangers")),
    ("accepted and right, 5 % of strangers wanted", accepted(0.05, "other strangers")),
    ("accepted and right, its own threshold", accepted(None, "the card")),
    ("calibration error", lambda exam: f"{exam['calibration']['after']['error']:.3f}"),
]


def glance(exams: list[Values]) -> str:
    """The exams side by side."""
    heads = [f"[`{exam['model']}`](results/exam/{exam['model']}.md)" for exam in exams]
    lines = [
        f"| covered words, unless it says otherwise | {' | '.join(heads)} |",
        "|---" * (len(heads) + 1) + "|",
    ]
    lines += [f"| {name} | {' | '.join(cell(exam) for exam in exams)} |" for name, cell in GLANCE]
    asked: dict[str, list[str]] = {}  # exams of the same clips are told of together
    for exam in exams:
        changed = covered(next(row for row in exam["audit"]["rows"] if row["accuracy"]))["clips"]
        text = f"{exam['clips']:,} clips, {changed:,} in each row of sounds that were changed"
        if found := exam["open_set"]:
            text += (
                f", {found['strangers']:,} strangers ({found['setting_strangers']:,} others set thresholds)"
            )
        asked.setdefault(text, []).append(f"`{exam['model']}`")
    told = [f"{' and '.join(names)}: {text}" for text, names in asked.items()]
    return "\n".join(lines) + "\n\n" + "; ".join(told) + ".\n"


def rarely_heard() -> str:
    """The words that the default model mostly misses."""
    found = next(result for result in read("results") if result["model"] == "default")
    missed = [word for word in found["words"] if word["clips"] and word["recall"] < RARELY_HEARD]
    if not missed:
        return ""
    missed.sort(key=lambda word: float(word["recall"]))
    each = [f"*{word['word']}* {round(word['recall'] * word['clips'])} of {word['clips']}" for word in missed]
    return f"Words with next to no training recordings it hardly knows: {', '.join(each)}.\n"


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
