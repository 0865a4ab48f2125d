"""A lesson: embedded recordings and a model's head and memory become a new head, judged before it is used.

Everything here is arithmetic on arrays; `static/teaching.js` and what it imports do the same in a browser.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

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
_TEMPERATURE = 0.7  # of words taught alone
_HESITATION = 1.0  # taken off new words' scores where the model's own stay, which lose the less
_FAMILIAR = 10  # embeddings of a word from which on it is remembered well
_SAME_SOUND = 0.5  # mean probability at which a new word is one that is remembered by another name


@dataclass(frozen=True)
class Learnt:
    """What a lesson ends with."""

    head: Head
    calibration: Calibration
    report: Report
    forgotten: tuple[str, ...] = ()  # what is remembered by another name


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
        self.before, rows, self.heard = opened.card.calibration, opened.head, heard
        kept = rows.take([row for row, label in enumerate(rows.labels) if label not in heard.words])
        self.rate = (self.before.false_accept_rate if beside else None) or FALSE_ACCEPT_RATE
        # Words that were taught alone are learnt again with the new ones, from what is remembered of them.
        again = [label for label in kept.labels if not is_rejection(label)] if beside and rows.measure else []
        self.words, self.labels = (*again, *heard.words), heard.labels + len(again) * (heard.labels >= 0)
        self.beside = beside = beside and rows.measure is None and bool(kept.labels)
        self.same = {} if beside else self._same_sounds(memory)
        self.known = list(rows.labels)
        memory = memory.without(*self.same.values())
        self.remembered, numbers = np.array(memory.labels), _numbered(memory.labels)
        self.familiar = np.bincount(numbers)[numbers] >= _FAMILIAR  # (M,)
        self.examples = self._gather(memory)
        self.kept = kept.labels if beside else ()
        self.temperature = self.before.temperature if beside else _TEMPERATURE
        self.learner: head.Learn = partial(head.learn_alone, words=self.words, first=memory.first)
        if beside:  # learnt in the scale of probabilities
            kept = kept.scaled(1 / self.temperature)
            self.learner = partial(head.learn_beside, words=self.words, kept=kept)

    def learn(self, false_accept_rate: float | None = None) -> Learnt:
        """Learn the new rows, and judge each recording by rows that were learnt without it.

        Args:
            false_accept_rate: share of strangers' words that may pass for a new word; the model's own where
                its words stay, 5 % otherwise.

        """
        rate = false_accept_rate or self.rate
        count, variants = self.heard.embeddings.shape[:2]
        scores, rest = head.cross_validate(self.examples, self.learner, len(self.words))
        if not self.beside:
            scores, rest = scores / self.temperature, rest / self.temperature
        remembered, strange = slice(count * variants, None), self.examples.labels[count * variants :] < 0
        # None makes up for the others: noise counts for nothing, and synthetic voices are easily told apart.
        own, speech = np.isin(self.remembered, self.known), self.remembered != SILENCE
        groups = [strange & speech & part for part in (own, ~own & self.familiar, ~own & ~self.familiar)]
        strangers = [(scores[remembered][group], rest[remembered][group]) for group in groups if group.any()]
        if self.beside:
            shift = -_HESITATION
            sure = [head.surest(own + shift, others) for own, others in strangers]
            threshold = max([self.before.threshold, *(head.threshold_for(each, rate) for each in sure)])
        else:  # so that a half is the threshold: then no label can be surer than an accepted word
            # Those with a row of their own are told apart more easily than a word that is none's.
            shares = [rate if group is groups[-1] else rate / 2 for group in groups if group.any()]
            leads = [head.lead(*each) for each in strangers]
            shift = -max(map(head.threshold_for, leads, shares), default=0.0)
            sure = [head.surest(own + shift, others) for own, others in strangers]
            threshold = 0.5
        as_they_are = slice(0, count * variants, variants)
        given = head.softmax(np.concatenate([scores[as_they_are] + shift, rest[as_they_are]], axis=1))
        judged = self._judge(given, sure, threshold)
        learnt = self.learner(self.examples, np.ones(len(scores), dtype=bool))
        if self.beside:
            learnt = learnt.scaled(self.temperature)
        learnt.bias[: len(self.words)] += shift * self.temperature
        kept_first = [*range(len(self.words), len(learnt.labels)), *range(len(self.words))]
        order = sorted(kept_first, key=lambda row: _place(learnt.labels[row]))
        calibration = Calibration(self.temperature, threshold, rate)
        return Learnt(learnt.take(order), calibration, judged, tuple(self.same.values()))

    def _same_sounds(self, memory: Memory) -> dict[str, str]:
        """By new word, the remembered word as which it is heard: no stranger to be told apart.

        Here what the network knows of its own words counts, too: all of the embedding.
        """
        labels, embeddings = np.array(memory.labels), memory.embeddings
        names, counts = np.unique(labels, return_counts=True)
        others = [name for name in names[counts >= _FAMILIAR] if name not in (*self.words, SILENCE)]
        if not others:
            return {}
        groups = np.array([others.index(label) if label in others else -1 for label in labels])
        rows, _ = head.generative(embeddings, groups, embeddings[labels != SILENCE])
        given, same = head.softmax(rows.scores(self.heard.embeddings[:, 0])), {}
        for label, word in enumerate(self.heard.words):
            means = given[self.heard.labels == label].mean(axis=0)[:-1]
            if means.max() >= _SAME_SOUND:
                same[word] = str(others[int(np.argmax(means))])
        return same

    def _gather(self, memory: Memory) -> Examples:
        """The recordings with their variants, then what is remembered."""
        labels, (count, variants) = self.labels, self.heard.embeddings.shape[:2]
        folds = np.zeros(count, dtype=np.int64)
        for label in range(-1, len(self.words)):
            folds[labels == label] = np.arange((labels == label).sum()) % head.FOLDS
        index = {word: label for label, word in enumerate(self.words)}
        known = np.array([index.get(label, -1) for label in memory.labels], dtype=np.int64)
        # What is remembered of a new word counts as much as its recordings; all else, as set above.
        weights = np.ones(len(known))
        for label in set(labels[labels >= 0]):
            weights[known == label] = (labels == label).sum() / max(1, (known == label).sum())
        taught = count + weights[~np.isin(known, [-1, *labels])].sum()
        weights[known < 0] = _BACKGROUND * taught / max(1, (known < 0).sum())
        # Of what is remembered well, some is kept apart; of the rest whole words, as if never heard.
        rows, numbers = np.arange(len(known)), _numbered(memory.labels)
        apart = np.where(self.familiar, rows, numbers) % head.FOLDS
        speech = self.remembered != SILENCE
        _, places = np.unique(numbers[self.familiar & (known < 0)], return_inverse=True)
        groups = known.copy()
        groups[self.familiar & (known < 0)] = len(self.words) + places
        first = np.arange(variants) == 0
        return Examples(
            embeddings=np.concatenate(
                [self.heard.embeddings.reshape(count * variants, -1), memory.embeddings]
            ),
            labels=np.concatenate([np.repeat(labels, variants), known]),
            weights=np.concatenate([np.full(count * variants, 1 / variants), weights]),
            folds=np.concatenate([np.repeat(folds, variants), np.where(known < 0, apart, -1)]),
            groups=np.concatenate([np.where(first, labels[:, None], -1).ravel(), groups]),
            speech=np.concatenate([np.zeros(count * variants, dtype=bool), speech]),
        )

    def _judge(self, recordings: Numbers, strangers: list[Numbers], threshold: float) -> Report:
        """The report, given the recordings' probabilities `(N, words + rows)` and strangers' confidences."""
        said = self.labels >= 0
        labels, names = (
            self.labels[said],
            [name for name, own in zip(self.heard.names, said, strict=True) if own],
        )
        given, heard = recordings[said], np.argmax(recordings[said], axis=1)
        own = given[np.arange(len(labels)), labels]
        right = heard == labels
        sure = right & (own >= threshold)
        names_of_all = [*self.words, *self.kept]
        heard = np.where(heard < len(names_of_all), heard, -1)
        return Report(
            words=tuple(
                TaughtWord(word, int(mine.sum()), int(right[mine].sum()), int(sure[mine].sum()))
                for word in self.heard.words
                for mine in (labels == self.words.index(word),)
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
