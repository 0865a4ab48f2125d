"""What is to be known of a taught model before anyone trusts it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sayso.teaching.head import Numbers

ALIKE_SHARE = 0.1  # of two words' recordings heard as the other, from which on they are too alike
UNLIKE_PROBABILITY = 0.1  # a recording whose word is given less is unlike the others


@dataclass(frozen=True)
class TaughtWord:
    """One new word."""

    word: str
    recordings: int  # learnt from
    recognised: int  # of them, by a model that had not heard them
    accepted: int  # of those, how many above the threshold


@dataclass(frozen=True)
class Report:
    """How well new words were learnt. Each recording was judged by a model that had not heard it."""

    words: tuple[TaughtWord, ...]
    accuracy: float  # share of the recordings recognised
    accepted: float  # share recognised and above the threshold
    false_accepts: float  # share of remembered other speech that passes for a new word
    strangers: int  # how many these are
    threshold: float
    remarks: tuple[str, ...]  # whole sentences: what is wrong, and what to do

    def sentences(self) -> list[str]:
        """The report for people."""
        lines = [
            f"{word.word}: {word.recognised} of {word.recordings} recordings recognised, "
            f"{word.accepted} of them surely enough"
            for word in self.words
        ]
        lines += self.remarks
        lines.append(
            f"{self.accuracy:.0%} of the recordings are recognised by a model that has not heard them, "
            f"{self.accepted:.0%} surely enough; of other speech ({self.strangers:,} recordings), "
            f"{self.false_accepts:.1%} would pass for a new word."
        )
        return lines


def confused(words: Sequence[str], labels: NDArray[np.int64], heard: NDArray[np.int64]) -> list[str]:
    """Which words are too alike.

    Args:
        words: names of the new words, then of those that stay.
        labels: `(N,)`, what each recording says.
        heard: `(N,)`, what it was taken for.

    """
    sentences = []
    for first in range(int(labels.max(initial=-1)) + 1):
        for second in range(first + 1, len(words)):
            wrong = int(((labels == first) & (heard == second)).sum())
            wrong += int(((labels == second) & (heard == first)).sum())
            both = int(np.isin(labels, (first, second)).sum())
            if wrong >= 2 and wrong >= ALIKE_SHARE * both:
                sentences.append(
                    f"*{words[first]}* and *{words[second]}* will be confused: {wrong} of {both}. "
                    "Choose words that sound less alike."
                )
    return sentences


def unlike(
    names: Sequence[str], words: Sequence[str], labels: NDArray[np.int64], given: Numbers
) -> list[str]:
    """Which recordings are unlike the others of their word.

    Args:
        names: `(N,)`, of the recordings.
        words: of the labels.
        labels: `(N,)`.
        given: `(N,)`, the probability that each one's own word was given.

    """
    sentences = []
    for label, word in enumerate(words):
        own = labels == label
        strange = [names[index] for index in np.flatnonzero(own & (given < UNLIKE_PROBABILITY)).tolist()]
        if 2 * len(strange) > own.sum():
            sentences.append(f"The recordings of *{word}* have little in common: record them again.")
        else:
            sentences += [f"{name} is unlike the others of *{word}*: listen to it." for name in strange]
    return sentences
