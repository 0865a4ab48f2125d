"""A lesson: embedded recordings and a model's head and memory become a new head, judged before it is used.

Everything here is arithmetic on arrays; `static/teaching.js` does the same in a browser.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sayso.card import SILENCE, UNKNOWN, Calibration, is_rejection
from sayso.teaching import head, report
from sayso.teaching.head import Examples, Numbers
from sayso.teaching.hearing import Heard
from sayso.teaching.memory import Memory
from sayso.teaching.model_file import Head, ModelFile
from sayso.teaching.report import Report, TaughtWord

FALSE_ACCEPT_RATE = 0.05  # of strangers' words, where words are taught alone

_BACKGROUND = 2.0  # what all that is remembered counts, in recordings, for each recording
_RIVAL_SCALE = 0.5  # of other words' scores, where they are only there to be told apart
_HESITATION = 2.0  # taken off new words' scores where the model's own stay, which lose the less
_FAMILIAR = 10  # embeddings of a word from which on it is remembered well
_SAME_SOUND = 0.9  # mean probability at which a new word is one of the model's own by another name


@dataclass(frozen=True)
class Learnt:
    """What a lesson ends with."""

    head: Head
    calibration: Calibration
    report: Report


class Lesson:
    """One lesson."""

    def __init__(self, opened: ModelFile, memory: Memory, heard: Heard, *, beside: bool) -> None:
        """Lay out what is learnt from.

        Args:
            opened: the model that is taught.
            memory: its memory.
            heard: recordings of the new words.
            beside: whether the model's own words stay, too.

        """
        self.words, self.heard, self.beside = heard.words, heard, beside
        self.before, rows = opened.card.calibration, opened.head
        self.same = {} if beside else self._same_sounds(rows)
        dropped = {*heard.words, *self.same.values()}
        kept = rows.take([row for row, label in enumerate(rows.labels) if label not in dropped])
        scale = np.float32((1 if beside else _RIVAL_SCALE) / self.before.temperature)
        self.kept = Head(kept.labels, kept.weight * scale, kept.bias * scale)  # in the scale of probabilities
        self.temperature = self.before.temperature if beside else 1.0
        memory = memory.without(*(dropped - {*heard.words}))
        self.remembered, self.known = np.array(memory.labels), list(rows.labels)
        self.familiar = np.bincount(_numbered(memory.labels))[_numbered(memory.labels)] >= _FAMILIAR  # (M,)
        self.examples = self._gather(memory)
        self.others = self._score(self.examples.embeddings)

    def learn(self, false_accept_rate: float | None = None) -> Learnt:
        """Learn the new rows, and judge each recording by rows that were learnt without it.

        Args:
            false_accept_rate: share of strangers' words that may pass for a new word; the model's own where
                its words stay, 5 % otherwise.

        """
        own_rate = self.before.false_accept_rate if self.beside else None
        rate = false_accept_rate or own_rate or FALSE_ACCEPT_RATE
        count, variants = self.heard.embeddings.shape[:2]
        scores = head.cross_validate(self.examples, len(self.words), self.others)
        remembered, strange = slice(count * variants, None), self.examples.labels[count * variants :] < 0
        # None makes up for the others: noise counts for nothing, and synthetic voices are easily told apart.
        own, speech = np.isin(self.remembered, self.known), self.remembered != SILENCE
        groups = [strange & speech & part for part in (own, ~own & self.familiar, ~own & ~self.familiar)]
        strangers = [
            (scores[remembered][group], self.others[remembered][group]) for group in groups if group.any()
        ]
        if self.beside:
            shift = -_HESITATION
            sure = [head.surest(own + shift, others) for own, others in strangers]
            threshold = max([self.before.threshold, *(head.threshold_for(each, rate) for each in sure)])
        else:  # so that a half is the threshold: then no label can be surer than an accepted word
            shift = -max((head.threshold_for(head.lead(*each), rate) for each in strangers), default=0.0)
            sure = [head.surest(own + shift, others) for own, others in strangers]
            threshold = 0.5
        as_they_are = slice(0, count * variants, variants)
        given = head.softmax(np.concatenate([scores[as_they_are] + shift, self.others[as_they_are]], axis=1))
        judged = self._judge(given, sure, threshold)
        weight, bias = head.learn(self.examples, len(self.words), self.others)
        new = Head(self.words, weight.astype(np.float32), (bias + shift).astype(np.float32))
        return Learnt(self._join(new), Calibration(self.temperature, threshold, rate), judged)

    def _same_sounds(self, rows: Head) -> dict[str, str]:
        """By new word, the model's word as which it is surely heard: no stranger to be told apart."""
        scores = rows.scores(self.heard.embeddings[:, 0]) / self.before.temperature
        given, same = head.softmax(scores), {}
        for label, word in enumerate(self.words):
            means = given[self.heard.labels == label].mean(axis=0)
            row = int(np.argmax(means))
            if means[row] >= _SAME_SOUND and not is_rejection(rows.labels[row]):
                same[word] = rows.labels[row]
        return same

    def _score(self, embeddings: Numbers) -> Numbers:
        """What the rows that stay say; a row of zeros where none do."""
        return self.kept.scores(embeddings) if self.kept.labels else np.zeros((len(embeddings), 1))

    def _gather(self, memory: Memory) -> Examples:
        """The recordings with their variants, then what is remembered."""
        labels, (count, variants) = self.heard.labels, self.heard.embeddings.shape[:2]
        folds = np.zeros(count, dtype=np.int64)
        for label in range(-1, len(self.words)):
            folds[labels == label] = np.arange((labels == label).sum()) % head.FOLDS
        index = {word: label for label, word in enumerate(self.words)}
        known = np.array([index.get(label, -1) for label in memory.labels], dtype=np.int64)
        # What is remembered of a new word counts as much as its recordings; all else, as set above.
        weights = np.zeros(len(known))
        for label in range(-1, len(self.words)):
            worth = _BACKGROUND * count if label < 0 else (labels == label).sum()
            weights[known == label] = worth / max(1, (known == label).sum())
        # Of what is remembered well, some is kept apart; of the rest whole words, as if never heard.
        rows, groups = np.arange(len(known)), _numbered(memory.labels)
        apart = np.where(self.familiar, rows, groups) % head.FOLDS
        return Examples(
            embeddings=np.concatenate(
                [self.heard.embeddings.reshape(count * variants, -1), memory.embeddings]
            ),
            labels=np.concatenate([np.repeat(labels, variants), known]),
            weights=np.concatenate([np.full(count * variants, 1 / variants), weights]),
            folds=np.concatenate([np.repeat(folds, variants), np.where(known < 0, apart, -1)]),
        )

    def _judge(self, recordings: Numbers, strangers: list[Numbers], threshold: float) -> Report:
        """The report, given the recordings' probabilities `(N, words + rows)` and strangers' confidences."""
        said = self.heard.labels >= 0
        labels, names = (
            self.heard.labels[said],
            [name for name, own in zip(self.heard.names, said, strict=True) if own],
        )
        given, heard = recordings[said], np.argmax(recordings[said], axis=1)
        own = given[np.arange(len(labels)), labels]
        right = heard == labels
        sure = right & (own >= threshold)
        stay = self.kept.labels if self.beside else ()
        names_of_all = [*self.words, *stay]
        heard = np.where(heard < len(names_of_all), heard, -1)
        return Report(
            words=tuple(
                TaughtWord(word, int(mine.sum()), int(right[mine].sum()), int(sure[mine].sum()))
                for word, mine in ((word, labels == label) for label, word in enumerate(self.words))
            ),
            accuracy=float(right.mean()),
            accepted=float(sure.mean()),
            false_accepts=max((float((group >= threshold).mean()) for group in strangers), default=0.0),
            strangers=sum(map(len, strangers)),
            threshold=threshold,
            remarks=(
                *self.heard.remarks,
                *(
                    f"*{word}* sounds like *{known}*, which is one and the same from now on."
                    for word, known in self.same.items()
                    if word != known
                ),
                *report.unlike(names, self.words, labels, own),
                *report.confused(names_of_all, labels, heard),
            ),
        )

    def _join(self, new: Head) -> Head:
        """All rows of the new model, in the order of its labels, in the scale of its logits."""
        kept, temperature = self.kept, np.float32(self.temperature)
        if not self.beside:
            names = (UNKNOWN,) * max(1, len(kept.labels))
            kept = Head(names, kept.weight, kept.bias)
            if not self.kept.labels:
                kept = Head(names, np.zeros_like(new.weight[:1]), np.zeros(1, np.float32))
        rows = Head(
            kept.labels + new.labels,
            np.concatenate([kept.weight, new.weight]) * temperature,
            np.concatenate([kept.bias, new.bias]) * temperature,
        )
        return rows.take(sorted(range(len(rows.labels)), key=lambda row: _place(rows.labels[row])))


def _numbered(labels: Sequence[str]) -> NDArray[np.int64]:
    """`(N,)`: the same number for the same label."""
    number = {label: index for index, label in enumerate(dict.fromkeys(labels))}
    return np.array([number[label] for label in labels], dtype=np.int64)


def _place(label: str) -> int:
    """Words come first, as they came; then the field's other labels."""
    return {SILENCE: 1, UNKNOWN: 2}.get(label, 0)


def remembered(memory: Memory, heard: Heard, most: int) -> tuple[Numbers, Sequence[str]]:
    """What to remember of the new words: embeddings of their recordings, `most` of each, and their labels.

    Those of a word that is known already join what is remembered of it, as far as there is room.
    """
    chosen: list[int] = []
    for label, word in enumerate(heard.words):
        room = max(0, most - memory.labels.count(word))
        chosen += np.flatnonzero(heard.labels == label)[:room].tolist()
    return heard.embeddings[chosen, 0], [heard.words[heard.labels[index]] for index in chosen]
