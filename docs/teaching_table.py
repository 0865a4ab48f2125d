"""The table of how well taught words are heard, from results/teaching/new_words.json."""

from typing import Any

from sayso.evaluation.report_sections import interval

Values = dict[str, Any]

SAME, TEN, FIVE = (
    "5 recordings, same speakers",
    "10 recordings, other speakers",
    "5 recordings, other speakers",
)
HALF = "5 words of 10 recordings, the other 5 strangers"
BESIDE = "10 words beside the model's own"
LESSON = "seconds of a lesson, embedding apart"
VOICES = "synthetic voices and {} recordings, other speakers"
CARD = "at the card's threshold"

# What a row is called, where its figure stands, and the bar we set ourselves.
ROWS: tuple[tuple[str, str, str, str], ...] = (
    (f"{SAME}, closed set", SAME, "closed set", "≥ 97 %"),
    (f"{TEN}, closed set", TEN, "closed set", "≥ 90 %"),
    (f"{FIVE}, closed set", FIVE, "closed set", ""),
    (
        "10 of others, right at 5 % false accepts of *view glass*",
        TEN,
        "right at 5% false accepts, held_out_strangers",
        "≥ 85 %",
    ),
    ("the same, of the network's own words", TEN, "right at 5% false accepts, known words", "≥ 85 %"),
    ("the same, of synthetic strangers", TEN, "right at 5% false accepts, synthetic_strangers", "≥ 85 %"),
    ("AUROC against *view glass*", TEN, "AUROC, held_out_strangers", "≥ 0.96"),
    ("AUROC against the network's own words", TEN, "AUROC, known words", "≥ 0.96"),
    ("five words taught, the five others strangers: AUROC", HALF, "AUROC, unknown words", "≥ 0.96"),
    ("the same: right at 5 % false accepts", HALF, "right at 5% false accepts, unknown words", "≥ 85 %"),
    ("10 of others, right and accepted at the card's threshold", TEN, f"accepted {CARD}", ""),
    ("false accepts there, set for 5 %: *view glass*", TEN, f"false accepts {CARD}, held_out_strangers", ""),
    ("false accepts there: the network's own words", TEN, f"false accepts {CARD}, known words", ""),
    ("false accepts there: synthetic strangers", TEN, f"false accepts {CARD}, synthetic_strangers", ""),
    (
        "false accepts there, five words taught: the five others",
        HALF,
        f"false accepts {CARD}, unknown words",
        "",
    ),
    ("calibration error", TEN, "calibration error", ""),
    ("40 synthetic voices a word, heard with people, closed set", VOICES.format(0), "closed set", ""),
    ("the same and 3 recordings", VOICES.format(3), "closed set", ""),
    ("own words lost when ten are taught beside them", BESIDE, "own words lost", "≤ 0.5 %"),
    ("the ten among all 35", BESIDE, "new words among all", ""),
    ("a lesson of 10 words, 10 recordings each, already embedded", TEN, LESSON, ""),
)


def table(result: Values) -> str:
    """The table in Markdown."""
    lines = [
        "| ten new words | | bar |",
        "|---|---|---|",
    ]
    for name, section, figure, bar in ROWS:
        lines.append(f"| {name} | {_cell(figure, result[section][figure])} | {bar} |")
    return "\n".join(lines) + "\n"


def _cell(figure: str, found: Values) -> str:
    if figure.startswith(("AUROC", "calibration")):
        return f"{found['value']:.3f} ({found['low']:.3f}–{found['high']:.3f})"
    if figure == LESSON:
        return f"{found['value']:.2f} s"
    return interval(found)
