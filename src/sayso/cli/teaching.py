"""Commands around words of one's own: teach, record, words, remember."""

import dataclasses
import json
import tempfile
from pathlib import Path

import click

from sayso.cli.options import FILE, json_option, model_option
from sayso.errors import TeachingError
from sayso.recognizer import read_model
from sayso.training.atomic import write_atomically


@click.command()
@click.argument("folder", type=FILE, required=False)
@click.option("-o", "output", type=FILE, required=True, help="The model file to write.")
@model_option
@click.option("--beside", is_flag=True, help="Keep the words that the model knows, too.")
@click.option("--text", "texts", multiple=True, help="Teach these words from synthetic voices, too.")
@click.option("--voices", default=40, show_default=True, type=click.IntRange(3, 200), help="Of each --text.")
@click.option(
    "--false-accepts",
    type=click.FloatRange(0.001, 0.5),
    help="Share of other speech that may pass for a new word; 0.05 where words are taught alone.",
)
@json_option
def teach(
    folder: Path | None,
    output: Path,
    model: str | None,
    beside: bool,
    texts: tuple[str, ...],
    voices: int,
    false_accepts: float | None,
    as_json: bool,
) -> None:
    """Teach a model the words of a FOLDER: a folder of recordings for each, three or more, better ten."""
    from sayso.teaching import teach as teach_words
    from sayso.teaching.collection import Collection, read_folder

    if folder is None and not texts:
        raise click.UsageError("Name the folder of recordings, or give words as --text.")
    base = read_model(model)
    recordings = read_folder(folder) if folder is not None else Collection()
    with tempfile.TemporaryDirectory() as scratch:
        if texts:
            from sayso.training.synthesis import synthesize

            synthesize(texts, Path(scratch), clips=voices)
            for word, spoken in read_folder(Path(scratch)).words.items():
                for name, source in spoken:
                    recordings.add(word, name, source)
        taught = teach_words(
            base,
            recordings.words,
            not_words=recordings.not_words,
            beside=beside,
            name=output.stem,
            false_accept_rate=false_accepts,
        )
    _save(output, taught.content)
    if as_json:
        click.echo(json.dumps({"model": str(output), **dataclasses.asdict(taught.report)}))
    else:
        click.echo("\n".join([*taught.report.sentences(), f"{output} is written."]))


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("-o", "folder", type=FILE, default="my-words", show_default=True, help="Where they are saved.")
@click.option("--takes", default=5, show_default=True, type=click.IntRange(1, 100), help="Of each word.")
@click.option("--speaker", default="me", show_default=True, help="Who speaks: part of the files' names.")
@click.option("--seconds", default=1.5, show_default=True, type=click.FloatRange(0.5, 10), help="Of a take.")
@click.option("--device", help="Number or name of the microphone.")
@click.option("--replay", is_flag=True, help="Play each take.")
def record(
    words: tuple[str, ...],
    folder: Path,
    takes: int,
    speaker: str,
    seconds: float,
    device: str | None,
    replay: bool,
) -> None:
    """Record WORDS with the microphone, take by take, each checked; called again, it adds takes."""
    from sayso.microphone import open_microphone, play
    from sayso.teaching.recording import Session

    chosen = int(device) if device and device.isdigit() else device
    session = Session(folder, speaker, seconds, tell=lambda text: click.echo(text, err=True))
    with open_microphone(chosen) as (chunks, rate):
        for path in session.record(words, takes, chunks, rate, play if replay else None):
            click.echo(path)


@click.command()
@click.argument("model")
@click.option("--remove", "removed", multiple=True, metavar="WORD", help="Forget a word.")
@click.option(
    "--rename", "renamed", nargs=2, multiple=True, metavar="OLD NEW", help="Give a word another name."
)
def words(model: str, removed: tuple[str, ...], renamed: tuple[tuple[str, str], ...]) -> None:
    """Print the words of a MODEL; remove or rename some, in its file."""
    from sayso.teaching.editing import remove_word, rename_word
    from sayso.teaching.model_file import ModelFile

    content = read_model(model)
    if (removed or renamed) and not model.endswith(".onnx"):
        raise TeachingError(f"{model} ships with sayso and stays as it is: name a model file of your own.")
    for word in removed:
        content = remove_word(content, word)
    for old, new in renamed:
        content = rename_word(content, old, new)
    if removed or renamed:
        _save(Path(model), content)
    for word in ModelFile.read(content).card.words:
        click.echo(word)


@click.command()
@click.argument("model", type=FILE)
@click.argument("folder", type=FILE, envvar="SAYSO_DATA", default="data/speech_commands")
@click.option("--strangers", multiple=True, type=FILE, help="Folders of other words; half of each is taken.")
def remember(model: Path, folder: Path, strangers: tuple[Path, ...]) -> None:
    """Write into a MODEL file what teaching stands on: embeddings of its words and of strangers."""
    from sayso.teaching.model_file import ModelFile
    from sayso.training.remembering import remember as write_memory

    content = write_memory(read_model(model), folder, strangers)
    _save(model, content)
    memory = ModelFile.read(content).memory
    assert memory is not None
    click.echo(f"{model}: {len(memory.labels):,} embeddings, {len(content):,} bytes")


def _save(path: Path, content: bytes) -> None:
    try:
        write_atomically(path, content)
    except OSError as error:
        raise TeachingError(f"{path} cannot be written: {error.strerror}.") from error
