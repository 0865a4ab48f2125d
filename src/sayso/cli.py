"""The command line: each command parses, calls one function and prints.

A user's mistake is one sentence and exit code 2. What a command needs is imported inside it, so that `sayso
recognize` never waits for torch.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import click

import sayso
from sayso.errors import SaysoError

FILE = click.Path(path_type=Path)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
model_option = click.option("--model", default=None, help="A model that ships with sayso, or a model file.")
data_option = click.option(
    "--data",
    type=FILE,
    envvar="SAYSO_DATA",
    default="data/speech_commands",
    show_default=True,
    help="Folder of words; also the variable SAYSO_DATA.",
)


class Commands(click.Group):
    """A group whose commands end with exit code 2 and one sentence where the user can mend what is wrong."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except SaysoError as error:
            raise click.UsageError(str(error)) from error
        except ModuleNotFoundError as error:
            extra = dict.fromkeys(("torch", "onnx", "tensorboard", "matplotlib"), "train").get(
                (error.name or "").split(".")[0]
            )
            if extra is None:
                raise
            raise click.UsageError(
                f"This needs more than listening does: pip install 'sayso[{extra}]'."
            ) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(sayso.__version__, prog_name="sayso")
def main() -> None:
    """Recognise spoken commands."""


@main.command()
@click.argument("files", nargs=-1, required=True)
@model_option
@click.option(
    "-k", "top", default=3, show_default=True, type=click.IntRange(1), help="How many alternatives."
)
@json_option
def recognize(files: tuple[str, ...], model: str | None, top: int, as_json: bool) -> None:
    """Print the word in each recording FILE, and how sure it is."""
    recognizer = sayso.load(model)
    failed = False
    for file in files:
        try:
            answer = dataclasses.asdict(recognizer.recognize(file, top=top))
        except SaysoError as error:
            failed = True
            answer = {"error": {"code": error.code, "message": str(error)}}
        if as_json:
            model_named = {"model": recognizer.card.name, "digest": recognizer.digest}
            click.echo(json.dumps({"file": file, **answer, **model_named}, ensure_ascii=False))
        elif "error" in answer:
            click.echo(f"{file}: {answer['error']['message']}", err=True)
        else:
            heard = ", ".join(f"{one['word']} {one['confidence']:.0%}" for one in answer["alternatives"])
            click.echo(f"{file}: {heard}" + ("" if answer["accepted"] else "  (not sure)"))
    if failed:
        sys.exit(2)


@main.command()
@click.option(
    "--file", help="A recording of any length, or - for raw 16-bit mono on stdin; else the microphone."
)
@click.option(
    "--rate", default=16_000, show_default=True, type=click.IntRange(4_000, 192_000), help="Of stdin."
)
@model_option
@click.option("--exec", "command", help="Run this for each word, with SAYSO_WORD and SAYSO_CONFIDENCE set.")
@json_option
def listen(file: str | None, rate: int, model: str | None, command: str | None, as_json: bool) -> None:
    """Print each word as it is heard; Ctrl-C ends."""
    from sayso.live import listen_and_print

    recognizer = sayso.load(model)
    listen_and_print(recognizer, file=file, sample_rate=rate, command=command, as_json=as_json)


@main.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--workers", type=int, help="Processes.")
@model_option
@click.option("--config", type=FILE, help="TOML file of settings; also the variable SAYSO_SETTINGS.")
def serve(config: Path | None, **chosen: Any) -> None:
    """Serve the page and the HTTP API."""
    from sayso.web.server import serve as run_server
    from sayso.web.settings import Settings

    run_server(Settings.read(config, **chosen))


@main.command()
@json_option
def models(as_json: bool) -> None:
    """List the models that ship with sayso."""
    for name in sayso.recognizer.bundled():
        card = sayso.load(name).card
        if as_json:
            click.echo(card.to_json())
        else:
            click.echo(f"{name}: {len(card.words)} words, {card.parameters:,} parameters; {card.trained_on}")


@main.command()
@click.argument("recipe", type=FILE)
@data_option
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's number.")
@click.option("--out", type=FILE, help="Run folder; runs/NAME by default. One that exists is gone on with.")
def train(recipe: Path, data: Path, epochs: int | None, out: Path | None) -> None:
    """Train the network of a RECIPE."""
    from sayso.training.recipe import Recipe
    from sayso.training.train import train as train_recipe

    wanted = Recipe.read(recipe)
    if epochs is not None:
        wanted = wanted.with_epochs(epochs)
    run = train_recipe(wanted, data, out or Path("runs") / wanted.name)
    best = max(run.metrics(), key=lambda line: line["validation_accuracy"])
    click.echo(f"{run.folder}: {best['validation_accuracy']:.2%} on validation, in epoch {best['epoch']}")


@main.command()
@click.argument("runs", nargs=-1, required=True, type=FILE)
@data_option
@json_option
@click.option("-o", "output", type=FILE, help="Folder for compare.md, compare.json and compare.svg.")
def compare(runs: tuple[Path, ...], data: Path, as_json: bool, output: Path | None) -> None:
    """Put RUNs side by side: accuracy on validation, and what they cost."""
    from sayso.training.compare import compare as compare_runs

    found = compare_runs(runs, data)
    if output is not None:
        found.write(output)
    click.echo(json.dumps(found.rows, indent=2) if as_json else f"{found.markdown()}\n\n{found.legend()}")


@main.command()
@click.argument("recipes", type=FILE, default="recipes/experiments")
@data_option
@click.option("--runs", type=FILE, default="runs/experiments", show_default=True, help="The run folders.")
@click.option("--results", type=FILE, default="results/experiments", show_default=True, help="The figures.")
def experiments(recipes: Path, data: Path, runs: Path, results: Path) -> None:
    """Train and measure all RECIPES of a folder; called again, it goes on. Exit 1 where one failed."""
    from sayso.training.queue import work

    failed = []
    for outcome in work(recipes, data, runs, results):
        click.echo(f"{outcome.name}: {outcome.kind}, {outcome.sentence}")
        if outcome.kind == "failed":
            failed.append(outcome.name)
    if failed:
        click.echo(f"{len(failed)} failed: {', '.join(failed)}", err=True)
        sys.exit(1)


@main.command()
@click.argument("run", type=FILE)
@click.option("-o", "output", type=FILE, required=True, help="The model file to write.")
@click.option("--strangers", multiple=True, type=FILE, help="Folders of other words: sets the threshold.")
@data_option
def export(run: Path, output: Path, strangers: tuple[Path, ...], data: Path) -> None:
    """Write the network of a RUN as a model file."""
    from sayso.training.export import export as export_run
    from sayso.training.run import Run

    card = export_run(Run.open(run), output, data, strangers)
    click.echo(f"{output}: {len(card.labels)} labels, {card.figures[0].value:.2%} on validation")


@main.command()
@click.argument("model")
@click.argument("folder", type=FILE, envvar="SAYSO_DATA", default="data/speech_commands")
@click.option("--split", type=click.Choice(["testing", "validation"]), default="testing", show_default=True)
@click.option("--write-card", is_flag=True, help="Write the figures into the model file's card.")
@click.option(
    "--report", "output", type=FILE, help="The whole exam, into this folder; called again, it goes on."
)
@click.option("--strangers", type=FILE, help="For the exam: a folder of words that the model is not to know.")
@click.option("--quick", "audit_clips", type=click.IntRange(1), help="For the exam: clips an audit row.")
@json_option
def evaluate(
    model: str, folder: Path, split: Any, write_card: bool, output: Path | None, as_json: bool, **exam: Any
) -> None:
    """Judge a MODEL on the clips of a FOLDER of words."""
    from sayso.training import judge

    if any(exam.values()) if output is None else write_card:
        raise click.UsageError("--strangers and --quick need --report, and --write-card goes without it.")
    if output is None:
        report = judge.evaluate(model, folder, split, write_card=write_card)
        text = judge.in_words(report)
    else:
        report = judge.examine(model, folder, split, output, **exam)
        text = f"{output / 'report.html'} is complete."
    click.echo(json.dumps(report, indent=2) if as_json else text)


@main.command()
@click.argument("words", nargs=-1)
@click.option("-o", "output", type=FILE, required=True, help="Folder in which each word gets its own.")
@click.option(
    "--clips", default=20, show_default=True, type=click.IntRange(1), help="Recordings of each word."
)
@click.option("--common", is_flag=True, help="Add hundreds of common English words, as strangers' speech.")
@click.option("--seed", default=0, show_default=True)
def synthesize(words: tuple[str, ...], output: Path, clips: int, common: bool, seed: int) -> None:
    """Make recordings of WORDS in many synthetic voices (with espeak-ng or flite)."""
    from sayso.training.synthesis import common_words
    from sayso.training.synthesis import synthesize as speak

    wanted = [*words, *(common_words() if common else [])]
    if not wanted:
        raise click.UsageError("Name the words to be spoken, or give --common.")
    click.echo(f"{output}: {speak(wanted, output, clips=clips, seed=seed):,} recordings made")


@main.group()
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
