"""What is finished of an exam, kept so that a second call goes on where the first was stopped."""

import hashlib
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FORMAT = "2"  # changes when the same model and clips would give other values


@dataclass(frozen=True)
class Parts:
    """A folder of finished sections, each under a name that changes with whatever it depends on."""

    folder: Path
    key: str  # names the model and the clips

    def values(self, section: str, make: Callable[[], Any], *, depends: str = "") -> Any:
        """The values of a section, ready for JSON: those kept, or those made now, and then kept.

        Args:
            section: its name.
            make: works the values out.
            depends: names whatever else they depend on.

        """
        path = self._path(section, depends, "json")
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
        text = json.dumps(make(), indent=1, ensure_ascii=False)
        write(path, text.encode())
        return json.loads(text)  # as a second call will see it

    def array(
        self, section: str, make: Callable[[], NDArray[np.float32]], *, depends: str = ""
    ) -> NDArray[np.float32]:
        """The scores of a section: those kept, or those made now, and then kept; as `values`."""
        path = self._path(section, depends, "npy")
        if path.is_file():
            kept: NDArray[np.float32] = np.load(path, allow_pickle=False)
            return kept
        made = make()
        content = io.BytesIO()
        np.save(content, made)
        write(path, content.getvalue())
        return made

    def _path(self, section: str, depends: str, ending: str) -> Path:
        digest = digest_of(*(part.encode() for part in (_FORMAT, self.key, section, depends)))
        readable = "".join(letter if letter.isalnum() else "-" for letter in section)
        return self.folder / f"{readable}.{digest[:16]}.{ending}"


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
