"""What is finished of an exam, kept so that a second call goes on where the first was stopped."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FORMAT = "1"  # changes when the same model and clips would give other values


@dataclass(frozen=True)
class Parts:
    """A folder of finished sections, each under a name that changes with whatever it depends on."""

    folder: Path
    key: str  # names the model and the clips

    def values(self, section: str, make: Callable[[], Any]) -> Any:
        """The values of a section, ready for JSON: those kept, or those made now, and then kept."""
        path = self._path(section, "json")
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
        made = make()
        write(path, json.dumps(made, indent=1, ensure_ascii=False).encode())
        return made

    def array(self, section: str, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """The scores of a section: those kept, or those made now, and then kept."""
        path = self._path(section, "npy")
        if path.is_file():
            kept: NDArray[np.float32] = np.load(path, allow_pickle=False)
            return kept
        made = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{os.getpid()}")
        with half.open("wb") as file:
            np.save(file, made)
        half.replace(path)
        return made

    def _path(self, section: str, ending: str) -> Path:
        digest = hashlib.blake2b(f"{_FORMAT}\0{self.key}\0{section}".encode(), digest_size=8).hexdigest()
        readable = "".join(letter if letter.isalnum() else "-" for letter in section.split("\0")[0])
        return self.folder / f"{readable}.{digest}.{ending}"


def write(path: Path, content: bytes) -> None:
    """Write a whole file or none of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_bytes(content)
    half.replace(path)


def digest_of(*parts: bytes) -> str:
    """A name for some bytes."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
