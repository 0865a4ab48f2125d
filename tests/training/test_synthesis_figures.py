from pathlib import Path

import pytest

from sayso.training.dataset import of_split, read_clips
from sayso.training.recipe import Recipe
from sayso.training.synthesis_figures import compare_words
from sayso.training.train import train


def test_scarce_words_and_what_becomes_of_the_others(
    tone_words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAYSO_CACHE", str(tmp_path / "cache"))
    values = {
        "name": "tones",
        "network": {"name": "m3", "frontend_options": {"sample_rate": 8000}},
        "training": {"epochs": 1, "batch_size": 32, "learning_rate": 0.005},
    }
    plain = train(Recipe.from_values(values), tone_words, tmp_path / "plain")
    forgetful = Recipe.from_values(values | {"data": {"only_synthetic": ["low"]}})  # and nothing synthetic

    found = compare_words([plain, train(forgetful, tone_words, tmp_path / "never")], tone_words, ["low", "x"])

    with_low, without_low = found["runs"]
    clips = of_split(read_clips(tone_words), "testing")
    assert list(with_low["testing"]["recall"]) == ["low"]
    assert with_low["testing"]["recall"]["low"]["clips"] == sum(clip.word == "low" for clip in clips)
    assert with_low["testing"]["all_scarce"] == with_low["testing"]["recall"]["low"]
    assert with_low["testing"]["accuracy"]["clips"] == sum(clip.word != "low" for clip in clips)
    assert without_low["testing"]["recall"]["low"]["value"] == without_low["testing"]["taken"] == 0
    assert without_low["validation"]["accuracy"]["value"] > 0.4
