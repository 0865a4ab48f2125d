import math
import random
import time
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from sayso.evaluation import metrics

Scores = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]

WORDS = tuple("abcdefg")


@pytest.fixture
def logits(rng: np.random.Generator, labels: Labels) -> Scores:
    scores = rng.normal(size=(len(labels), len(WORDS)))
    scores[np.arange(len(labels)), labels] += 1.5
    return (3 * scores).astype(np.float32)


@pytest.fixture
def labels(rng: np.random.Generator) -> Labels:
    return rng.choice(len(WORDS) - 1, size=500, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05])  # "g" has no clip


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_accuracies_agree_with_scikit_learn(logits: Scores, labels: Labels) -> None:
    answers = logits.argmax(axis=1)

    assert metrics.accuracy(logits, labels) == pytest.approx(sklearn_metrics.accuracy_score(labels, answers))
    recalls = sklearn_metrics.recall_score(labels, answers, average=None, labels=range(6))
    assert metrics.balanced_accuracy(logits, labels) == pytest.approx(recalls.mean())
    assert (
        metrics.confusion(logits, labels)
        == sklearn_metrics.confusion_matrix(labels, answers, labels=range(7))
    ).all()
    for k in (1, 2, 3):
        expected = sklearn_metrics.top_k_accuracy_score(labels, logits, k=k, labels=range(7))
        assert metrics.top_k_accuracy(logits, labels, k) == pytest.approx(expected)


def test_per_word_agrees_with_scikit_learn(logits: Scores, labels: Labels) -> None:
    precision, recall, _, count = sklearn_metrics.precision_recall_fscore_support(
        labels, logits.argmax(axis=1), labels=range(7), zero_division=np.nan
    )

    figures = metrics.per_word(logits, labels, WORDS)

    assert [each.word for each in figures] == list(WORDS)
    assert [each.clips for each in figures] == count.tolist()
    assert [each.precision for each in figures] == pytest.approx(precision.tolist())
    assert [each.recall for each in figures[:6]] == pytest.approx(recall[:6].tolist())
    assert figures[6].recall is None


def test_a_word_never_answered_has_no_precision() -> None:
    figures = metrics.per_word(np.eye(3)[[0, 0]], np.array([0, 1]), "abc")

    assert [each.precision for each in figures] == [0.5, None, None]
    assert [each.recall for each in figures] == [1.0, 0.0, None]


@given(st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=1, max_size=20), st.randoms())
def test_top_1_is_accuracy_even_among_equal_scores(rows: list[list[int]], random: random.Random) -> None:
    scores = np.array(rows, dtype=np.float64)
    labels = np.array([random.randrange(4) for _ in rows])

    assert metrics.top_k_accuracy(scores, labels, 1) == pytest.approx(metrics.accuracy(scores, labels))
    assert metrics.top_k_accuracy(scores, labels, 4) == 1


def test_softmax_and_likelihood_agree_with_scikit_learn(logits: Scores, labels: Labels) -> None:
    probabilities = metrics.softmax(logits)

    assert probabilities.sum(axis=1) == pytest.approx(1)
    expected = sklearn_metrics.log_loss(labels, probabilities, labels=range(7))
    assert metrics.negative_log_likelihood(probabilities, labels) == pytest.approx(expected)
    assert np.isfinite(metrics.negative_log_likelihood(np.eye(2, dtype=np.float32), np.array([1, 0])))


def test_calibration_error_follows_its_definition(logits: Scores, labels: Labels) -> None:
    probabilities = metrics.softmax(logits)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    expected = 0.0
    for index in range(15):
        inside = (confidence > index / 15) & (confidence <= (index + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())

    assert metrics.expected_calibration_error(probabilities, labels) == pytest.approx(expected)
    bins = metrics.reliability(probabilities, labels)
    assert sum(each.clips for each in bins) == len(labels)
    assert all(each.low < each.confidence <= each.high for each in bins if each.confidence is not None)


def test_calibration_error_of_known_cases() -> None:
    sure = np.tile([1.0, 0.0], (10, 1))

    assert metrics.expected_calibration_error(sure, np.zeros(10, int)) == 0
    assert metrics.expected_calibration_error(sure, np.ones(10, int)) == 1
    assert metrics.expected_calibration_error(sure, np.arange(10) % 2) == pytest.approx(0.5)


def test_temperature_is_the_best_there_is(logits: Scores, labels: Labels) -> None:
    def loss(temperature: float) -> float:
        return metrics.negative_log_likelihood(metrics.softmax(logits, temperature), labels)

    best = metrics.fit_temperature(logits, labels)

    coldest, hottest = metrics.TEMPERATURES
    others = np.append(np.geomspace(coldest, hottest, 200), [best * 0.99, best * 1.01])
    assert all(loss(best) < loss(other) for other in others)


@settings(max_examples=20)
@given(st.floats(0.1, 10))
def test_temperature_scales_with_the_logits(scale: float) -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(4, size=300)
    logits = rng.normal(size=(300, 4)) + 2 * np.eye(4)[labels]

    assert metrics.fit_temperature(logits * scale, labels) == pytest.approx(
        scale * metrics.fit_temperature(logits, labels), rel=1e-4
    )


def test_temperature_recovers_a_calibrated_model(rng: np.random.Generator) -> None:
    logits = 2 * rng.normal(size=(20_000, 5))
    labels = np.array([rng.choice(5, p=row) for row in metrics.softmax(logits)])

    temperature = metrics.fit_temperature(2.5 * logits, labels)

    assert temperature == pytest.approx(2.5, rel=0.03)
    before = metrics.expected_calibration_error(metrics.softmax(2.5 * logits), labels)
    after = metrics.expected_calibration_error(metrics.softmax(2.5 * logits, temperature), labels)
    assert after < 0.02 < before


def test_temperature_stays_in_its_bounds() -> None:
    logits = np.eye(3)
    coldest, hottest = metrics.TEMPERATURES

    assert metrics.fit_temperature(logits, np.arange(3)) == pytest.approx(coldest, rel=1e-4)
    assert metrics.fit_temperature(logits, (np.arange(3) + 1) % 3) == pytest.approx(hottest, rel=1e-4)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(200):
        speakers = np.repeat(np.arange(60), rng.integers(1, 8, size=60))
        skill = rng.beta(4, 1, size=60)  # voices differ: their mean is 0.8
        right = rng.random(len(speakers)) < skill[speakers]
        interval = metrics.bootstrap(right, speakers, resamples=400, seed=seed)
        hits += interval.low <= 0.8 <= interval.high
    assert 0.88 <= hits / 200 <= 0.99


def test_interval_is_wider_when_clips_share_a_voice() -> None:
    right = np.repeat(np.arange(50) % 5 > 0, 20)

    by_speaker = metrics.bootstrap(right, np.repeat(np.arange(50), 20))
    by_clip = metrics.bootstrap(right, np.arange(1000))

    assert (by_speaker.value, by_speaker.clips, by_speaker.speakers) == (0.8, 1000, 50)
    assert by_speaker.low <= by_clip.low < 0.8 < by_clip.high <= by_speaker.high
    assert by_speaker.high - by_speaker.low > 3 * (by_clip.high - by_clip.low)


def test_interval_is_seeded_and_takes_names(logits: Scores, labels: Labels) -> None:
    speakers = [f"speaker {index % 40}" for index in range(len(labels))]

    interval = metrics.accuracy_interval(logits, labels, speakers, seed=3)

    assert interval == metrics.accuracy_interval(logits, labels, speakers, seed=3)
    assert interval != metrics.accuracy_interval(logits, labels, speakers, seed=4)
    assert interval.value == metrics.accuracy(logits, labels)
    assert interval.low < interval.value < interval.high


def test_interval_of_one_speaker_is_a_point() -> None:
    interval = metrics.bootstrap(np.array([1.0, 0.0]), ["anna", "anna"])

    assert (interval.low, interval.high) == (0.5, 0.5)


def test_interval_of_the_test_split_is_quick() -> None:
    rng = np.random.default_rng(0)
    speakers = rng.integers(900, size=6_634)

    start = time.perf_counter()
    metrics.bootstrap(rng.random(6_634) < 0.9, speakers)

    assert time.perf_counter() - start < 0.7


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int) -> None:
    first_right = np.array([True] * first + [False] * second + [True, False])
    second_right = np.array([False] * first + [True] * second + [True, False])

    result = metrics.mcnemar(first_right, second_right)

    assert (result.first_alone, result.second_alone) == (first, second)
    differing, fewer = first + second, min(first, second)
    tail = sum(Fraction(math.comb(differing, rights), 2**differing) for rights in range(fewer + 1))
    assert result.p_value == pytest.approx(float(min(1, 2 * tail)))


def test_nothing_is_measured_on_no_clips() -> None:
    with pytest.raises(ValueError, match="0 labels"):
        metrics.accuracy(np.empty((0, 3)), np.empty(0, int))
    with pytest.raises(ValueError, match="2 values for 1"):
        metrics.bootstrap(np.zeros(2), ["anna"])
