import dataclasses
import json
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from sayso.card import UNKNOWN, ModelCard
from sayso.evaluation import listening_exam, listening_plot
from sayso.evaluation.listening_exam import Material, examine, fewest_alarms, record, share_interval
from sayso.listener import ListenerSettings

Array = NDArray[np.float32]

RATE = 2_000
HERTZ = {"left": 100.0, "marvin": 300.0, UNKNOWN: 500.0}
CARD = ModelCard(name="tones", architecture="none", labels=tuple(HERTZ), sample_rate=RATE)
PHASES = 2 * np.pi * np.outer(np.arange(RATE) / RATE, list(HERTZ.values()))
CARRIERS = np.stack([np.cos(PHASES), np.sin(PHASES)], axis=2).reshape(RATE, 6).astype(np.float32)


def tone(word: str) -> Array:
    samples = np.zeros(RATE, np.float32)
    samples[RATE // 4 : -RATE // 4] = np.sin(2 * np.pi * HERTZ[word] * np.arange(RATE // 2) / RATE)
    return samples


def knows(windows: Array) -> Array:
    """The strength of each tone, as a probability."""
    parts = (windows @ CARRIERS).reshape(len(windows), 3, 2)
    loudness = np.linalg.norm(windows, axis=1, keepdims=True) * np.sqrt(RATE / 2)
    shares: Array = np.minimum(1, np.linalg.norm(parts, axis=2) / loudness)
    shares[:, 2] = 1 - shares[:, :2].max(axis=1)
    return shares


def guesses(windows: Array) -> Array:
    """Hears the wake word in whatever is loud."""
    is_loud = windows.std(axis=1) > 0.02
    return np.where(is_loud[:, None], [0.03, 0.97, 0.0], [0.0, 0.0, 1.0]).astype(np.float32)


@pytest.fixture
def material() -> Material:
    noise = np.random.default_rng(0).standard_normal(10 * RATE).astype(np.float32)
    words = [("left", tone("left"))] * 5 + [("marvin", tone("marvin"))] * 5
    return Material(words, [noise], [tone(UNKNOWN)])


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening_exam, "RECORDING_S", 60.0)
    monkeypatch.setattr(listening_exam, "THRESHOLDS", (0.3, 0.5, 0.98))


def sit(score: Any, material: Material) -> dict[str, Any]:
    report = examine(record(material, score, CARD), ListenerSettings(presence_threshold=0.0))
    return json.loads(json.dumps(report))  # type: ignore[no-any-return]


def test_who_knows_the_words_passes(material: Material) -> None:
    report = sit(knows, material)
    assert (report["words"]["spoken"], report["words"]["minutes"]) == (10, 1)
    assert report["words"]["missed"] <= 1
    assert report["words"]["tensorflow"]["spoken"] == 10
    assert report["strangers"]["false_alarms"] == 0
    wake = report["wake_word"]
    assert (wake["word"], wake["words"]["spoken"], wake["words"]["missed"]) == ("marvin", 5, 0)
    assert wake["strangers"]["false_alarms"] == wake["other_words"]["false_alarms"] == 0
    assert report["fewest_alarms"]["miss_rate"] <= 0.05
    assert report["curve"][-1]["miss_rate"] >= report["curve"][0]["miss_rate"]


def test_who_guesses_is_found_out(material: Material) -> None:
    report = sit(guesses, material)
    assert report["words"]["missed"] >= 3  # each "left"
    assert report["words"]["wrong"] >= 3
    assert report["strangers"]["false_alarms"] >= 7
    assert report["strangers"]["false_alarms_per_hour"] == report["strangers"]["false_alarms"] * 60
    assert report["fewest_alarms"] is None
    assert report["wake_word"]["other_words"]["false_alarms"] >= 7


def test_without_the_wake_word_it_is_not_asked(material: Material) -> None:
    lefts = dataclasses.replace(material, words=material.words[:5])
    assert "wake_word" not in sit(knows, lefts)


def test_the_point_with_the_fewest_alarms() -> None:
    def point(miss_rate: float, alarms: float) -> dict[str, float]:
        return {"miss_rate": miss_rate, "false_alarms_per_hour": alarms}

    assert fewest_alarms([point(0.01, 9), point(0.05, 3), point(0.06, 0)]) == point(0.05, 3)
    assert fewest_alarms([point(0.06, 0)]) is None


def test_intervals_of_shares() -> None:
    assert share_interval(5, 100) == pytest.approx((0.0215, 0.1118), abs=1e-4)  # Newcombe 1998, method 3
    assert share_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert share_interval(0, 0) == (0.0, 1.0)


def test_the_plot_is_the_same_for_the_same_report(material: Material) -> None:
    report = sit(knows, material)
    text = listening_plot.draw(report)
    ElementTree.fromstring(text)
    assert "marvin" in text
    assert "all words" in text
    assert listening_plot.draw(report) == text
