"""Recordings that nothing can be taught from: a plain sentence each."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sayso import audio
from sayso.errors import TeachingError
from sayso.teaching import collection, teach
from sayso.teaching.collection import Collection, read_folder, read_zip
from sayso.teaching.recordings import loud_spans, place, vary

RATE = 16_000


def tone(hertz: float, seconds: float = 0.4, level: float = 0.3) -> NDArray[np.float32]:
    time = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def with_word(recordings: Collection, name: str, *sources: audio.Source) -> dict[str, collection.Recordings]:
    """Good recordings, and in the first word others besides."""
    words = {word: list(named) for word, named in recordings.words.items()}
    words["happy-of-mine"] += [(f"{name} {number}", source) for number, source in enumerate(sources)]
    return words


def test_one_recording_is_too_few(base: bytes, recordings: Collection) -> None:
    words = recordings.words | {"lonely": [("alone.wav", (tone(300), RATE))]}
    with pytest.raises(TeachingError, match=r"\*lonely\* has 1 usable recording: a word needs at least 3"):
        teach(base, words)


def test_two_words_cannot_be_one(base: bytes, recordings: Collection) -> None:
    words = recordings.words | {"twin": recordings.words["happy-of-mine"]}
    with pytest.raises(TeachingError, match="are the same recording, which cannot be two words"):
        teach(base, words)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ((np.zeros(RATE, np.float32), RATE), "Left out: odd 0: The recording is silent"),
        ((tone(300, level=0.001), RATE), "Left out: odd 0 is all but silent"),
        ((np.broadcast_to(np.float32(0.1), 3600 * 8000), 8000), "Left out: odd 0 is longer than 60 seconds"),
        (b"no recording", "Left out: odd 0: "),
        ((np.clip(tone(300, level=3), -1, 1), RATE), "odd 0 is clipped"),
        ((tone(300, seconds=3), RATE), "odd 0 goes on for too long"),
        ((tone(2000), RATE), "odd 0 is unlike the others of *happy-of-mine*"),
    ],
)
def test_bad_recordings_are_named_and_the_rest_is_learnt(
    base: bytes, recordings: Collection, source: audio.Source, sentence: str
) -> None:
    report = teach(base, with_word(recordings, "odd", source)).report
    assert any(remark.startswith(sentence) for remark in report.remarks), report.remarks


def test_a_recording_given_twice_counts_once(base: bytes, recordings: Collection) -> None:
    first = recordings.words["happy-of-mine"][0][1]
    report = teach(base, with_word(recordings, "again", first)).report
    assert report.words[0].recordings == 8
    assert any("is the same recording as" in remark for remark in report.remarks)


def test_words_too_alike_are_told(base: bytes, speech_commands: Path) -> None:
    paths = [str(path) for path in sorted((speech_commands / "happy").iterdir())[:16]]
    report = teach(
        base, {"one": [(path, path) for path in paths[::2]], "other": [(path, path) for path in paths[1::2]]}
    ).report
    assert any(remark.startswith("*one* and *other* will be confused: ") for remark in report.remarks)


@pytest.mark.parametrize("word", ["", " ", "_unknown_", "..", "a/b", "a\\b", "x" * 41, "a\nb", "-o"])
def test_names_that_are_no_words(base: bytes, recordings: Collection, word: str) -> None:
    with pytest.raises(TeachingError, match="cannot be a word"):
        teach(base, {word: recordings.words["happy-of-mine"]})


def test_recordings_of_no_word_are_learnt_from(
    base: bytes, recordings: Collection, speech_commands: Path
) -> None:
    others = [(path.name, path) for path in sorted((speech_commands / "bed").iterdir())[:5]]
    assert teach(base, recordings.words, not_words=others).report.accuracy > 0.8


def test_the_word_is_found_in_a_long_recording(base: bytes, recordings: Collection) -> None:
    """Three seconds of room before and after, and a door that is louder than the word."""
    random = np.random.default_rng(0)
    words: dict[str, collection.Recordings] = {}
    for word, named in recordings.words.items():
        words[word] = []
        for take, (name, source) in enumerate(named):
            said = audio.decode(source, RATE)
            room = 0.0005 * random.standard_normal(RATE * 7).astype(np.float32)
            room[2 * RATE : 2 * RATE + len(said)] += said * (0.4 / np.abs(said).max())
            if take % 4 == 1:
                room[5 * RATE : 5 * RATE + 1600] = random.uniform(-0.9, 0.9, 1600)
            words[word].append((name, (room, RATE)))
    assert teach(base, words).report.accuracy >= 0.85


def test_where_something_is_said() -> None:
    samples = 0.0002 * np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32)
    samples[RATE : RATE + len(tone(400))] += tone(400)
    samples[3 * RATE : 3 * RATE + len(tone(400))] += tone(400, level=0.1)
    spans = loud_spans(samples, RATE)
    assert len(spans) == 2
    np.testing.assert_allclose(spans[0], (RATE, 1.4 * RATE), atol=0.04 * RATE)
    window = place(samples, *spans[0], RATE)
    middle = np.average(np.arange(RATE), weights=np.square(window))
    assert abs(middle - RATE / 2) < 0.05 * RATE


def test_variants_are_what_they_say() -> None:
    word = np.zeros(RATE, np.float32)
    word[4000:10000] = tone(500, seconds=6000 / RATE, level=0.2)
    same, early, *_ = vary(word, RATE)
    np.testing.assert_array_equal(same, word)
    speech = 10 ** (-12 / 20) * word[4000:10000]  # 80 ms earlier, 12 dB lower
    noise = early[4000 - 1280 : 10000 - 1280] - speech
    snr_db = 10 * np.log10(np.square(speech).sum() / len(word) / np.square(noise).mean())
    assert snr_db == pytest.approx(20, abs=0.3)


def zipped(names: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_a_zip_is_read_as_a_folder_is(tmp_path: Path) -> None:
    files = {f"words/{word}/anna_nohash_{take}.wav": b"x" for word in ("on", "off") for take in range(3)}
    files |= {
        "words/_unknown_/a.wav": b"x",
        "words/_background_noise_/n.wav": b"x",
        "words/on/.DS_Store": b"x",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    from_zip, from_folder = read_zip(zipped(files)), read_folder(tmp_path / "words")
    for found in (from_zip, from_folder):
        assert {word: len(named) for word, named in found.words.items()} == {"on": 3, "off": 3}
        assert len(found.not_words) == 1
    assert from_zip.words["on"][0] == ("on/anna_nohash_0.wav", b"x")


def damaged() -> bytes:
    content = bytearray(zipped({"on/a.wav": bytes(range(256)) * 40}))
    content[60:90] = b"\xff" * 30
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (lambda: b"", "not a zip"),
        (lambda: b"PK\x03\x04 and no more", "not a zip"),
        (damaged, "not a zip"),
        (lambda: zipped({"on/a.wav": bytes(collection.MOST_FILE_BYTES + 1)}), "unpacks to more than"),
        (lambda: zipped({f"on/{n}.wav": bytes(15 << 20) for n in range(18)}), "unpacks to more than"),
        (lambda: zipped({f"on/{n}.wav": b"" for n in range(5001)}), "5,001 files"),
        (lambda: zipped({"readme.txt": b"hello"}), "holds no recordings"),
    ],
)
def test_hostile_zips(content: Callable[[], bytes], sentence: str) -> None:
    with pytest.raises(TeachingError, match=sentence):
        read_zip(content())


def test_names_in_a_zip_are_never_paths(base: bytes) -> None:
    found = read_zip(zipped({"../../etc/on/a.wav": b"x", "/root/off/b.wav": b"x", "c:\\up\\c.wav": b"x"}))
    assert set(found.words) == {"on", "off", "up"}
    with pytest.raises(TeachingError, match="cannot be a word"):
        teach(base, read_zip(zipped({f"-rf/{n}.wav": b"x" for n in range(3)})).words)


def test_folders_without_words(tmp_path: Path) -> None:
    with pytest.raises(TeachingError, match="There is no folder"):
        read_folder(tmp_path / "none")
    with pytest.raises(TeachingError, match="holds no recordings"):
        read_folder(tmp_path)
