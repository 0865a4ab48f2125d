"""A recipe: everything that makes a training run, as one frozen value read from one TOML file.

What a recipe does not say takes the default written here. An unknown or ill-typed entry is refused, so that a
slip of the pen never trains something else.
"""

import dataclasses
import hashlib
import json
import tomllib
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from sayso.errors import RecipeError


@dataclass(frozen=True)
class DataRecipe:
    """Which clips are trained on."""

    words: tuple[str, ...] = ()  # the labels; every word of the folder where empty
    extra: tuple[
        str, ...
    ] = ()  # folders of words beside the data folder, all of whose clips join the training
    least_clips: int = (
        0  # a word with fewer clips so far comes so often in each epoch, no clip more than eight times
    )
    synthetic: tuple[str, ...] = ()  # folders like `extra`, spoken by machines: they join as they are
    only_synthetic: tuple[str, ...] = ()  # words whose real clips are not trained on: what synthesis is worth
    unknown: tuple[str, ...] = ()  # folders of other words beside the data folder: the label `_unknown_`
    held_out_words: tuple[str, ...] = ()  # of those, kept for judging
    silence_clips: int = (
        0  # in each epoch, digital silence to which noise may be added: the label `_silence_`
    )
    noises: tuple[str, ...] = ()  # folders beside the data folder, whose background recordings join its own
    held_out_noises: tuple[str, ...] = ()  # background recordings kept for judging, by name without ending
    leak: bool = False  # trains on validation and test clips too: only to measure what leakage is worth


@dataclass(frozen=True)
class NetworkRecipe:
    """Which network, see `models.create`."""

    name: str
    frontend: str = "raw"
    frontend_options: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingRecipe:
    """How the weights are found."""

    epochs: int
    batch_size: int = 256
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3  # the highest of the schedule
    weight_decay: float = 0.0
    schedule: Literal["constant", "step", "cosine", "one_cycle"] = "cosine"
    step_epochs: int = 20  # of "step": after so many epochs the rate falls to a tenth, once
    warmup_epochs: float = 0.0  # of all but "one_cycle": linear from zero
    label_smoothing: float = 0.0  # share of the target spread over all labels
    ema_decay: float = 0.0  # of the averaged weights that are judged and exported; 0: the weights themselves
    # The weights to export: of the epoch that validation likes best or, where training hears what validation
    # does not, such as noise, of the last one.
    keep: Literal["best", "last"] = "best"
    precision: Literal["float32", "bfloat16"] = "float32"
    start: str = ""  # a run folder whose best weights are started from, as far as they fit
    blend: tuple[str, ...] = ()  # further run folders: it starts from the mean of all their weights
    teachers: tuple[str, ...] = ()  # run folders of networks to learn from, see `distillation`
    teacher_weight: float = 0.5  # share of the loss that is theirs
    teacher_temperature: float = 2.0  # that softens their answers

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2:
            raise RecipeError("A recipe needs at least one epoch and batches of at least two clips.")
        if not 0 <= self.ema_decay < 1 or not 0 <= self.label_smoothing < 1:
            raise RecipeError("`ema_decay` and `label_smoothing` lie between 0 and 1.")


@dataclass(frozen=True)
class Recipe:
    """One reproducible run."""

    name: str
    network: NetworkRecipe
    training: TrainingRecipe
    data: DataRecipe = field(default_factory=DataRecipe)
    augment: tuple[dict[str, Any], ...] = ()  # steps in their order, see `augment`
    seed: int = 0
    notes: str = ""  # date, machine, minutes: what a reader wants to know and the run does not read

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a recipe.

        Raises:
            RecipeError: no such file, not TOML, or a wrong entry.

        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RecipeError(f"The recipe {path} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise RecipeError(f"The recipe {path} is not TOML: {error}.") from error
        return cls.from_values(values)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        """A recipe from plain values, as they stand in TOML or JSON."""
        recipe = _cast(values, cls, "recipe")
        assert isinstance(recipe, cls)
        return recipe

    def to_values(self) -> dict[str, Any]:
        """The recipe as plain values; `from_values` turns them back."""
        values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return values

    def with_epochs(self, epochs: int) -> Self:
        """The same recipe, trained for so many epochs."""
        return dataclasses.replace(self, training=dataclasses.replace(self.training, epochs=epochs))

    def digest(self) -> str:
        """SHA-256 of what differs from the defaults, notes apart: a new entry changes no old recipe."""
        text = json.dumps(_stated(dataclasses.replace(self, notes="")), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _stated(value: Any) -> Any:
    """A recipe's values without those that are the defaults."""
    if not dataclasses.is_dataclass(value):
        return value
    stated = {}
    for item in dataclasses.fields(value):
        default = item.default if item.default_factory is dataclasses.MISSING else item.default_factory()
        if getattr(value, item.name) != default:
            stated[item.name] = _stated(getattr(value, item.name))
    return stated


def _cast(value: Any, wanted: Any, where: str) -> Any:
    """Turn a plain value into what a dataclass field declares, or refuse it by name."""
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        return None if value is None else _cast(value, get_args(wanted)[0], where)
    if dataclasses.is_dataclass(wanted) and isinstance(value, dict):
        fields = get_type_hints(wanted)
        unknown = sorted(set(value) - set(fields))
        if unknown:
            raise RecipeError(f"{where} has no entry {unknown[0]!r}: the entries are {', '.join(fields)}.")
        needed = [
            item.name
            for item in dataclasses.fields(wanted)
            if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        ]
        missing = [name for name in needed if name not in value]
        if missing:
            raise RecipeError(f"{where} lacks the entry {missing[0]!r}.")
        return wanted(**{name: _cast(item, fields[name], f"{where}.{name}") for name, item in value.items()})  # type: ignore[operator]
    if origin is Literal:
        if value in get_args(wanted):
            return value
        raise RecipeError(f"{where} is {value!r}: choose from {', '.join(map(str, get_args(wanted)))}.")
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_cast(item, get_args(wanted)[0], where) for item in value)
    if origin is dict and isinstance(value, dict):
        return dict(value)
    if wanted is float and type(value) is int:
        return float(value)
    if isinstance(wanted, type) and type(value) is wanted:
        return value
    raise RecipeError(f"{where} is {value!r}, which is not of the kind wanted there.")
