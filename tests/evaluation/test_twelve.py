import numpy as np
import pytest

from sayso.card import SILENCE, UNKNOWN
from sayso.evaluation import twelve

WORDS = (*twelve.COMMANDS, "bed", "bird")


def scores_of(
    answers: list[str], labels: tuple[str, ...]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.eye(len(labels))[[labels.index(answer) for answer in answers]]


def test_words_that_are_no_commands_are_unknown_whichever_they_are() -> None:
    truths = ["yes", "no", "bed", "bird", "bed"]
    answers = ["yes", "bed", "bird", "bird", "go"]

    judged = twelve.judge(scores_of(answers, WORDS), truths, list("abcde"), labels=WORDS)

    assert judged is not None
    assert judged.commands.value == 0.5
    assert judged.commands.clips == 2
    assert judged.everything.value == pytest.approx(3 / 5)
    recalls = {each.word: each.recall for each in judged.labels}
    assert recalls[UNKNOWN] == pytest.approx(2 / 3)
    assert recalls["go"] is None
    assert judged.balanced_accuracy == pytest.approx((1 + 0 + 2 / 3) / 3)


def test_forced_answers_are_the_best_of_the_ten() -> None:
    scores = np.array([[0.0, 0.3] + [0.1] * 8 + [0.9, 0.0]])  # bed, then no

    judged = twelve.judge(scores, ["no"], ["anna"], labels=WORDS)

    assert judged is not None
    assert (judged.commands.value, judged.forced.value) == (0, 1)


def test_silence_and_unknown_are_labels_of_their_own() -> None:
    labels = (*WORDS, SILENCE, UNKNOWN)
    truths, answers = ["bed", SILENCE, SILENCE, "up"], [UNKNOWN, SILENCE, "up", SILENCE]

    judged = twelve.judge(scores_of(answers, labels), truths, list("abcd"), labels=labels)

    assert judged is not None
    recalls = {each.word: each.recall for each in judged.labels}
    assert (recalls[UNKNOWN], recalls[SILENCE], recalls["up"]) == (1, 0.5, 0)


def test_a_model_of_other_words_does_not_sit_it() -> None:
    assert twelve.judge(np.eye(2), ["cat", "dog"], ["a", "b"], labels=("cat", "dog")) is None
    assert twelve.judge(np.eye(12)[10:], ["bed", "bird"], ["a", "b"], labels=WORDS) is None
