from pathlib import Path

import numpy as np
import pytest

from sayso.errors import DataError
from sayso.training.cache import WINDOW_SAMPLES, ClipSet
from sayso.training.dataset import Clip
from sayso.training.strangers import read_strangers, split


def clips(words: list[str], speakers: list[str]) -> ClipSet:
    found = [
        Clip(Path(f"{word}/{who}_nohash_0.wav"), word, who, "training") for word in words for who in speakers
    ]
    places = np.stack([np.zeros(len(found), np.int64), np.arange(len(found))], axis=1)
    return ClipSet(tuple(found), (np.zeros((len(found), WINDOW_SAMPLES), np.int16),), places)


SPEAKERS = [f"speaker{number}" for number in range(30)]


def test_no_speaker_and_no_word_sets_and_judges() -> None:
    setting, judging = split(clips([f"word{number}" for number in range(20)], SPEAKERS))

    assert len(setting) > 50
    assert len(judging) > 50
    assert not {clip.speaker for clip in setting.clips} & {clip.speaker for clip in judging.clips}
    assert not {clip.word for clip in setting.clips} & {clip.word for clip in judging.clips}


def test_the_speakers_of_a_single_word_are_shared_out() -> None:
    setting, judging = split(clips(["jarvis"], SPEAKERS))

    assert len(setting) + len(judging) == 30
    assert min(len(setting), len(judging)) > 8


def test_another_clip_moves_none() -> None:
    before, _ = split(clips(["jarvis"], SPEAKERS[:-1]))
    after, _ = split(clips(["jarvis"], SPEAKERS))

    assert {clip.key for clip in before.clips} <= {clip.key for clip in after.clips}


def test_strangers_of_several_folders(
    tone_words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAYSO_CACHE", str(tmp_path))

    setting, judging = read_strangers([tone_words, tone_words], lambda _, clip: clip.word != "low")

    assert set(setting.words) | set(judging.words) <= {"high", "middle"}
    assert set(setting.sources) == {"tone_words"}
    for half in (setting, judging):
        assert len(half.words) == len(half.speakers) == len(half.sources) == len(half.clips) > 10
    assert not set(setting.speakers) & set(judging.speakers)
    with pytest.raises(DataError, match="has not met"):
        read_strangers([tone_words], lambda *_: False)
    assert isinstance(judging.clips, ClipSet)
    one = judging.clips.clips[0].key
    with pytest.raises(DataError, match="too few"):
        read_strangers([tone_words], lambda _, clip: clip.key == one)
