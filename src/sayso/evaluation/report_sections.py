"""The report of an exam in words and tables, before it becomes Markdown or a page."""

from dataclasses import dataclass
from typing import Any

Values = dict[str, Any]

_WORST_STRANGERS = 10


@dataclass(frozen=True)
class Table:
    """A table; the first column names the row."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    folded: bool = False  # behind a click, on the page


@dataclass(frozen=True)
class Section:
    """One section of the exam."""

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[tuple[str, str], ...] = ()  # name and caption


def subtitle(report: Values) -> str:
    """What was asked, in a line."""
    return (
        f"{report['clips']:,} clips of {report['speakers']:,} speakers ({report['data']}, {report['split']} "
        f"split). Intervals are 95 %, a bootstrap over speakers. Model {report['digest'][:12]}."
    )


def headlines(report: Values) -> list[tuple[str, str]]:
    """The few figures that say most, each with its name."""
    closed, found = report["closed_set"], report["open_set"]
    result = [("accuracy, all words", percent(closed["accuracy"]["value"]))]
    if closed["covered"]:
        name = f"accuracy, {closed['covered_words']} covered words"
        result.append((name, percent(closed["covered"]["value"])))
    worst = next(row for row in report["audit"]["rows"] if row["name"] == report["audit"]["worst"])
    result.append((f"worst in the audit: {worst['name']}", percent(_best_known(worst)["value"])))
    if found:
        result.append(("AUROC, words against strangers", f"{found['auroc']:.3f}"))
    result.append(("calibration error", f"{report['calibration']['after']['error']:.3f}"))
    result.append(("a second of sound, one thread", f"{report['speed']['milliseconds']:.2f} ms"))
    return result


def sections(report: Values) -> list[Section]:
    """All sections that could be asked, in order."""
    asked = [_closed_set(report), _twelve(report), _audit(report), _open_set(report)]
    return [*(section for section in asked if section), _calibration(report), _speed(report)]


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a reader wants it."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def interval(values: Values | None) -> str:
    """A share with its interval."""
    if values is None:
        return "–"
    return f"{percent(values['value'])} ({100 * values['low']:.1f}–{100 * values['high']:.1f})"


def _row(name: str, values: Values) -> tuple[str, ...]:
    return name, interval(values), f"{values['clips']:,}"


def _closed_set(report: Values) -> Section:
    closed = report["closed_set"]
    rows = [_row("all words", closed["accuracy"])]
    if closed["covered"]:
        rows.append(_row(f"{closed['covered_words']} covered words", closed["covered"]))
    rows.append(("balanced: mean recall of the words", percent(closed["balanced_accuracy"]), ""))
    rows.append(
        ("answered *silence* or *another word* where that is allowed", percent(closed["refused"]), "")
    )
    words = [word for word in closed["words"] if word["clips"] or word["precision"] is not None]
    words.sort(key=lambda word: (word["recall"] is None, word["recall"]))
    each = tuple(
        (word["word"], percent(word["recall"]), percent(word["precision"]), f"{word['clips']:,}")
        for word in words
    )
    return Section(
        "Words it knows",
        (
            "The answer is the likeliest of the words.",
            *(
                ("Covered words are those with 300 or more recordings in training.",)
                if closed["covered"]
                else ()
            ),
        ),
        (
            Table(("", "accuracy", "clips"), tuple(rows)),
            Table(
                ("word", "recall", "precision", "clips"), each, "Word by word, the worst first", folded=True
            ),
        ),
        (("confusion", "What was said (rows) and what was answered (columns), in shares of what was said."),),
    )


def _twelve(report: Values) -> Section | None:
    twelve = report["twelve"]
    if not twelve:
        return None
    recalls = [(f"recall of {word['word']}", percent(word["recall"]), f"{word['clips']:,}")
               for word in twelve["labels"] if word["word"].startswith("_") and word["clips"]]  # fmt: skip
    rows = (
        _row("ten commands, any answer", twelve["commands"]),
        _row("ten commands, best of the ten", twelve["forced"]),
        _row("twelve labels, all clips", twelve["everything"]),
        ("twelve labels, balanced", percent(twelve["balanced_accuracy"]), ""),
        *recalls,
    )
    told = (
        "yes, no, up, down, left, right, on, off, stop, go; every other word is unknown, whatever word the "
        "model takes it for. Published tables draw a tenth of their clips from the unknown words; here all "
        "of them are asked."
    )
    return Section("The field's twelve labels", (told,), (Table(("", "accuracy", "clips"), rows),))


def _best_known(row: Values) -> Values:
    values: Values = row["covered"] or row["accuracy"]
    return values


def _audit(report: Values) -> Section:
    audit = report["audit"]
    rows = [row for row in audit["rows"] if row["accuracy"]]
    asked = (rows[0]["covered"] or rows[0]["accuracy"])["clips"]
    told = [
        f"The same {audit['clips']:,} clips in every row ({asked:,} of them hold covered words), drawn by "
        "seed and changed as other microphones, rooms and lines change them; the answer is the likeliest of "
        "the words, and *refused* is how often another label was likelier still. The worst row, noise below "
        f"10 dB aside, is {audit['worst']}.",
        "Levels are clipped at full scale. The echoes are 6 and 12 dB below the voice; the reverberation is "
        "as loud as the direct sound. Signal-to-noise ratios compare mean powers over the whole clip. Babble "
        "is six other speakers at once; background is any of the recorded kinds of noise, which follow one "
        "by one; chords, clatter and engine are generated for judging alone. What lasts longer is lower, "
        "too.",
        *(row["missing"] for row in audit["rows"] if row["missing"]),
    ]
    quiet = tuple(
        (
            row["name"],
            interval(row["accuracy"]),
            f"{100 * row['change']['value']:+.1f}",
            interval(row["covered"]),
            percent(row["refused"]),
        )
        for row in rows
        if row["noise"] is None
    )
    tables = [Table(("condition", "all words", "points from clean", "covered words", "refused"), quiet)]
    if rows[0]["covered"]:
        tables.append(_noises(audit, "covered", "Noise, covered words"))
    tables.append(_noises(audit, "accuracy", "Noise, all words", folded=bool(rows[0]["covered"])))
    plots = (
        ("audit", "Accuracy under each condition; the line is the accuracy on unchanged clips."),
        ("noise", "Accuracy by signal-to-noise ratio, for each kind of noise."),
    )
    return Section("Other people's microphones", tuple(told), tuple(tables), plots)


def _noises(audit: Values, figure: str, title: str, *, folded: bool = False) -> Table:
    """Kinds of noise by their ratios."""
    rows = [row for row in audit["rows"] if row["accuracy"]]
    noisy = {(row["noise"], row["snr_db"]): row[figure] for row in rows if row["noise"] is not None}
    kinds, ratios = dict.fromkeys(kind for kind, _ in noisy), dict.fromkeys(ratio for _, ratio in noisy)
    heard = {row["noise"]: row["trained_with"] for row in rows}
    cells = [
        (
            kind.replace("_", " "),
            {True: "yes", False: "no", None: "not known"}[heard[kind]],
            *(interval(noisy.get((kind, ratio))) for ratio in ratios),
        )
        for kind in kinds
    ]
    if audit["unheard_noise"]:
        means = {values["snr_db"]: values[figure] for values in audit["unheard_noise"]}
        cells.append(
            ("mean of those not trained with", "no", *(interval(means.get(ratio)) for ratio in ratios))
        )
    heads = ("noise", "trained with", *(f"{ratio:g} dB" for ratio in ratios))
    return Table(heads, tuple(cells), title, folded)


def _open_set(report: Values) -> Section | None:
    found = report["open_set"]
    if not found:
        return None
    rows = [
        (
            f"{percent(point['wanted_false_accepts'], 0)}, set on {point['set_on']}"
            if point["wanted_false_accepts"] is not None
            else "the model's own threshold",
            interval(point["false_accepts_interval"]),
            f"{point['threshold']:.4f}",
            interval(point["correct"]),
            interval(point["correct_covered"]),
        )
        for point in found["points"]
    ]
    own = found["points"][-1]["false_accepts_by_source"]
    sources = tuple(
        (source, f"{values['clips']:,}", f"{found['auroc_by_source'][source]:.4f}", interval(values))
        for source, values in own.items()
    )
    told = [
        f"{found['strangers']:,} clips of speech outside the vocabulary. AUROC, the chance that a clip with "
        f"a word is surer than a stranger's: {found['auroc']:.4f}"
        + (f", covered words {found['auroc_covered']:.4f}" if found["auroc_covered"] else "")
        + "."
    ]
    if found["setting_strangers"]:
        told.append(
            f"{found['setting_strangers']:,} other strangers set the thresholds: none of their clips judges, "
            "nor any of their speakers, as far as these are named, nor any of their words, where a folder "
            "has more than one. A threshold lets no folder's strangers pass more often than wanted. For "
            "comparison with published figures, it is also set on the very strangers it is judged by."
        )
    if not found["speakers_known"]:
        told.append("No speaker is named twice: the same people may be in both halves.")
    worst = sorted(found["accepted_by_word"].items(), key=lambda item: -item[1])[:_WORST_STRANGERS]
    by_word = tuple((word, percent(share)) for word, share in worst)
    heads = ("false accepts wanted", "found", "threshold", "right and accepted, all words", "covered words")
    return Section(
        "Strangers",
        tuple(told),
        (
            Table(heads, tuple(rows)),
            Table(("strangers", "clips", "AUROC", "accepted at its own threshold"), sources),
            Table(
                ("word", "accepted"), by_word, "What it accepts most often at 5 % false accepts", folded=True
            ),
        ),
        (("det", "Words rejected against strangers accepted, on normal-deviate axes."),),
    )


def _calibration(report: Values) -> Section:
    rows = tuple(
        (
            name,
            f"{values['temperature']:.3f}",
            f"{values['error']:.4f}",
            f"{values['negative_log_likelihood']:.4f}",
        )
        for name, values in report["calibration"].items()
    )
    table = Table(("", "temperature", "expected calibration error, 15 bins", "negative log-likelihood"), rows)
    caption = "Accuracy of the clips of each confidence; on the diagonal, confidence means what it says."
    return Section("Confidence", (), (table,), (("reliability", caption),))


def _speed(report: Values) -> Section:
    speed = report["speed"]
    rows = [("one window, alone, median", f"{speed['milliseconds']:.2f} ms")]
    if speed["bytes"]:
        rows.append(("file", f"{speed['bytes'] / 1000:,.0f} KB"))
    if speed["parameters"]:
        rows.append(("parameters", f"{speed['parameters']:,}"))
    return Section("Speed and size", (), (Table(("", ""), tuple(rows)),))
