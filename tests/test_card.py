import json

import pytest

from sayso.card import Calibration, Figure, ModelCard
from sayso.errors import ModelError

CARD = ModelCard(
    "tiny",
    "m5",
    ("no", "yes", "_silence_", "_unknown_"),
    training_clips=(3, 4, 0, 0),
    calibration=Calibration(1.3, 0.5, 0.01),
    figures=(Figure("accuracy", 0.9, "test", 10, 0.8, 0.95),),
)


def test_a_card_survives_its_own_json() -> None:
    assert ModelCard.from_json(CARD.to_json()) == CARD


def test_words_are_the_labels_that_are_words() -> None:
    assert CARD.words == ("no", "yes")
    assert CARD.window_samples == 16_000


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ["yes"]},
        {"labels": ["yes", "yes"]},
        {"labels": 3},
        {"sample_rate": 0},
        {"window_seconds": -1},
        {"calibration": {"temperature": 0}},
        {"training_clips": [1]},
        {"colour": "red"},
        {"format_version": 99},
    ],
)
def test_a_wrong_card_is_refused(change: dict[str, object]) -> None:
    values = json.loads(CARD.to_json()) | change
    with pytest.raises(ModelError):
        ModelCard.from_json(json.dumps(values))


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "{", '"card"'])
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(ModelError):
        ModelCard.from_json(text)
