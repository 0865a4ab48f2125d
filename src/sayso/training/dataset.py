"""A folder of words as clips with splits.

The layout is the field's own: `<word>/<speaker>_nohash_<take>.<ending>`, with `validation_list.txt` and
`testing_list.txt` where the data set has official splits. Folders whose name starts with `_` are not words.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sayso.errors import DataError

Split = Literal["training", "validation", "testing"]
SPLITS: tuple[Split, ...] = ("training", "validation", "testing")

AUDIO_ENDINGS = frozenset(
    [
        ".wav",
        ".flac",
        ".ogg",
        ".opus",
        ".oga",
        ".mp3",
        ".aiff",
        ".aif",
        ".au",
        ".caf",
        ".webm",
        ".m4a",
        ".mp4",
        ".aac",
        ".amr",
        ".3gp",
        ".wma",
        ".mka",
    ]
)
NOISE_FOLDER = "_background_noise_"

# Warden's rule: at most this many clips a word, so that the hash becomes a percentage.
_HASH_SPAN = 2**27 - 1
_PERCENT_EACH = 10  # of the speakers, for validation and for testing


@dataclass(frozen=True)
class Clip:
    """One recording of one word."""

    path: Path
    word: str
    speaker: str
    split: Split

    @property
    def key(self) -> str:
        """The name the official lists use, without the ending: `word/speaker_nohash_take`."""
        return f"{self.word}/{self.path.stem}"


def read_clips(folder: Path) -> list[Clip]:
    """Find the clips of a folder of words, sorted by word and name.

    The split is the official one where the folder has both lists, and the official rule otherwise: it
    depends on the speaker alone, so no speaker is in two splits and adding clips moves none.

    Args:
        folder: contains one folder per word.

    Raises:
        DataError: there is no such folder, or it holds no clips.

    """
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {folder}: name the folder that holds one folder of recordings per word."
        )
    found = sorted(
        path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))
    )
    lists = _official_lists(folder)
    clips = []
    for word in found:
        for path in sorted((folder / word).iterdir()):
            if path.suffix.lower() in AUDIO_ENDINGS:
                key = f"{word}/{path.stem}"
                split = speaker_split(path.stem) if lists is None else lists.get(key, "training")
                clips.append(Clip(path, word, speaker_of(path.stem), split))
    if not clips:
        raise DataError(
            f"{folder} holds no recordings: put them in one folder per word, as {folder}/yes/anna_1.wav."
        )
    return clips


def speaker_of(stem: str) -> str:
    """The speaker's part of a clip's name; the whole name where it has none."""
    return re.sub(r"_nohash_.*$", "", stem)


def speaker_split(stem: str) -> Split:
    """The official split rule (Warden 2018): SHA-1 of the speaker's part of the name, 80 / 10 / 10 %."""
    digest = int(hashlib.sha1(speaker_of(stem).encode(), usedforsecurity=False).hexdigest(), 16)
    percent = (digest % (_HASH_SPAN + 1)) * (100 / _HASH_SPAN)
    if percent < _PERCENT_EACH:
        return "validation"
    return "testing" if percent < 2 * _PERCENT_EACH else "training"


def of_split(clips: Iterable[Clip], split: Split) -> list[Clip]:
    """The clips of one split."""
    return [clip for clip in clips if clip.split == split]


def words_of(clips: Iterable[Clip]) -> tuple[str, ...]:
    """The words of some clips, sorted: the order of every model's labels."""
    return tuple(sorted({clip.word for clip in clips}))


def _official_lists(folder: Path) -> dict[str, Split] | None:
    """Which split each listed clip belongs to, by `word/stem`; None where the folder has no lists."""
    splits: dict[str, Split] = {}
    for split, name in (("validation", "validation_list.txt"), ("testing", "testing_list.txt")):
        path = folder / name
        if not path.is_file():
            return None
        for line in path.read_text(encoding="utf-8").split():
            splits[str(Path(line).with_suffix(""))] = split  # type: ignore[assignment]
    return splits
