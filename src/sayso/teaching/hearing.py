"""Recordings of words, read, checked and embedded: what a lesson starts from."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sayso import audio
from sayso.errors import AudioError, TeachingError
from sayso.recognizer import Recognizer
from sayso.teaching import recordings
from sayso.teaching.recordings import Recording

LEAST_RECORDINGS = 3  # of a word
MOST_RECORDINGS = 200  # of a word: with more, training is the better way
FEW_RECORDINGS = 5  # below, more are asked for
MOST_WORDS = 100
WORD_LENGTH = 40  # characters

_BATCH = 64

Named = Sequence[tuple[str, audio.Source]]  # recordings, each with what to call it


@dataclass(frozen=True)
class Heard:
    """Recordings as a lesson needs them.

    Attributes:
        words: the new words.
        names: `(N,)`, what to call the recordings.
        labels: `(N,)`, the word of each; -1 where none is said.
        embeddings: `(N, variants, E)`, of each recording as it is and as it might have sounded.
        remarks: sentences about recordings that were left out, or are bad.

    """

    words: tuple[str, ...]
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    embeddings: NDArray[np.float64]
    remarks: tuple[str, ...] = ()


def check_word(word: str) -> None:
    """Refuse what cannot be a word.

    Raises:
        TeachingError: empty, too long, not printable, or like the name of a hidden or special folder.

    """
    if not word.strip() or word != word.strip() or len(word) > WORD_LENGTH or not word.isprintable():
        raise TeachingError(
            f"{word[:WORD_LENGTH]!r} cannot be a word: give 1 to {WORD_LENGTH} printable characters."
        )
    if word.startswith(("_", ".", "-")) or "/" in word or "\\" in word:
        raise TeachingError(f"{word!r} cannot be a word: it must not start with _ . or -, nor hold a slash.")


def hear(recognizer: Recognizer, words: Mapping[str, Named], not_words: Named = ()) -> Heard:
    """Read recordings, leave out those that cannot be used, find the word in the others, and embed them.

    Raises:
        TeachingError: a word that cannot be one, with too few or too many usable recordings, or with one that
            another word has too.

    """
    for word in words:
        check_word(word)
    if not 1 <= len(words) <= MOST_WORDS:
        raise TeachingError(f"Teach 1 to {MOST_WORDS} words at a time; here are {len(words)}.")
    found: list[Recording] = []
    labels: list[int] = []
    remarks: list[str] = []
    known: dict[bytes, tuple[str, int]] = {}  # name and label of each recording, by its content
    for label, word in [*enumerate(words), (-1, "")]:
        named = words[word] if word else not_words
        usable, said = _read(recognizer, named, label, known)
        if word:
            _check_count(word, len(usable), said)
        found += usable
        labels += [label] * len(usable)
        remarks += said
        if word and len(usable) < FEW_RECORDINGS:
            remarks.append(f"*{word}* has only {len(usable)} recordings: five to ten are better.")
    heard = np.array(labels, dtype=np.int64)
    embeddings = _embed(recognizer, found, heard)
    return Heard(tuple(words), tuple(each.name for each in found), heard, embeddings, tuple(remarks))


def _read(
    recognizer: Recognizer, named: Named, label: int, known: dict[bytes, tuple[str, int]]
) -> tuple[list[Recording], list[str]]:
    """The usable ones of a word's recordings, and what is to be said of them and of the others."""
    if len(named) > MOST_RECORDINGS:
        raise TeachingError(
            f"{named[0][0]} is one of {len(named)} recordings of a word: teach with at most "
            f"{MOST_RECORDINGS}, or train with all of them (`sayso train`)."
        )
    card, usable, remarks = recognizer.card, [], []
    for name, source in named:
        try:
            recording = recordings.read(source, name, card.sample_rate, card.window_samples)
        except AudioError as error:
            remarks.append(f"Left out: {error}")
            continue
        content = hashlib.sha256(b"".join(place.tobytes() for place in recording.places)).digest()
        twin, its_label = known.setdefault(content, (name, label))
        if its_label != label:
            raise TeachingError(f"{name} and {twin} are the same recording, which cannot be two words.")
        if twin != name:
            remarks.append(f"Left out: {name} is the same recording as {twin}.")
            continue
        usable.append(recording)
        remarks += [f"{name} {remark}." for remark in recording.remarks]
    return usable, remarks


def _check_count(word: str, usable: int, remarks: Sequence[str]) -> None:
    if usable < LEAST_RECORDINGS:
        plural = "" if usable == 1 else "s"
        raise TeachingError(
            f"*{word}* has {usable} usable recording{plural}: a word needs at least {LEAST_RECORDINGS}, "
            f"better ten. {' '.join(remarks[:3])}".rstrip()
        )


def _embed(
    recognizer: Recognizer, found: Sequence[Recording], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Embeddings `(N, variants, E)`; of several places in a recording, the one most like the others."""
    chosen = [each.places[0] for each in found]
    if any(len(each.places) > 1 for each in found):
        first = _embed_windows(recognizer, np.stack(chosen))
        for index, each in enumerate(found):
            others = (labels == labels[index]) & (np.arange(len(found)) != index)
            if len(each.places) > 1 and labels[index] >= 0 and others.any():
                tried = _embed_windows(recognizer, np.stack(each.places))
                distances = np.linalg.norm(tried - first[others].mean(axis=0), axis=1)
                chosen[index] = each.places[int(np.argmin(distances))]
    windows = np.concatenate([recordings.vary(each, recognizer.card.sample_rate) for each in chosen])
    return _embed_windows(recognizer, windows).reshape(len(found), len(recordings.VARIANTS), -1)


def _embed_windows(recognizer: Recognizer, windows: NDArray[np.float32]) -> NDArray[np.float64]:
    starts = range(0, len(windows), _BATCH)
    return np.concatenate([recognizer.embed(windows[at : at + _BATCH]) for at in starts]).astype(np.float64)
