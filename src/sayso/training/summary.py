"""What a folder of recordings holds: how many clips of whom, how long, how loud."""

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sayso.training.cache import SAMPLE_RATE, WINDOW_SAMPLES, ClipSet

_FULL_SCALE = 32_700  # of 32,768: an encoder leaves clipped peaks a little below
_PIECES = 32  # of a window, for its loudest
_BLOCK = 512  # clips at once

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class WordSummary:
    """What a folder holds of one word."""

    word: str
    training: int  # clips
    validation: int
    testing: int
    speakers: int
    seconds: float


@dataclass(frozen=True)
class Summary:
    """What a folder of words holds."""

    clips: int  # that can be read
    unreadable: int
    speakers: int
    seconds: float  # of what is kept: at most one window of a clip
    words: tuple[WordSummary, ...]


@dataclass(frozen=True)
class Levels:
    """How long and how loud each clip is, `(N,)`."""

    seconds: NDArray[np.float64]  # from the first sample that is not zero to the last: without the padding
    loudest_dbfs: NDArray[np.float64]  # level of the loudest piece
    clipped_share: NDArray[np.float64]
    digests: tuple[bytes, ...]  # of the samples


def summarise(clips: ClipSet) -> Summary:
    """Count what a folder of words holds."""
    seconds = measure(clips).seconds
    words = []
    for word, members in sorted(groups(clip.word for clip in clips.clips).items()):
        splits = Counter(clips.clips[index].split for index in members)
        words.append(
            WordSummary(
                word=word,
                training=splits["training"],
                validation=splits["validation"],
                testing=splits["testing"],
                speakers=len({clips.clips[index].speaker for index in members}),
                seconds=float(seconds[members].sum()),
            )
        )
    return Summary(
        clips=len(clips),
        unreadable=len(clips.unreadable),
        speakers=len({clip.speaker for clip in clips.clips}),
        seconds=float(seconds.sum()),
        words=tuple(words),
    )


def measure(clips: ClipSet) -> Levels:
    """Look once at the samples of all clips."""
    seconds, loudest, clipped, digests = np.empty(len(clips)), np.empty(len(clips)), np.empty(len(clips)), []
    for first in tqdm(range(0, len(clips), _BLOCK), desc="levels", unit="block", disable=None):
        here = slice(first, first + _BLOCK)
        samples = clips.samples(here)
        sounds = samples != 0
        heard = WINDOW_SAMPLES - np.argmax(sounds, axis=1) - np.argmax(sounds[:, ::-1], axis=1)
        seconds[here] = np.where(sounds.any(axis=1), heard, 0) / SAMPLE_RATE
        clipped[here] = ((samples >= _FULL_SCALE) | (samples <= -_FULL_SCALE)).sum(axis=1) / WINDOW_SAMPLES
        pieces = samples.reshape(len(samples), _PIECES, -1) * np.float32(1 / 32768)
        loudest[here] = pieces.std(axis=2).max(axis=1)  # the deviation: a constant offset is not heard
        digests += [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in samples]
    return Levels(seconds, 20 * np.log10(np.maximum(loudest, 1e-6)), clipped, tuple(digests))


def groups(keys: Iterable[Key]) -> dict[Key, list[int]]:
    """The positions of each key, keys in order of first appearance."""
    positions: dict[Key, list[int]] = {}
    for index, key in enumerate(keys):
        positions.setdefault(key, []).append(index)
    return positions
