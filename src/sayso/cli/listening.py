"""Commands that hear: recognize, listen, serve, models."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import click

import sayso
from sayso.cli.options import FILE, json_option, model_option
from sayso.errors import SaysoError
from sayso.recognizer import bundled


@click.command()
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


@click.command()
@click.option(
    "--file", help="A recording of any length, or - for raw 16-bit mono on stdin; else the microphone."
)
@click.option(
    "--rate", default=16_000, show_default=True, type=click.IntRange(4_000, 192_000), help="Of stdin."
)
@model_option
@click.option("--word", "words", multiple=True, help="Report this word only; may be given more than once.")
@click.option(
    "--threshold", type=click.FloatRange(0, 1, min_open=True), help="How probable a word must be; 0.5."
)
@click.option("--exec", "command", help="Run this for each word, with SAYSO_WORD and SAYSO_CONFIDENCE set.")
@json_option
def listen(
    file: str | None,
    rate: int,
    model: str | None,
    words: tuple[str, ...],
    threshold: float | None,
    command: str | None,
    as_json: bool,
) -> None:
    """Print each word as it is heard; Ctrl-C ends."""
    from sayso.listening import settings_for
    from sayso.live import listen_and_print

    recognizer = sayso.load(model)
    settings = settings_for(recognizer.card, words or None)
    if threshold is not None:
        settings = dataclasses.replace(settings, threshold=threshold)
    listen_and_print(
        recognizer,
        file=file,
        sample_rate=rate,
        settings=settings,
        command=command,
        as_json=as_json,
    )


@click.command()
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


@click.command()
@json_option
def models(as_json: bool) -> None:
    """List the models that ship with sayso."""
    for name in bundled():
        card = sayso.load(name).card
        if as_json:
            click.echo(card.to_json())
        else:
            click.echo(f"{name}: {len(card.words)} words, {card.parameters:,} parameters; {card.trained_on}")
