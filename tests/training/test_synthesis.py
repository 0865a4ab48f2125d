import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sayso import audio
from sayso.cli import main
from sayso.errors import DataError
from sayso.training import synthesis
from sayso.training.dataset import read_clips
from sayso.training.synthesis import common_words, draw, phrases, synthesize

needs_a_voice = pytest.mark.skipif(
    not any(map(shutil.which, synthesis.ENGINES.values())),
    reason="needs espeak-ng or flite: apt-get install espeak-ng flite",
)


@needs_a_voice
def test_words_become_recordings_in_many_voices(tmp_path: Path) -> None:
    assert synthesize(["computer", "lights on"], tmp_path, clips=6) == 12
    clips = read_clips(tmp_path)
    assert {clip.word for clip in clips} == {"computer", "lights on"}
    assert len({clip.speaker for clip in clips}) > 4
    for clip in clips:
        samples = audio.decode(clip.path, 16_000)
        assert len(samples) >= 16_000
        assert np.abs(samples).max() > 0.05


@needs_a_voice
def test_called_again_it_makes_only_what_is_missing(tmp_path: Path) -> None:
    synthesize(["stop"], tmp_path, clips=4)
    made = sorted((tmp_path / "stop").iterdir())
    lost = made[1].read_bytes()
    made[1].unlink()
    assert synthesize(["stop"], tmp_path, clips=4) == 1
    assert sorted((tmp_path / "stop").iterdir()) == made
    assert made[1].read_bytes() == lost


def test_draws_are_seeded_and_of_their_own_word() -> None:
    assert draw("yes", 5, ["espeak-ng"], 1) == draw("yes", 5, ["espeak-ng"], 1)
    assert draw("yes", 5, ["espeak-ng"], 1) != draw("yes", 5, ["espeak-ng"], 2)
    assert draw("yes", 5, ["espeak-ng"], 1)[0].voice != draw("no", 5, ["espeak-ng"], 1)[0].voice
    engines = [one.engine for one in draw("yes", 200, ["espeak-ng", "flite"], 0)]
    assert 10 < engines.count("flite") < 80
    engines = [one.engine for one in draw("yes", 200, list(synthesis.ENGINES), 0)]
    assert set(engines) == set(synthesis.ENGINES)
    assert engines.count("espeak-ng") > 100
    assert {one.engine for one in draw("yes", 5, ["festival"], 0)} == {"festival"}


@pytest.mark.parametrize("engine", synthesis.ENGINES)
def test_each_program_speaks_in_each_of_its_voices(engine: str, tmp_path: Path) -> None:
    if not shutil.which(synthesis.ENGINES[engine]):
        pytest.skip(f"needs {engine}")
    drawn = {one.voice: one for one in draw("seven", 12, [engine], 0)}
    for voice, utterance in drawn.items():
        assert synthesis._make(utterance, tmp_path / f"{voice}.wav"), voice
        samples = audio.decode(tmp_path / f"{voice}.wav", 16_000)
        assert np.abs(samples).max() > 0.05


@pytest.mark.parametrize("word", ["", "../up", "_silence_", "-v", "a/b", ".hidden"])
def test_a_word_that_is_no_folder_is_refused(
    tmp_path: Path, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesis, "which", lambda _: "/usr/bin/true")
    with pytest.raises(DataError, match="folder"):
        synthesize([word], tmp_path, clips=1)


def test_without_a_voice_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "which", lambda _: None)
    with pytest.raises(DataError, match="apt-get install espeak-ng"):
        synthesize(["yes"], tmp_path, clips=1)


def test_common_words_are_none_of_the_vocabulary() -> None:
    import sayso

    words = common_words()
    assert len(words) > 700
    assert len(set(words)) == len(words)
    assert not set(words) & set(sayso.load().card.words)


def test_phrases_are_several_words_and_the_seed_draws_them() -> None:
    drawn = phrases(["river", "cotton"], 50, seed=1)
    assert drawn == phrases(["river", "cotton"], 50, seed=1)
    assert drawn != phrases(["river", "cotton"], 50, seed=2)
    counts = {phrase.count("river") + phrase.count("cotton") for phrase in drawn}
    assert counts == {2, 3, 4}


@needs_a_voice
def test_the_command_says_phrases_of_the_words_given(tmp_path: Path) -> None:
    command = ["synthesize", "river", "cotton", "--phrases", "2", "--clips", "1", "-o", str(tmp_path)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    names = [folder.name for folder in tmp_path.iterdir()]
    assert sorted(names) == sorted(phrases(["river", "cotton"], 2))
