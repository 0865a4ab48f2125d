import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from sayso.card import SILENCE, UNKNOWN
from sayso.evaluation import openset

CONFIDENCES = st.lists(st.integers(0, 10).map(lambda tenths: tenths / 10), min_size=1, max_size=30)


@given(CONFIDENCES, CONFIDENCES)
def test_auroc_agrees_with_scikit_learn(words: list[float], strangers: list[float]) -> None:
    expected = sklearn_metrics.roc_auc_score([1] * len(words) + [0] * len(strangers), words + strangers)

    assert openset.auroc(np.array(words), np.array(strangers)) == pytest.approx(expected)


@given(CONFIDENCES, st.floats(0, 1))
def test_the_threshold_accepts_as_many_strangers_as_allowed(strangers: list[float], rate: float) -> None:
    values = np.array(strangers)

    threshold = openset.threshold_for(values, rate)

    accepted = (values >= threshold).mean()
    assert accepted <= rate + 1e-9
    below = values[values < threshold]
    if len(below):  # the next lower threshold would accept too many
        assert (values >= below.max()).mean() > rate


def test_the_threshold_of_known_strangers() -> None:
    strangers = np.arange(1, 1001) / 1000

    for rate, highest_refused in ((0.01, 0.99), (0.05, 0.95), (0.0, 1.0)):
        threshold = openset.threshold_for(strangers, rate)
        assert highest_refused < threshold < highest_refused + 1e-9
    assert openset.threshold_for(strangers, 1.0) == 0


def test_an_operating_point_counts_words_right_and_accepted() -> None:
    words, right = np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, True])

    point = openset.operate(words, right, list("abcd"), np.array([0.75, 0.2]), 0.7)

    assert point.false_accepts == 0.5
    assert point.correct.value == 0.5
    assert point.false_rejects == 0.25


@given(CONFIDENCES, CONFIDENCES)
def test_the_curve_holds_the_errors_at_its_thresholds(words: list[float], strangers: list[float]) -> None:
    own, others = np.array(words), np.array(strangers)

    curve = openset.det_curve(own, others)

    assert (curve[0].false_accepts, curve[0].false_rejects) == (1, 0)
    assert (curve[-1].false_accepts, curve[-1].false_rejects) == (0, 1)
    for point in curve:
        assert point.false_accepts == pytest.approx((others >= point.threshold).mean())
        assert point.false_rejects == pytest.approx((own < point.threshold).mean())


def test_the_curve_agrees_with_scikit_learn_and_is_short() -> None:
    random = np.random.default_rng(0)
    words, strangers = random.normal(1, 1, 3_000), random.normal(0, 1, 2_000)

    curve = openset.det_curve(words, strangers)

    accepts, rejects, _ = sklearn_metrics.det_curve(
        np.repeat([1, 0], [3_000, 2_000]), np.concatenate([words, strangers])
    )
    assert 100 < len(curve) <= openset.DET_POINTS
    for point in curve[:-1]:
        assert (
            np.abs(accepts - point.false_accepts)[np.abs(rejects - point.false_rejects) < 1e-9].min() < 1e-9
        )


def test_confidence_is_that_of_words() -> None:
    probabilities = np.array([[0.2, 0.3, 0.4, 0.1]])

    assert openset.confidence(probabilities, ["yes", "no", SILENCE, UNKNOWN]) == [0.3]


def test_no_source_makes_up_for_another() -> None:
    hard, easy = np.linspace(0.5, 1, 100, endpoint=False), np.linspace(0, 0.1, 900)
    strangers, sources = np.concatenate([hard, easy]), ["people"] * 100 + ["machines"] * 900

    threshold = openset.threshold_for_each(strangers, sources, 0.01)

    assert (hard >= threshold).mean() == 0.01
    assert (hard >= openset.threshold_for(strangers, 0.01)).mean() == 0.1


def heard(confidences: list[float], source: str = "birds") -> openset.Heard:
    probabilities = np.array([[each, 1 - each] for each in confidences])
    names = [f"{clip}" for clip in range(len(confidences))]
    return openset.Heard(probabilities, ["sky"] * len(names), names, [source] * len(names))


def test_thresholds_are_set_on_some_strangers_and_judged_by_others() -> None:
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6]])

    judged = openset.judge(
        probabilities,
        np.array([0, 0]),
        ["anna", "ben"],
        heard([0.8] * 20, "fish"),
        heard([0.7] * 19 + [0.85]),
        labels=["yes", "no"],
        covered=np.array([True, False]),
        own_threshold=0.5,
    )

    points = {(point["wanted_false_accepts"], point["set_on"]): point for point in judged["points"]}
    assert len(points) == 5
    elsewhere = points[0.01, "other strangers"]
    assert 0.8 < elsewhere["threshold"] < 0.81
    assert elsewhere["false_accepts"] == elsewhere["false_accepts_by_source"]["birds"]["value"] == 0.05
    assert points[0.01, "these strangers"]["false_accepts"] == 0
    assert points[0.05, "these strangers"]["false_accepts"] == 0.05
    assert points[None, "the card"]["false_accepts"] == 1
    assert elsewhere["correct"]["value"] == 0.5
    assert elsewhere["correct_covered"]["value"] == 1
    assert judged["accepted_by_word"] == {"sky": 0.05}
    assert not judged["speakers_known"]
