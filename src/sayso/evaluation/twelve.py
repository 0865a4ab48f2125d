"""The field's twelve labels: ten commands, everything else as unknown, and silence.

A model of more words sits it by mapping: an answer that is no command is the answer "unknown".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sayso.card import SILENCE, UNKNOWN
from sayso.evaluation import metrics
from sayso.evaluation.metrics import Interval, Scores, WordFigures

COMMANDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
LABELS = (*COMMANDS, UNKNOWN, SILENCE)


@dataclass(frozen=True)
class Twelve:
    """Figures of the twelve-label protocol."""

    commands: Interval  # clips of the ten commands, any answer possible
    forced: Interval  # the same clips, the answer the likeliest of the ten
    everything: Interval  # all clips, under the protocol's labels
    balanced_accuracy: float  # mean recall of the protocol's labels that have clips
    labels: tuple[WordFigures, ...]


def judge(
    scores: Scores, truths: Sequence[str], speakers: Sequence[str], *, labels: Sequence[str]
) -> Twelve | None:
    """Judge scores of clips by the twelve-label protocol.

    Args:
        scores: `(N, L)`, logits or probabilities.
        truths: `(N,)`, the word each clip holds, or `_silence_`.
        speakers: `(N,)`, who spoke each; for silence, which recording it comes from.
        labels: the scores' `L` labels.

    Returns:
        the figures; None where the model lacks one of the ten commands or no clip holds one.

    """
    if not set(COMMANDS) <= set(labels):
        return None
    answers = mapped(labels)[np.argmax(scores, axis=1)]
    truth = mapped(truths)
    is_command = truth < len(COMMANDS)
    if not is_command.any():
        return None
    who = np.asarray(speakers)
    ten = scores[:, [labels.index(word) for word in COMMANDS]]  # (N, 10)
    one_hot = np.eye(len(LABELS))[answers]
    right = answers == truth
    return Twelve(
        commands=metrics.bootstrap(right[is_command], who[is_command]),
        forced=metrics.accuracy_interval(ten[is_command], truth[is_command], who[is_command]),
        everything=metrics.bootstrap(right, who),
        balanced_accuracy=metrics.balanced_accuracy(one_hot, truth),
        labels=metrics.per_word(one_hot, truth, LABELS),
    )


def mapped(names: Sequence[str]) -> NDArray[np.int64]:
    """The place in `LABELS` of each word or label, `(N,)`: what is neither command nor silence is unknown."""
    place = {label: index for index, label in enumerate(LABELS)}
    return np.array([place.get(name, place[UNKNOWN]) for name in names], dtype=np.int64)
