from pathlib import Path

import numpy as np
import pytest
import soundfile

from sayso.errors import DataError
from sayso.training.dataset import NOISE_FOLDER
from sayso.training.recipe import DataRecipe, NetworkRecipe, Recipe, TrainingRecipe
from sayso.training.splits import MAX_REPEATS, load_splits
from sayso.training.train import background


def record(folder: Path, word: str, count: int) -> None:
    (folder / word).mkdir(parents=True)
    random = np.random.default_rng(len(word))
    for speaker in range(count):
        path = folder / word / f"{speaker:08x}_nohash_0.wav"
        soundfile.write(path, 0.3 * random.standard_normal(16_000), 16_000)


def counts(folder: Path, data: DataRecipe) -> dict[str, int]:
    recipe = Recipe("x", NetworkRecipe("m3"), TrainingRecipe(epochs=1, batch_size=2), data)
    training, _, words = load_splits(recipe, folder)
    return {word: sum(clip.word == word for clip in training.clips) for word in words}


def test_scarce_words_come_more_often_and_synthetic_clips_as_they_are(tmp_path: Path) -> None:
    record(tmp_path / "words", "often", 60)
    record(tmp_path / "words", "seldom", 12)
    record(tmp_path / "spoken", "seldom", 5)
    plain = counts(tmp_path / "words", DataRecipe())

    evened = counts(tmp_path / "words", DataRecipe(least_clips=30, synthetic=("spoken",)))
    strained = counts(tmp_path / "words", DataRecipe(least_clips=10_000))

    assert evened == {"often": plain["often"], "seldom": 30 + 5}
    silent = counts(tmp_path / "words", DataRecipe(only_synthetic=("seldom",), synthetic=("spoken",)))
    assert silent == {"often": plain["often"], "seldom": 5}
    assert strained["seldom"] == MAX_REPEATS * plain["seldom"]


def test_clips_read_into_memory_are_the_same_clips(tmp_path: Path) -> None:
    record(tmp_path / "words", "often", 60)
    record(tmp_path / "words", "seldom", 12)
    recipe = Recipe(
        "x", NetworkRecipe("m3"), TrainingRecipe(epochs=1, batch_size=2), DataRecipe(least_clips=30)
    )
    training, _, _ = load_splits(recipe, tmp_path / "words")

    held = training.in_memory()

    assert held.clips == training.clips
    assert not isinstance(held.parts[0], np.memmap)
    np.testing.assert_array_equal(held.samples(slice(None)), training.samples(slice(None)))


def test_further_folders_of_noise_join_the_folders_own(tmp_path: Path) -> None:
    for folder, level in (("words", 0.1), ("streets", 0.3)):
        (tmp_path / folder / NOISE_FOLDER).mkdir(parents=True)
        soundfile.write(tmp_path / folder / NOISE_FOLDER / "n.wav", np.full(32_000, level), 16_000)
    recipe = Recipe("x", NetworkRecipe("m3"), TrainingRecipe(epochs=1), DataRecipe(noises=("streets",)))

    heard = background(recipe, tmp_path / "words")

    assert heard is not None
    assert heard.tolist() == pytest.approx([0.1] * 32_000 + [0.3] * 32_000, abs=1e-4)
    (tmp_path / "streets" / NOISE_FOLDER / "n.wav").unlink()
    with pytest.raises(DataError, match="streets"):
        background(recipe, tmp_path / "words")
