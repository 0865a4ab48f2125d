from pathlib import Path

import pytest

from sayso.errors import DataError
from sayso.training.dataset import read_clips, speaker_split, words_of


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_a_folder_of_words_becomes_clips(tmp_path: Path) -> None:
    folder = make(tmp_path, "yes/anna_nohash_0.wav", "no/ben_nohash_0.ogg", "no/notes.txt", "_noise_/tap.wav")
    clips = read_clips(folder)
    assert words_of(clips) == ("no", "yes")
    assert [(clip.word, clip.speaker) for clip in clips] == [("no", "ben"), ("yes", "anna")]


def test_the_official_lists_decide_where_they_are(tmp_path: Path) -> None:
    folder = make(tmp_path, "yes/a_nohash_0.ogg", "yes/b_nohash_0.ogg", "yes/c_nohash_0.ogg")
    (folder / "validation_list.txt").write_text("yes/a_nohash_0.wav\n")
    (folder / "testing_list.txt").write_text("yes/b_nohash_0.wav\n")
    assert [clip.split for clip in read_clips(folder)] == ["validation", "testing", "training"]


def test_the_rule_gives_the_official_lists(speech_commands: Path) -> None:
    """Recomputing the split of every listed clip gives the list it stands in."""
    for name, split in (("validation_list.txt", "validation"), ("testing_list.txt", "testing")):
        lines = (speech_commands / name).read_text().split()
        assert {speaker_split(Path(line).stem) for line in lines} == {split}


def test_no_speaker_is_in_two_splits_without_lists(tmp_path: Path) -> None:
    folder = make(tmp_path, *(f"yes/s{number % 40}_nohash_{number}.wav" for number in range(400)))
    splits: dict[str, set[str]] = {}
    for clip in read_clips(folder):
        splits.setdefault(clip.speaker, set()).add(clip.split)
    assert all(len(found) == 1 for found in splits.values())
    assert len({split for found in splits.values() for split in found}) == 3


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_without_recordings_is_said_plainly(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="folder"):
        read_clips(tmp_path / name)
