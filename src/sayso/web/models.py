"""The models a server answers with, by name: those that ship, and those in a folder.

A file is looked at (one `stat`) whenever its model is asked for, so that files may be added, replaced and
removed while the server runs: whoever finds a change loads it, meanwhile the others are answered by the model
loaded before. A file that cannot be loaded is a problem to report, and changes nothing else. Requests hold
the recogniser they were given, so one that is replaced or dropped ends with its last request.
"""

import contextlib
import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sayso.card import ModelCard
from sayso.errors import ModelError
from sayso.recognizer import DEFAULT_MODEL, Recognizer, bundled
from sayso.web.model import AnyRecognizer, BrokenModel, Model, UnknownModel
from sayso.web.settings import Settings

__all__ = ["NAME", "AnyRecognizer", "BrokenModel", "Model", "ModelStore", "UnknownModel"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # of a model, and of its file without `.onnx`
SHARED_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # where workers share things, in memory
MODELS_KEPT = 8  # loaded at a time, besides the default
IDLE_S = 900.0  # a model nobody asked for that long is dropped

FileState = tuple[int, int, int, int]


@dataclass
class _Shelf:
    """The place of one name."""

    path: Path | None  # none: the recogniser was given, and stays
    lock: threading.Lock = field(default_factory=threading.Lock)  # held while loading
    state: FileState | None = None  # of the file last tried
    model: Model | None = None
    known: tuple[ModelCard, str] | None = None  # card and digest; kept when the model is dropped
    problem: str | None = None  # why the file last tried could not be loaded
    used: float = 0.0  # monotonic seconds


class ModelStore:
    """Models by name; safe between threads.

    Make it in the process that answers, after any fork. Nothing is loaded until it is asked for.
    """

    def __init__(
        self,
        default: str = DEFAULT_MODEL,
        folder: Path | None = None,
        *,
        kept: int = MODELS_KEPT,
        idle_s: float = IDLE_S,
        copies: Path | None = None,
        load: Callable[[Path], AnyRecognizer] = Recognizer,
    ) -> None:
        """Make a store.

        Args:
            default: the model that answers when none is asked for: a name, or the path of a model file.
            folder: its `*.onnx` files are models by the names of the files; they come before those that ship.
            kept: how many models besides the default stay loaded; the one unused longest goes first.
            idle_s: seconds after which a model nobody asked for is dropped.
            copies: a folder, shared by all workers, for copies of the files that could be loaded: from it a
                worker that has not loaded a model answers while the model's own file is broken.
            load: makes a recogniser of a file.

        """
        self.folder, self._copies = folder, copies
        self.on_load: Callable[[str, float], object] = lambda _name, _seconds: None  # told of each load
        self._load, self._kept, self._idle_s = load, kept, idle_s
        self._fixed: dict[str, Path] = dict(bundled())
        if default.endswith(".onnx"):
            name = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(default).stem).strip("-_")[:64] or "model"
            self._fixed[name] = Path(default)
            default = name
        self.default = default
        self._shelves: dict[str, _Shelf] = {}
        self._lock = threading.Lock()  # of the dictionary of shelves

    @classmethod
    def of(cls, recognizer: AnyRecognizer) -> "ModelStore":
        """Make a store of one recogniser that is already there, by the name on its card."""
        store = cls()
        store._fixed, store.default = {}, recognizer.card.name
        model = Model(recognizer.card.name, recognizer)
        store._shelves[model.name] = _Shelf(None, model=model, known=(model.card, model.digest))
        return store

    @classmethod
    def from_settings(cls, settings: Settings) -> "ModelStore":
        """Make the store that a server's settings describe."""
        folder = Path(settings.models_folder) if settings.models_folder else None
        shared = os.environ.get(SHARED_FOLDER_VARIABLE)
        return cls(settings.model, folder, copies=Path(shared) if shared else None)

    def names(self) -> list[str]:
        """The models there are now, the default first; some may turn out to be broken."""
        given = [name for name, shelf in self._shelves.items() if shelf.path is None]
        names = {*given, *self._paths()} - {self.default}
        return [self.default, *sorted(names)]

    def get(self, name: str | None = None) -> Model:
        """Give a model, loading it if need be.

        Args:
            name: as in `names`; the default if None.

        Raises:
            UnknownModel: there is none of that name.
            BrokenModel: its file cannot be loaded, and none was loaded before.

        """
        shelf = self._shelf(name or self.default)
        model = self._fresh(shelf, name or self.default)
        now = time.monotonic()
        if now - shelf.used > 1.0:  # a bound on how often models are counted
            shelf.used = now
            self.sweep(now)
        return model

    def known(self, name: str | None = None) -> tuple[ModelCard, str]:
        """Card and digest of a model as its file is now, loading it only if that was never seen.

        Raises:
            UnknownModel: there is none of that name.
            BrokenModel: its file cannot be loaded, and none was loaded before.

        """
        shelf = self._shelf(name or self.default)
        if shelf.known is None or (shelf.path is not None and _state(shelf.path) != shelf.state):
            model = self.get(name)
            return model.card, model.digest
        return shelf.known

    def content(self, name: str) -> tuple[bytes, str]:
        """A model's file, and its digest.

        Raises:
            UnknownModel: there is none of that name, or it was given without a file.
            BrokenModel: its file cannot be loaded, or is just being replaced.

        """
        for _ in range(3):
            digest = self.known(name)[1]
            path = self._shelf(name).path
            if path is None:
                raise UnknownModel(f"The model {name!r} is not a file here.")
            content = path.read_bytes() if path.exists() else b""
            if hashlib.sha256(content).hexdigest() == digest:
                return content, digest
        raise BrokenModel(f"The file of the model {name!r} is being replaced: try again.")

    def problems(self) -> dict[str, str]:
        """What is wrong with which files, as sentences by name; found by trying every file that changed."""
        found = {}
        for name in self.names():
            try:
                self.known(name)
            except ModelError as error:
                found[name] = str(error)
            else:
                problem = self._shelf(name).problem
                if problem is not None:
                    found[name] = f"{problem} The model loaded before answers."
        if self.folder is not None:
            for file in sorted(self.folder.glob("*.onnx")):
                if not NAME.fullmatch(file.stem):
                    found[file.stem] = "Name the file with letters, digits, - and _ only, at most 64."
        return found

    def loaded(self) -> list[str]:
        """The models in memory now."""
        return [name for name, shelf in list(self._shelves.items()) if shelf.model is not None]

    def sweep(self, now: float | None = None) -> None:
        """Drop models that are unused, and places whose file is gone."""
        now = time.monotonic() if now is None else now
        paths = self._paths()
        with self._lock:
            for name, shelf in list(self._shelves.items()):
                if shelf.path is not None and paths.get(name) != shelf.path and name != self.default:
                    del self._shelves[name]
                    if self._copies is not None:
                        (self._copies / f"{name}.onnx").unlink(missing_ok=True)
            # One with a problem is the last of its kind: its file cannot be loaded again.
            loose = sorted(
                (shelf.used, name)
                for name, shelf in self._shelves.items()
                if name != self.default and shelf.path and shelf.model and not shelf.problem
            )
            for rank, (used, name) in enumerate(reversed(loose)):
                if rank >= self._kept or now - used > self._idle_s:
                    self._shelves[name].model = None

    def _paths(self) -> Mapping[str, Path]:
        paths = dict(self._fixed)
        if self.folder is not None:
            paths |= {path.stem: path for path in self.folder.glob("*.onnx") if NAME.fullmatch(path.stem)}
        return paths

    def _path(self, name: str) -> Path | None:
        if self.folder is not None and NAME.fullmatch(name):
            path = self.folder / f"{name}.onnx"
            if path.exists():
                return path
        return self._fixed.get(name)

    def _shelf(self, name: str) -> _Shelf:
        shelf = self._shelves.get(name)
        if shelf is not None and shelf.path is None:
            return shelf
        path = self._path(name)
        if path is None and (shelf is None or name != self.default):  # the default answers from memory
            there = sorted(self._paths())[:10] or [self.default]
            raise UnknownModel(f"There is no model {name!r}: choose from {', '.join(there)}.")
        with self._lock:
            shelf = self._shelves.get(name)
            if shelf is None or (path is not None and shelf.path != path):
                shelf = self._shelves[name] = _Shelf(path, used=time.monotonic())
            assert shelf is not None
            return shelf

    def _fresh(self, shelf: _Shelf, name: str) -> Model:
        model = shelf.model
        if shelf.path is None and model is not None:
            return model
        assert shelf.path is not None
        state = _state(shelf.path)
        if model is not None and (state == shelf.state or shelf.lock.locked()):
            return model  # unchanged, or being loaded by somebody else
        with shelf.lock:
            state = _state(shelf.path)
            if shelf.model is None or state != shelf.state:
                self._reload(shelf, name, state)
            if shelf.model is None:
                raise BrokenModel(f"The model {name!r} cannot be used. {shelf.problem}")
            return shelf.model

    def _reload(self, shelf: _Shelf, name: str, state: FileState | None) -> None:
        if shelf.problem is not None and state == shelf.state:
            return  # tried before, and nothing has changed
        assert shelf.path is not None
        began = time.perf_counter()
        try:
            recognizer = self._load(shelf.path)
        except ModelError as error:
            shelf.problem = str(error).replace(str(shelf.path), shelf.path.name)  # for strangers
            if shelf.model is None and self._copies is not None:
                with contextlib.suppress(ModelError):  # no worker ever loaded it
                    recognizer = self._load(self._copies / f"{name}.onnx")
                    shelf.model = Model(name, recognizer)
                    shelf.known = (recognizer.card, recognizer.digest)
        else:
            shelf.model = Model(name, recognizer)
            shelf.known = (recognizer.card, recognizer.digest)
            shelf.problem = None
            self.on_load(name, time.perf_counter() - began)
            self._copy(shelf.path, name, recognizer.digest)
        # As it was before it was read: a file that changed meanwhile is read again.
        shelf.state = state

    def _copy(self, path: Path, name: str, digest: str) -> None:
        """Keep a file that was loaded, unless it ships, or was replaced since, or there is no room."""
        if self._copies is None or path in bundled().values():
            return
        beside = self._copies / f"{name}.{os.getpid()}.{threading.get_ident()}"
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == digest:
                try:
                    beside.write_bytes(content)
                    beside.replace(self._copies / f"{name}.onnx")
                finally:
                    beside.unlink(missing_ok=True)


def _state(path: Path) -> FileState | None:
    """What changes when a file does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
