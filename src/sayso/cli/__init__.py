"""The command line: each command parses, calls one function and prints.

A user's mistake is one sentence and exit code 2. What a command needs is imported inside it, so that `sayso
recognize` never waits for torch.
"""

import click

import sayso
from sayso.cli import laboratory, listening, recordings, teaching
from sayso.cli.options import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(sayso.__version__, prog_name="sayso")
def main() -> None:
    """Recognise spoken commands."""


for command in (
    *(listening.recognize, listening.listen, listening.serve, listening.models),
    *(laboratory.train, laboratory.compare, laboratory.experiments, laboratory.export, laboratory.evaluate),
    *(recordings.synthesize, recordings.data),
    *(teaching.teach, teaching.record, teaching.words, teaching.remember),
):
    main.add_command(command)
