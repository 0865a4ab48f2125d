"""Commands that look after recordings: synthesize, data download, data check, data summary."""

import dataclasses
import json
import sys
from pathlib import Path

import click

import sayso
from sayso.cli.options import FILE, json_option, model_option


@click.command()
@click.argument("words", nargs=-1)
@click.option("-o", "output", type=FILE, required=True, help="Folder in which each word gets its own.")
@click.option(
    "--clips", default=20, show_default=True, type=click.IntRange(1), help="Recordings of each word."
)
@click.option("--common", is_flag=True, help="Add hundreds of common English words, as strangers' speech.")
@click.option(
    "--phrases",
    "count",
    type=click.IntRange(1),
    help="Say so many phrases of some of these words each, as running speech, and not the words.",
)
@click.option("--seed", default=0, show_default=True)
def synthesize(
    words: tuple[str, ...], output: Path, clips: int, common: bool, count: int | None, seed: int
) -> None:
    """Make recordings of WORDS in many synthetic voices (with espeak-ng, flite, festival)."""
    from sayso.training.synthesis import common_words, phrases
    from sayso.training.synthesis import synthesize as speak

    wanted = [*words, *(common_words() if common else [])]
    if not wanted:
        raise click.UsageError("Name the words to be spoken, or give --common.")
    if count:
        wanted = phrases(wanted, count, seed)
    click.echo(f"{output}: {speak(wanted, output, clips=clips, seed=seed):,} recordings made")


@click.group()
def data() -> None:
    """Look after recordings."""


@data.command()
@click.argument("folder", type=FILE, default="data/speech_commands")
def download(folder: Path) -> None:
    """Fetch the whole of Speech Commands v0.02 (2.3 GB) into FOLDER; called again, it goes on."""
    from sayso.training.speech_commands import download as fetch

    click.echo(f"{fetch(folder)} is complete.")


@data.command()
@click.argument("folder", type=FILE, envvar="SAYSO_DATA", default="data/speech_commands")
@model_option
@json_option
def check(folder: Path, model: str | None, as_json: bool) -> None:
    """Find leaks between splits, and bad recordings, in a FOLDER of words; exit 1 where there are leaks.

    With --model, also recordings that the model is sure hold another of its words.
    """
    from sayso.training.cache import load_folder
    from sayso.training.check import check as find_faults

    recognizer = sayso.load(model) if model else None
    score = recognizer.probabilities if recognizer else None
    report = find_faults(
        load_folder(folder), score=score, labels=recognizer.card.labels if recognizer else ()
    )
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(report), indent=2))
    else:
        for finding in report.findings:
            click.echo(f"{finding.kind}: {finding.sentence}")
        click.echo(
            f"{report.clips:,} clips, {len(report.findings):,} findings, {len(report.leaks):,} of them leaks"
        )
    sys.exit(1 if report.leaks else 0)


@data.command()
@click.argument("folder", type=FILE, envvar="SAYSO_DATA", default="data/speech_commands")
@json_option
def summary(folder: Path, as_json: bool) -> None:
    """Count the clips and speakers of each word and split of a FOLDER of words."""
    from sayso.training.cache import load_folder
    from sayso.training.summary import summarise

    found = summarise(load_folder(folder))
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), indent=2))
        return
    click.echo(f"{'word':16}{'training':>10}{'validation':>12}{'testing':>10}{'speakers':>10}")
    for word in found.words:
        counts = f"{word.training:>10,}{word.validation:>12,}{word.testing:>10,}"
        click.echo(f"{word.word:16}{counts}{word.speakers:>10,}")
