"""Recordings of words outside the vocabulary: some to set a threshold with, others to judge it by."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from sayso.errors import DataError
from sayso.evaluation.questions import Strangers
from sayso.training.cache import ClipSet, load_folder
from sayso.training.dataset import Clip


def read_strangers(
    folders: Sequence[Path], is_stranger: Callable[[Path, Clip], bool]
) -> tuple[Strangers, Strangers]:
    """The strangers of some folders, those for setting and those for judging.

    Args:
        folders: folders of words.
        is_stranger: whether the model has never met the word of a clip from a folder.

    Raises:
        DataError: a folder cannot be read, or holds no two strangers.

    """
    setting, judging = [], []
    for folder in folders:
        clips = load_folder(folder)
        clips = clips.select([is_stranger(folder, clip) for clip in clips.clips])
        if not len(clips):
            raise DataError(f"{folder} holds no word that the model has not met: choose other strangers.")
        halves = split(clips)
        if not all(map(len, halves)):
            raise DataError(f"{folder} holds too few strangers to set with some and judge by others.")
        setting.append((folder.name, halves[0]))
        judging.append((folder.name, halves[1]))
    return _strangers(setting), _strangers(judging)


def split(clips: ClipSet) -> tuple[ClipSet, ClipSet]:
    """Two parts that share no speaker and, where there are words enough, no word.

    Halves are drawn by the names' SHA-1, so that adding clips moves none. A clip whose word and speaker fall
    into different halves is in neither part. A recording that names no speaker stands for one.

    Returns:
        those to set a threshold with, and those to judge it by.

    """
    speakers = np.array([_half(clip.speaker) for clip in clips.clips], dtype=bool)
    words = np.array([_half(clip.word) for clip in clips.clips], dtype=bool)
    if words.all() or not words.any():
        words = speakers
    return clips.select(speakers & words), clips.select(~speakers & ~words)


def _half(name: str) -> bool:
    return hashlib.sha1(name.encode(), usedforsecurity=False).digest()[0] % 2 == 0


def _strangers(collections: Sequence[tuple[str, ClipSet]]) -> Strangers:
    found = [(source, clip) for source, clips in collections for clip in clips.clips]
    return Strangers(
        functools.reduce(ClipSet.join, (clips for _, clips in collections)),
        [clip.word for _, clip in found],
        [f"{source} {clip.speaker}" for source, clip in found],
        [source for source, _ in found],
    )
