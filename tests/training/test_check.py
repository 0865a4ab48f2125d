import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sayso import audio
from sayso.training.cache import ClipSet, load_folder
from sayso.training.check import Finding, Kind, Report, check
from sayso.training.dataset import read_clips
from sayso.training.fingerprint import same_recordings
from sayso.training.summary import summarise

RATE = 16_000
WORDS = ("go", "left", "stop")

Samples = NDArray[np.float32]


@functools.cache
def spoken(seed: int, seconds: float = 1.0) -> Samples:
    """Something like speech: syllables of a gliding voice, each with its own formants, in a little noise."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    samples = 0.003 * random.standard_normal(len(time))
    harmonics = np.arange(1, 20)[:, None]
    for start in random.uniform(0.1, 0.7, size=3) * seconds:
        pitch, glide, length = random.uniform(90, 250), random.uniform(-100, 100), random.uniform(0.05, 0.15)
        formants = random.uniform(300, 3_500, size=3)
        levels = np.exp(-np.abs(harmonics * pitch - formants) / 150).sum(axis=1)
        turns = np.cumsum(pitch + glide * (time - start)) / RATE
        voice = levels @ np.sin(2 * np.pi * (harmonics * turns + random.random((19, 1))))
        samples += 0.1 * voice * np.exp(-(((time - start) / length) ** 2))
    result: Samples = (0.4 * samples / np.abs(samples).max()).astype(np.float32)
    result.flags.writeable = False
    return result


def to_int16(samples: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    result: NDArray[np.int16] = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    return result


class Folder:
    """A folder of words with official lists, written clip by clip."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lists: dict[str, list[str]] = {"validation": [], "testing": []}

    def add(self, key: str, samples: Samples, split: str = "training", ending: str = "wav") -> None:
        path = self.path / f"{key}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, to_int16(samples), RATE)
        if split != "training":
            self.lists[split].append(f"{key}.wav")

    def load(self) -> ClipSet:
        """The clips decoded here and now: a cache would start processes."""
        for split, keys in self.lists.items():
            (self.path / f"{split}_list.txt").write_text("\n".join(keys))
        clips = read_clips(self.path)
        sounds = [audio.fit_window(soundfile.read(clip.path, dtype="float32")[0], RATE) for clip in clips]
        places = np.stack([np.zeros(len(clips), np.int64), np.arange(len(clips))], axis=1)
        return ClipSet(tuple(clips), (to_int16(np.stack(sounds)),), places)

    def check(self) -> Report:
        return check(self.load())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Twelve clips without a fault, by eight speakers, two of them kept for judging."""
    made = Folder(tmp_path / "words")
    for number in range(12):
        speaker, split = (number % 8, {6: "validation", 7: "testing"}.get(number % 8, "training"))
        made.add(f"{WORDS[number % 3]}/s{speaker}_nohash_{number // 8}", spoken(number), split)
    return made


def only(report: Report, kind: Kind) -> Finding:
    assert [finding.kind for finding in report.findings] == [kind], report.findings
    return report.findings[0]


def names(finding: Finding) -> list[str]:
    return sorted("/".join(Path(path).parts[-2:]) for path in finding.clips)


def test_nothing_is_found_in_a_clean_folder(folder: Folder) -> None:
    report = folder.check()

    assert (report.clips, report.findings) == (12, ())


def test_a_speaker_in_two_splits_is_a_leak(folder: Folder) -> None:
    folder.add("go/s7_nohash_5", spoken(99))

    finding = only(folder.check(), "speaker_in_splits")

    assert finding.leak
    assert finding.sentence == "Speaker s7 has clips in training (1) and testing (1)."
    assert names(finding) == ["go/s7_nohash_5.wav", "left/s7_nohash_0.wav"]


def test_identical_recordings_are_found_by_their_samples(folder: Folder) -> None:
    folder.add("go/new_nohash_0", spoken(7), ending="flac")  # the clip of s7, in other bytes

    finding = only(folder.check(), "identical")

    assert finding.leak
    assert finding.sentence == "The same recording is labelled go and left and is in training and testing."
    assert names(finding) == ["go/new_nohash_0.flac", "left/s7_nohash_0.wav"]


def test_a_recording_counted_twice_is_no_leak(folder: Folder) -> None:
    folder.add("go/new_nohash_0", spoken(0))

    finding = only(folder.check(), "identical")

    assert not finding.leak
    assert finding.sentence == "The same recording counts 2 times."


def shifted(samples: Samples) -> Samples:
    return np.concatenate([np.zeros(800, np.float32), samples[:-800]])


@pytest.mark.parametrize(
    ("change", "ending"),
    [
        (lambda samples: 0.3 * samples, "wav"),
        (shifted, "wav"),
        (lambda samples: -samples, "wav"),
        (lambda samples: samples, "mp3"),
        (lambda samples: 0.5 * shifted(samples), "ogg"),
    ],
    ids=["softer", "later", "reversed polarity", "MP3", "later and softer, Vorbis"],
)
def test_a_changed_recording_is_found(
    folder: Folder, change: Callable[[Samples], Samples], ending: str
) -> None:
    folder.add("left/new_nohash_0", change(spoken(7)), ending=ending)

    finding = only(folder.check(), "near_identical")

    assert finding.leak
    assert names(finding) == [f"left/new_nohash_0.{ending}", "left/s7_nohash_0.wav"]
    assert "is in training and testing" in finding.sentence


def test_copies_and_changed_copies_are_one_finding(folder: Folder) -> None:
    folder.add("left/new_nohash_0", spoken(7))
    folder.add("left/new_nohash_1", 0.5 * spoken(7))
    folder.add("left/new_nohash_2", shifted(spoken(7)))

    identical, changed = folder.check().findings

    assert (identical.kind, len(identical.clips)) == ("identical", 2)
    assert (changed.kind, len(changed.clips)) == ("near_identical", 4)


def test_hum_and_a_click_are_not_taken_for_the_recording(folder: Folder) -> None:
    time = np.arange(RATE) / RATE
    hum = sum(np.sin(2 * np.pi * 50 * harmonic * time) for harmonic in (1, 3, 5, 7))
    click = np.zeros(RATE)
    click[9_000:9_050] = np.random.default_rng(0).standard_normal(50)
    for take, extra in enumerate((hum * 0.03, hum * 0.03, click * 0.5, click * 0.5)):
        folder.add(f"stop/s0_nohash_{take + 5}", (0.3 * spoken(50 + take) + extra).astype(np.float32))

    assert folder.check().findings == ()


def test_changed_recordings_are_found_among_thousands() -> None:
    random = np.random.default_rng(0)
    sounds = np.stack([spoken(seed) for seed in range(60)])
    others = random.standard_normal((600, 32, 1)) ** 2 * random.standard_normal((600, 32, 500)) * 0.03
    copies = 0.5 * np.roll(sounds[:40], 700, axis=1) + 0.002 * random.standard_normal((40, RATE))
    waveforms = np.concatenate([sounds, others.reshape(600, -1), copies])
    samples = to_int16(waveforms)
    places = np.stack([np.zeros(len(samples), np.int64), np.arange(len(samples))], axis=1)

    found = same_recordings(ClipSet((), (samples,), places), np.arange(len(samples)))

    assert {(first, second) for first, second, _ in found} == {(row, 660 + row) for row in range(40)}


def test_recordings_in_which_little_can_be_heard(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAYSO_CACHE", str(tmp_path / "cache"))
    folder.add("go/new_nohash_0", np.zeros(RATE, np.float32))
    folder.add("go/new_nohash_1", 0.0003 * spoken(60))
    folder.add("go/new_nohash_2", spoken(61, seconds=0.2))
    folder.add("go/new_nohash_3", np.clip(50 * spoken(62), -1, 1))
    (folder.path / "go" / "new_nohash_4.wav").write_bytes(b"RIFF, but no recording")

    report = check(load_folder(folder.path, processes=1))

    found = [(finding.kind, *names(finding)) for finding in report.findings]
    assert found == [
        ("unreadable", "go/new_nohash_4.wav"),
        ("silent", "go/new_nohash_0.wav"),
        ("silent", "go/new_nohash_1.wav"),
        ("clipped", "go/new_nohash_3.wav"),
        ("too_short", "go/new_nohash_2.wav"),
    ]
    assert report.of_kind("too_short")[0].sentence == "It lasts 0.20 seconds."
    assert not report.leaks


def test_a_model_that_is_sure_of_another_word_makes_a_suspect(folder: Folder) -> None:
    clips = folder.load()
    labels = (*WORDS, "_silence_")
    truth = clips.labels(WORDS)
    probabilities = np.eye(4)[truth] * 0.95 + 0.0125
    probabilities[2] = np.roll(probabilities[2], 1)  # sure of another word
    probabilities[3] = [0.3, 0.4, 0.3, 0] if truth[3] != 1 else [0.4, 0.3, 0.3, 0]  # of another, but not sure
    probabilities[5] = [0, 0, 0, 1]  # silence is no other word

    heard: list[int] = []

    def score(waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        assert waveforms.shape[1] == RATE
        heard.append(len(waveforms))
        return probabilities[sum(heard) - len(waveforms) : sum(heard)]

    finding = only(check(clips, score=score, labels=labels), "suspect")

    assert finding.clips == (str(clips.clips[2].path),)
    assert finding.sentence.startswith(f"It is labelled {clips.clips[2].word}; the model hears ")
    assert sum(heard) == 12


def test_a_report_and_a_summary_become_json(folder: Folder) -> None:
    folder.add("go/new_nohash_0", np.zeros(RATE, np.float32))
    clips = folder.load()

    assert json.loads(json.dumps(dataclasses.asdict(check(clips))))["findings"][0]["kind"] == "silent"
    assert json.loads(json.dumps(dataclasses.asdict(summarise(clips))))["clips"] == 13


def test_a_summary_counts_words_splits_speakers_and_seconds(folder: Folder) -> None:
    folder.add("go/new_nohash_0", spoken(70, seconds=0.5))
    clips = dataclasses.replace(folder.load(), unreadable=("go/new_nohash_1.wav: not a recording",))

    summary = summarise(clips)

    assert (summary.clips, summary.unreadable, summary.speakers) == (13, 1, 9)
    assert summary.seconds == pytest.approx(12.5, abs=0.01)
    go = summary.words[0]
    assert (go.word, go.training, go.validation, go.testing, go.speakers) == ("go", 4, 1, 0, 5)
    assert go.seconds == pytest.approx(4.5, abs=0.01)
    assert sum(word.training + word.validation + word.testing for word in summary.words) == 13


def test_one_clip_is_enough(folder: Folder) -> None:
    assert check(folder.load().select([True] + 11 * [False])).findings == ()
