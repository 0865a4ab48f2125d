"""Recordings by word, from a folder or a zip in the field's layout: `<word>/<speaker>_nohash_<take>.wav`.

What lies in `_unknown_` says none of the words; other folders whose names start with `_` or `.` are left out.
A zip is read in memory, bounded in all it unpacks to; the names in it are never paths.
"""

import io
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from sayso import audio
from sayso.card import UNKNOWN
from sayso.errors import TeachingError

MOST_FILES = 5_000
MOST_FILE_BYTES = 16 * 2**20  # of one recording in a zip, unpacked
MOST_BYTES = 256 * 2**20  # of all of them

Recordings = list[tuple[str, audio.Source]]


@dataclass(frozen=True)
class Collection:
    """Recordings of words, each with what to call it."""

    words: dict[str, Recordings] = field(default_factory=dict)
    not_words: Recordings = field(default_factory=list)

    def add(self, word: str, name: str, source: audio.Source) -> None:
        """Add a recording."""
        if word == UNKNOWN:
            self.not_words.append((name, source))
        else:
            self.words.setdefault(word, []).append((name, source))


def read_folder(folder: Path) -> Collection:
    """Find the recordings of a folder of words.

    Raises:
        TeachingError: there is no such folder, or it holds no folder of recordings.

    """
    if not folder.is_dir():
        raise TeachingError(f"There is no folder {folder}: name the folder that holds one folder per word.")
    collection = Collection()
    for path in sorted(folder.glob("*/*")):
        word = path.parent.name
        if path.is_file() and _is_recording(word, path.name):
            collection.add(word, f"{word}/{path.name}", path)
    _demand_words(collection, str(folder))
    return collection


def read_zip(content: bytes) -> Collection:
    """Find the recordings in a zip of a folder of words; folders around it do not matter.

    Raises:
        TeachingError: no zip, a damaged or an encrypted one, one that unpacks to too much, or without words.

    """
    collection, left = Collection(), MOST_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_FILES:
                raise TeachingError(f"The zip holds {len(entries):,} files: send {MOST_FILES:,} at most.")
            for entry in entries:
                parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
                if entry.is_dir() or len(parts) < 2 or not _is_recording(parts[-2], parts[-1]):
                    continue
                if entry.flag_bits & 1:
                    raise TeachingError("The zip is encrypted: make it without a password.")
                with archive.open(entry) as file:  # what the header claims of the size is not believed
                    recording = file.read(min(MOST_FILE_BYTES, left) + 1)
                left -= len(recording)
                if len(recording) > MOST_FILE_BYTES or left < 0:
                    raise TeachingError(
                        f"The zip unpacks to more than {MOST_FILE_BYTES >> 20} MiB a recording, or "
                        f"{MOST_BYTES >> 20} MiB in all: send fewer or shorter recordings."
                    )
                collection.add(parts[-2], f"{parts[-2]}/{parts[-1]}", recording)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise TeachingError("This is not a zip that can be read: make it again.") from error
    _demand_words(collection, "The zip")
    return collection


def _is_recording(word: str, name: str) -> bool:
    return not name.startswith((".", "_")) and (word == UNKNOWN or not word.startswith((".", "_")))


def _demand_words(collection: Collection, where: str) -> None:
    if not collection.words:
        raise TeachingError(
            f"{where} holds no recordings: put them in one folder per word, as lights-on/anna_nohash_0.wav."
        )
