import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sayso import audio
from sayso.errors import DataError
from sayso.training import cache
from sayso.training.cache import load_folder


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAYSO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def words(tone_words: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tone_words, tmp_path / "words"))


def test_every_clip_is_as_decoded(words: Path) -> None:
    clips = load_folder(words, processes=2)
    for index in range(0, len(clips), 37):
        decoded = audio.decode(clips.clips[index].path, 16_000)
        assert np.abs(clips.waveforms(np.array([index]))[0] - decoded).max() <= 1 / 32768


def test_it_is_built_once(words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_folder(words).samples(slice(None))
    monkeypatch.setattr(cache, "_build", lambda *_: pytest.fail("built again"))
    assert (load_folder(words).samples(slice(None)) == first).all()


def test_a_changed_recording_makes_a_new_one(words: Path) -> None:
    before = load_folder(words)
    changed = before.clips[5].path
    changed.write_bytes(audio.encode_wav(np.full(16_000, 0.5, np.float32), 16_000))
    after = load_folder(words)
    assert np.allclose(after.waveforms(np.array([5])), 0.5, atol=1e-3)
    assert (after.samples(slice(6, None)) == before.samples(slice(6, None))).all()


def test_unreadable_recordings_are_named_and_left_out(words: Path) -> None:
    (words / "low" / "zz_nohash_0.wav").write_bytes(b"this is no recording")
    (words / "low" / "zz_nohash_1.wav").write_bytes(b"")
    clips = load_folder(words)
    assert len(clips.unreadable) == 2
    assert "zz_nohash_0" in clips.unreadable[0]
    assert not any(clip.speaker == "zz" for clip in clips.clips)


def test_nothing_readable_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "words" / "yes").mkdir(parents=True)
    (tmp_path / "words" / "yes" / "a.wav").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="None of the 1 recordings"):
        load_folder(tmp_path / "words")


def test_long_and_short_recordings_become_one_second(tmp_path: Path) -> None:
    folder = tmp_path / "words" / "yes"
    folder.mkdir(parents=True)
    loud = np.zeros(48_000, np.float32)
    loud[20_000:30_000] = 0.5
    (folder / "a_nohash_0.wav").write_bytes(audio.encode_wav(loud, 16_000))
    (folder / "b_nohash_0.wav").write_bytes(audio.encode_wav(np.full(4_000, 0.5, np.float32), 16_000))
    long, short = load_folder(tmp_path / "words").waveforms(slice(None))
    assert np.sum(long > 0.4) == 10_000  # the whole sound is in the second that is kept
    assert (short[6_000:10_000] > 0.4).all()  # in the middle
    assert not short[:6_000].any()
    assert not short[10_000:].any()


def test_a_killed_build_goes_on(words: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after its first blocks, it decodes only the others, and the array is whole."""
    script = (
        "from pathlib import Path; from sayso.training import cache; cache._BLOCK = 16; "
        f"cache.load_folder(Path({str(words)!r}), processes=1)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    deadline = time.monotonic() + 60
    while not any(path.read_text().count("\n") >= 2 for path in cache_home.glob("*.partial/done.jsonl")):
        assert process.poll() is None, "finished before it could be killed"
        assert time.monotonic() < deadline
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = sum(path.read_text().count("\n") for path in cache_home.glob("*.partial/done.jsonl"))
    assert 2 <= done < 14

    monkeypatch.setattr(cache, "_BLOCK", 16)
    whole = load_folder(words).samples(slice(None))
    assert not list(cache_home.glob("*.partial"))
    monkeypatch.setenv("SAYSO_CACHE", str(cache_home / "afresh"))
    assert (load_folder(words).samples(slice(None)) == whole).all()


def test_a_full_disk_is_one_sentence(words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"No space left on device.*SAYSO_CACHE"):
        load_folder(words)
