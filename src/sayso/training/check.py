"""What is wrong with a folder of recordings.

The faults that spoil a figure without a word: one speaker or one recording on both sides of a split, labels
that are wrong, clips in which nothing can be heard. This room finds and describes; it changes no file.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sayso.card import is_rejection
from sayso.training.cache import ClipSet
from sayso.training.dataset import SPLITS, Clip
from sayso.training.fingerprint import same_recordings
from sayso.training.summary import Levels, groups, measure

Kind = Literal[
    "speaker_in_splits",
    "identical",
    "near_identical",
    "unreadable",
    "silent",
    "clipped",
    "too_short",
    "suspect",
]
Score = Callable[[NDArray[np.float32]], NDArray[np.floating]]  # waveforms (B, T) -> probabilities (B, L)

SILENT_DBFS = -60.0  # of the loudest 1/32 s
CLIPPED_SHARE = 0.01  # of the samples at full scale
SHORTEST_SECONDS = 0.25
SUSPECT_CONFIDENCE = 0.9

_BLOCK = 512  # clips at once


@dataclass(frozen=True)
class Finding:
    """One fault."""

    kind: Kind
    clips: tuple[str, ...]  # the paths of the recordings it is about
    sentence: str
    leak: bool = False  # joins two splits, so that figures on one flatter


@dataclass(frozen=True)
class Report:
    """The faults of a folder, by kind, leaks first."""

    clips: int  # that were checked
    findings: tuple[Finding, ...]

    def of_kind(self, kind: Kind) -> tuple[Finding, ...]:
        """The findings of one kind."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """The findings that join two splits."""
        return tuple(finding for finding in self.findings if finding.leak)


def check(clips: ClipSet, *, score: Score | None = None, labels: Sequence[str] = ()) -> Report:
    """Look for faults in a folder of words.

    Args:
        clips: the folder, see `cache.load_folder`.
        score: a model's probabilities; finds clips whose label it is sure is wrong.
        labels: the model's labels in their order, with `score`.

    """
    levels = measure(clips)
    findings = [
        *_speakers_in_splits(clips.clips),
        *_same_recordings(clips, levels),
        *(Finding("unreadable", (text.partition(": ")[0],), text) for text in clips.unreadable),
        *_badly_recorded(clips.clips, levels),
    ]
    if score is not None:
        findings += _suspects(clips, score, labels)
    kinds = get_args(Kind)
    findings.sort(key=lambda finding: (kinds.index(finding.kind), not finding.leak))
    return Report(len(clips), tuple(findings))


def _speakers_in_splits(clips: Sequence[Clip]) -> Iterable[Finding]:
    for speaker, members in groups(clip.speaker for clip in clips).items():
        splits = Counter(clips[index].split for index in members)
        if len(splits) > 1:
            places = _listed([f"{split} ({splits[split]})" for split in SPLITS if split in splits])
            text = f"Speaker {speaker} has clips in {places}."
            yield Finding("speaker_in_splits", _paths(clips, members), text, leak=True)


def _same_recordings(clips: ClipSet, levels: Levels) -> Iterable[Finding]:
    audible = np.flatnonzero(levels.loudest_dbfs >= SILENT_DBFS)
    copies = {
        int(audible[group[0]]): audible[group]
        for group in groups(levels.digests[i] for i in audible).values()
    }
    for group in copies.values():
        if len(group) > 1:
            yield _same("identical", clips.clips, group.tolist(), "The same recording")
    partner: dict[int, set[int]] = {}
    likeness: dict[int, float] = {}
    for first, second, alike in same_recordings(clips, np.array(list(copies), dtype=np.int64)):
        joined = partner.get(first, {first}) | partner.get(second, {second})
        alike = min([alike, *(likeness[clip] for clip in joined if clip in likeness)])
        for clip in joined:
            partner[clip], likeness[clip] = joined, alike
    for clip, joined in partner.items():
        if clip == min(joined):
            members = sorted(int(copy) for each in joined for copy in copies[each])
            text = f"The same recording, changed (likeness {likeness[clip]:.2f}),"
            yield _same("near_identical", clips.clips, members, text)


def _same(kind: Kind, clips: Sequence[Clip], members: Sequence[int], what: str) -> Finding:
    splits = [split for split in SPLITS if any(clips[index].split == split for index in members)]
    words = sorted({clips[index].word for index in members})
    if len(words) > 1:
        what += f" is labelled {_listed(words)}"
        what += f" and is in {_listed(splits)}" if len(splits) > 1 else ""
    elif len(splits) > 1:
        what += f" is in {_listed(splits)}"
    else:
        what += f" counts {len(members)} times"
    return Finding(kind, _paths(clips, members), what + ".", leak=len(splits) > 1)


def _badly_recorded(clips: Sequence[Clip], levels: Levels) -> Iterable[Finding]:
    for clip, seconds, loudest, clipped in zip(
        clips, levels.seconds, levels.loudest_dbfs, levels.clipped_share, strict=True
    ):
        path = (str(clip.path),)
        if loudest < SILENT_DBFS:
            yield Finding(
                "silent", path, f"It is silent: its loudest moment is {-loudest:.0f} dB below full scale."
            )
        elif seconds < SHORTEST_SECONDS:
            yield Finding("too_short", path, f"It lasts {seconds:.2f} seconds.")
        if clipped > CLIPPED_SHARE:
            yield Finding("clipped", path, f"{clipped:.1%} of the samples are at full scale.")


def _suspects(clips: ClipSet, score: Score, labels: Sequence[str]) -> Iterable[Finding]:
    is_word = np.array([not is_rejection(label) for label in labels])
    for first in tqdm(range(0, len(clips), _BLOCK), desc="listening", unit="block", disable=None):
        here = slice(first, first + _BLOCK)
        probabilities = score(clips.waveforms(here))  # (B, L)
        for clip, row in zip(clips.clips[here], probabilities, strict=True):
            answer = int(np.argmax(row))
            sure = is_word[answer] and row[answer] > SUSPECT_CONFIDENCE
            if sure and clip.word in labels and labels[answer] != clip.word:
                text = (
                    f"It is labelled {clip.word}; the model hears {labels[answer]} ({row[answer]:.1%} sure)."
                )
                yield Finding("suspect", (str(clip.path),), text)


def _paths(clips: Sequence[Clip], members: Iterable[int]) -> tuple[str, ...]:
    return tuple(str(clips[index].path) for index in members)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
