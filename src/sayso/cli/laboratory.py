"""Commands that train and judge: train, compare, experiments, export, evaluate."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from sayso.cli.options import FILE, data_option, json_option


@click.command()
@click.argument("recipe", type=FILE)
@data_option
@click.option(
    "--from", "start", type=FILE, help="A run or a model to go on from, with the words of the folder RECIPE."
)
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's number.")
@click.option("--out", type=FILE, help="Run folder; runs/NAME by default. One that exists is gone on with.")
def train(recipe: Path, data: Path, start: Path | None, epochs: int | None, out: Path | None) -> None:
    """Train the network of a RECIPE; or, with --from, fine-tune a trained one on a folder of words."""
    from sayso.training.distributed import Team
    from sayso.training.fine_tuning import fine_tuning_recipe, starting_run
    from sayso.training.recipe import Recipe
    from sayso.training.train import train as train_recipe

    if start is None:
        wanted = Recipe.read(recipe)
    else:
        folder = out or Path("runs") / recipe.name
        before = Team().leader_first(lambda: starting_run(start, recipe, folder))
        wanted, data = fine_tuning_recipe(before, recipe), recipe
    if epochs is not None:
        wanted = wanted.with_epochs(epochs)
    run = train_recipe(wanted, data, out or Path("runs") / wanted.name)
    kept = run.kept()
    click.echo(f"{run.folder}: {kept['validation_accuracy']:.2%} on validation, in epoch {kept['epoch']}")


@click.command()
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


@click.command()
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


@click.command()
@click.argument("run", type=FILE)
@click.option("-o", "output", type=FILE, required=True, help="The model file to write.")
@click.option("--strangers", multiple=True, type=FILE, help="Folders of other words: sets the threshold.")
@click.option("--int8", is_flag=True, help="Weights of eight bits: about a third of the size.")
@data_option
def export(run: Path, output: Path, strangers: tuple[Path, ...], int8: bool, data: Path) -> None:
    """Write the network of a RUN as a model file."""
    from sayso.training.export import export as export_run
    from sayso.training.run import Run

    card = export_run(Run.open(run), output, data, strangers, int8=int8)
    click.echo(f"{output}: {len(card.labels)} labels, {card.figures[0].value:.2%} on validation")


@click.command()
@click.argument("model")
@click.argument("folder", type=FILE, envvar="SAYSO_DATA", default="data/speech_commands")
@click.option("--split", type=click.Choice(["testing", "validation"]), default="testing", show_default=True)
@click.option("--write-card", is_flag=True, help="Write the figures into the model file's card.")
@click.option(
    "--report", "output", type=FILE, help="The whole exam, into this folder; called again, it goes on."
)
@click.option("--listening", type=FILE, help="How it listens, as NAME.json and NAME.svg in this folder.")
@click.option("--strangers", multiple=True, type=FILE, help="Folders of words that the model is not to know.")
@click.option("--quick", "audit_clips", type=click.IntRange(1), help="For the exam: clips an audit row.")
@json_option
def evaluate(
    model: str,
    folder: Path,
    split: Any,
    write_card: bool,
    output: Path | None,
    listening: Path | None,
    as_json: bool,
    **exam: Any,
) -> None:
    """Judge a MODEL on the clips of a FOLDER of words."""
    from sayso.training import judge, judge_listening

    if listening is not None:
        if output is not None or write_card or exam["audit_clips"]:
            raise click.UsageError("--listening goes without --report, --quick and --write-card.")
        heard = judge_listening.write(model, folder, split, exam["strangers"], listening)
        click.echo(json.dumps(heard, indent=2) if as_json else judge_listening.in_words(heard))
        return
    if any(exam.values()) if output is None else write_card:
        raise click.UsageError(
            "--strangers needs --report or --listening, --quick needs --report, --write-card neither."
        )
    if output is None:
        report = judge.evaluate(model, folder, split, write_card=write_card)
        text = judge.in_words(report)
    else:
        report = judge.examine(model, folder, split, output, **exam)
        text = f"{output / 'report.html'} is complete."
    click.echo(json.dumps(report, indent=2) if as_json else text)
