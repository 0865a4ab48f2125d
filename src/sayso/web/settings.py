"""What an operator may choose: read from a TOML file, the environment and the command line.

The environment wins over the file, an explicit argument over both. This room opens the settings file and
nothing else.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from sayso.audio import MAX_SECONDS
from sayso.errors import SettingsError
from sayso.recognizer import DEFAULT_MODEL

PREFIX = "SAYSO_"
FILE_VARIABLE = "SAYSO_SETTINGS"  # names the TOML file when no argument does
MOST_WORKERS_BY_DEFAULT = 4  # a shared machine with many cores is not taken over unasked


def _default_workers() -> int:
    """One worker for each core this process may use: recognition keeps one core busy per request."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS_BY_DEFAULT)


@dataclass(frozen=True)
class Settings:
    """A server's settings.

    Raises:
        SettingsError: a value that cannot be used; the message names the key.

    """

    host: str = "127.0.0.1"  # the address listened on; 0.0.0.0 for every address of the machine
    port: int = 4999  # 0 lets the system choose a free one
    model: str = DEFAULT_MODEL  # a model that ships with sayso, or the path of a model file
    models_folder: str = ""  # its *.onnx files are models too, by their names; none if empty
    teaching: str = "off"  # or "on": whoever may ask may add, change and delete models in that folder
    max_models: int = 100  # in that folder, by teaching
    max_teaching_bytes: int = 32_000_000  # the largest zip or form of recordings taken
    max_bytes: int = 8_000_000  # the largest recording taken: 10 s at 96 kHz, stereo, 32 bits fit
    max_seconds: float = MAX_SECONDS  # the longest recording taken
    max_waiting: int = 64  # requests with recordings taken at once, in one worker; more are refused (503)
    max_listen_seconds: float = 3600.0  # for one WebSocket that is listened to
    request_s: float = 30.0  # for a request to arrive, and again to be answered
    rate_limit: str = ""  # for each client, such as "120/minute"; none if empty
    rate_storage: str = "memory://"  # where its counts are kept: this server's memory, or redis://host:6379
    trusted_proxies: int = 0  # how many proxies before this server say who the client is
    cors_origins: str = ""  # other sites whose pages may ask, separated by spaces; * for all; none if empty
    tokens_file: str = ""  # lines of "name sha256-of-token": then the API asks for one; no token if empty
    log: str = "errors"  # or "requests": one JSON line for each, on standard error
    workers: int = field(default_factory=_default_workers)  # processes, each with its own session

    def __post_init__(self) -> None:
        for key in ("host", "model"):
            text = getattr(self, key)
            _demand(isinstance(text, str) and text.strip() != "", key, text, "a text that is not empty")
        _demand(
            _is_whole(self.port) and 0 <= self.port <= 65535, "port", self.port, "a number from 0 to 65535"
        )
        for key in (
            "models_folder",
            "rate_limit",
            "rate_storage",
            "cors_origins",
            "tokens_file",
        ):
            text = getattr(self, key)
            _demand(isinstance(text, str), key, text, "a text")
        _demand(self.teaching in ("on", "off"), "teaching", self.teaching, '"on" or "off"')
        _demand(self.log in ("errors", "requests"), "log", self.log, '"errors" or "requests"')
        proxies = self.trusted_proxies
        _demand(_is_whole(proxies) and proxies >= 0, "trusted_proxies", proxies, "a whole number")
        for key in ("max_bytes", "workers", "max_waiting", "max_models", "max_teaching_bytes"):
            number = getattr(self, key)
            _demand(_is_whole(number) and number >= 1, key, number, "a whole number of at least 1")
        for key in ("max_seconds", "request_s", "max_listen_seconds"):
            seconds = getattr(self, key)
            _demand(
                isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds <= 3600,
                key,
                seconds,
                "a number of seconds above 0, at most 3600",
            )

    @classmethod
    def read(
        cls,
        file: str | os.PathLike[str] | None = None,
        *,
        environment: Mapping[str, str] = os.environ,
        **explicit: Any,
    ) -> Self:
        """Gather the settings from everywhere they may stand.

        Args:
            file: TOML file with settings as its top-level keys; without it, the one that the environment
                variable `SAYSO_SETTINGS` names, if any.
            environment: where `SAYSO_HOST`, `SAYSO_PORT` and so on are looked up.
            **explicit: settings that win over both; None means not given.

        Raises:
            SettingsError: the file cannot be read, or a key or value that cannot be used.

        """
        path = file or environment.get(FILE_VARIABLE)
        values = _from_file(Path(path)) if path else {}
        values |= _from_environment(environment)
        values |= {key: value for key, value in explicit.items() if value is not None}
        return cls(**values)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from error
    known = [setting.name for setting in fields(Settings)]
    for key in values:
        if key not in known:
            raise SettingsError(f"There is no setting {key!r} (in {path}): choose from {', '.join(known)}.")
    return values


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for setting in fields(Settings):
        text = environment.get(PREFIX + setting.name.upper())
        if text is not None:
            values[setting.name] = _parse(text, setting.type, setting.name)
    return values


def _parse(text: str, kind: Any, key: str) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        name = {int: "a whole number", float: "a number"}[kind]
        variable = PREFIX + key.upper()
        raise SettingsError(f"The setting `{key}` must be {name}, not {text!r} (from {variable}).") from error


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)  # TOML's true is no number


def _demand(is_right: bool, key: str, value: object, wanted: str) -> None:
    if not is_right:
        raise SettingsError(f"The setting `{key}` must be {wanted}, not {value!r}.")
