"""What a model file is to remember for teaching: embeddings of its words, of strangers and of noise."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sayso.card import SILENCE
from sayso.errors import DataError
from sayso.recognizer import Recognizer
from sayso.teaching.memory import Memory
from sayso.teaching.model_file import ModelFile
from sayso.training.cache import ClipSet, load_folder
from sayso.training.dataset import NOISE_FOLDER
from sayso.training.judge import batches, read_recordings
from sayso.training.model_file import recipe_of
from sayso.training.strangers import split

# At most, and fewer where the memory would be larger than the rest of the file.
WORD_CLIPS = 24  # of each word
STRANGER_CLIPS = 1200  # of all folders, each the same share as far as it goes
NOISE_CLIPS = 100


def remember(content: bytes, folder: Path, strangers: Sequence[Path] = ()) -> bytes:
    """Write a memory into a model file, in place of any other.

    Args:
        content: the model file.
        folder: a folder of words. Some clips of each of the model's words are taken, of the validation split
            as far as it goes: of what it was trained on, it is too sure. So are pieces of the noise in
            `_background_noise_`.
        strangers: folders of other words. Of each, only the half that sets thresholds is taken, see
            `strangers.split`, so that the other half can still judge what is taught; and nothing of the words
            that the model's recipe keeps for judging.

    Raises:
        ModelError: the file cannot be taught.
        DataError: a folder cannot be read, or holds none of the model's words.

    """
    opened = ModelFile.read(content)
    recognizer, card = Recognizer(content), opened.card
    random = np.random.default_rng(0)
    parts: list[ClipSet] = []
    labels: list[str] = []

    def take(clips: ClipSet, most: int) -> int:
        parts.append(clips.take(random.permutation(len(clips))[: max(0, most)]))
        labels.extend(clip.word for clip in parts[-1].clips)
        return len(parts[-1])

    part, recipe = _part(opened), recipe_of(content)
    held_out = recipe.data.held_out_words if recipe else ()
    clips = load_folder(folder)
    for word in card.words:
        most = round(part * WORD_CLIPS)
        for wanted in ("validation", "training"):
            said = [clip.word == word and clip.split == wanted for clip in clips.clips]
            most -= take(clips.select(said), most)
    if not labels:
        raise DataError(f"{folder} holds no clips of {card.name}'s words: name another folder.")
    left = round(part * STRANGER_CLIPS)
    folders = dict.fromkeys(path.resolve() for path in strangers)
    found = [_strangers(path, (*card.words, *held_out)) for path in folders]
    found.sort(key=len)
    for rank, others in enumerate(found):
        left -= take(others, left // (len(found) - rank))
    embeddings = [recognizer.embed(batch) for batch in batches(functools.reduce(ClipSet.join, parts))]
    noises = [
        noise for noise in read_recordings(folder / NOISE_FOLDER).values() if len(noise) > card.window_samples
    ]
    for index in range(round(part * NOISE_CLIPS) if noises else 0):
        noise = noises[index % len(noises)]
        start = int(random.integers(len(noise) - card.window_samples))
        embeddings.append(recognizer.embed(noise[None, start : start + card.window_samples]))
        labels.append(SILENCE)
    memory = Memory.of(np.concatenate(embeddings), labels, opened.head.first_unread)
    return opened.write(card, opened.head, memory)


def _part(opened: ModelFile) -> float:
    """Which part of the wanted embeddings there is room for."""
    card, rows = opened.card, opened.head
    bare = len(opened.write(card, rows, None))
    wanted = WORD_CLIPS * len(card.words) + STRANGER_CLIPS + NOISE_CLIPS
    return min(1.0, bare / (wanted * Memory.bytes_each(rows.weight.shape[1])))


def _strangers(folder: Path, left_out: Sequence[str]) -> ClipSet:
    """The half of a folder's other words that sets thresholds."""
    clips = load_folder(folder)
    return split(clips.select([clip.word not in left_out for clip in clips.clips]))[0]
