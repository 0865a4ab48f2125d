"""Which clips a recipe trains on, which it is judged on, and what they are called."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np

from sayso.card import SILENCE, UNKNOWN
from sayso.errors import DataError
from sayso.training.cache import WINDOW_SAMPLES, ClipSet, load_folder
from sayso.training.dataset import Clip, words_of
from sayso.training.recipe import DataRecipe, Recipe

MAX_REPEATS = 8  # of one clip in an epoch: more would teach its speaker


def load_splits(recipe: Recipe, folder: Path) -> tuple[ClipSet, ClipSet, tuple[str, ...]]:
    """The clips to train on, the clips to validate on, and the labels in their order.

    Args:
        recipe: its `extra` and `unknown` folders lie beside `folder`, or in `data`.
        folder: a folder of words.

    Raises:
        DataError: a folder or word is missing, or there are too few clips.

    """
    data = recipe.data
    clips = load_folder(folder)
    words = words_of(clips.clips)
    if data.words:
        missing = sorted(set(data.words) - set(words))
        if missing:
            raise DataError(f"{folder} has no recordings of {', '.join(missing)}.")
        words = tuple(sorted(data.words))
        clips = clips.select([clip.word in words for clip in clips.clips])
    validation = clips.select([clip.split == "validation" for clip in clips.clips])
    training = clips if data.leak else clips.select([clip.split == "training" for clip in clips.clips])
    training = _join(training, data.extra, folder, words)
    training = training.select([clip.word not in data.only_synthetic for clip in training.clips])
    training = _repeat(training, data.least_clips)
    training = _join(training, data.synthetic, folder, words)
    labels = words
    if data.silence_clips:
        labels += (SILENCE,)
        training = training.join(silence(data.silence_clips))
    if data.unknown:
        labels += (UNKNOWN,)
        unknown = _unknown(data, folder, words)
        training = training.join(unknown.select([clip.split != "validation" for clip in unknown.clips]))
        validation = validation.join(unknown.select([clip.split == "validation" for clip in unknown.clips]))
    if len(training) < recipe.training.batch_size or not len(validation):
        raise DataError(
            f"{folder} gives {len(training)} training and {len(validation)} validation clips: too few for "
            f"batches of {recipe.training.batch_size}. Record more, or make `batch_size` smaller."
        )
    return training, validation, labels


def _join(training: ClipSet, names: tuple[str, ...], folder: Path, words: tuple[str, ...]) -> ClipSet:
    for name in names:
        extra = load_folder(beside(folder, name))
        training = training.join(extra.select([clip.word in words for clip in extra.clips]))
    return training


def _repeat(training: ClipSet, least_clips: int) -> ClipSet:
    """Let the clips of scarce words come several times an epoch, each time augmented anew."""
    words = np.array([clip.word for clip in training.clips])
    chosen = [np.arange(len(training))]
    for word, count in Counter(words.tolist()).items():
        missing = min(least_clips, MAX_REPEATS * count) - count
        chosen.append(np.resize(np.flatnonzero(words == word), max(0, missing)))
    return training.take(np.concatenate(chosen))


def silence(count: int) -> ClipSet:
    """Clips of digital silence; the augmentation's noise makes each another one."""
    clips = tuple(Clip(Path(f"{SILENCE}_{take}"), SILENCE, SILENCE, "training") for take in range(count))
    places = np.zeros((count, 2), np.int64)  # all in one row
    return ClipSet(clips, (np.zeros((1, WINDOW_SAMPLES), np.int16),), places)


def _unknown(data: DataRecipe, folder: Path, words: tuple[str, ...]) -> ClipSet:
    """The clips of other words, all called unknown; never one of the words, nor one held out."""
    joined: ClipSet | None = None
    for name in data.unknown:
        found = load_folder(beside(folder, name))
        found = found.select([clip.word not in (*words, *data.held_out_words) for clip in found.clips])
        joined = found if joined is None else joined.join(found)
    assert joined is not None
    renamed = tuple(dataclasses.replace(clip, word=UNKNOWN) for clip in joined.clips)
    return dataclasses.replace(joined, clips=renamed)


def beside(folder: Path, name: str) -> Path:
    """A folder that a recipe names: beside the data folder, or in `data`."""
    here = folder.parent / name
    return here if here.is_dir() else Path("data") / name
