"""What the commands share: options, and how mistakes are said."""

from pathlib import Path
from typing import Any

import click

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
