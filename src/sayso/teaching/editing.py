"""Words of a model file removed or renamed, at once and without any recording."""

import dataclasses

from sayso.card import is_rejection
from sayso.errors import TeachingError
from sayso.teaching.hearing import check_word
from sayso.teaching.model_file import ModelFile


def remove_word(content: bytes, word: str) -> bytes:
    """Write the model file anew without a word, and without what it remembers of it.

    Raises:
        ModelError: the file cannot be edited.
        TeachingError: the model does not know the word, or knows no other.

    """
    opened = ModelFile.read(content)
    card, rows = opened.card, opened.head
    _demand_known(opened, word)
    if len(card.words) == 1 or len(card.labels) == 2:
        raise TeachingError(f"*{word}* is the last word of {card.name}: delete the model instead.")
    place = card.labels.index(word)
    clips = card.training_clips
    card = dataclasses.replace(
        card,
        labels=tuple(label for label in card.labels if label != word),
        training_clips=(*clips[:place], *clips[place + 1 :]),
        figures=(),  # they were measured with the word
    )
    kept = rows.take([row for row, label in enumerate(rows.labels) if label != word])
    return opened.write(card, kept, opened.memory.without(word) if opened.memory else None)


def rename_word(content: bytes, old: str, new: str) -> bytes:
    """Write the model file anew with another name for a word.

    Raises:
        ModelError: the file cannot be edited.
        TeachingError: the model does not know the word, or the new name is taken or can be none.

    """
    opened = ModelFile.read(content)
    _demand_known(opened, old)
    check_word(new)
    if new in opened.card.labels:
        raise TeachingError(
            f"{opened.card.name} already knows *{new}*: choose another name, or remove it first."
        )
    labels = tuple(new if label == old else label for label in opened.card.labels)
    rows = dataclasses.replace(
        opened.head, labels=tuple(new if label == old else label for label in opened.head.labels)
    )
    memory = opened.memory.without(new).renamed(old, new) if opened.memory else None
    return opened.write(dataclasses.replace(opened.card, labels=labels), rows, memory)


def rename_model(content: bytes, name: str) -> bytes:
    """Write the model file anew under another name."""
    opened = ModelFile.read(content)
    return opened.write(dataclasses.replace(opened.card, name=name), opened.head, opened.memory)


def _demand_known(opened: ModelFile, word: str) -> None:
    if word not in opened.card.labels or is_rejection(word):
        raise TeachingError(
            f"{opened.card.name} does not know *{word}*: its words are {', '.join(opened.card.words)}."
        )
