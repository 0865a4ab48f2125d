"""Teaching, from recordings to a model file that others use."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import sayso
from sayso import audio
from sayso.errors import ModelError, TeachingError
from sayso.recognizer import Recognizer, read_model
from sayso.teaching import Taught, teach
from sayso.teaching.collection import Collection
from sayso.teaching.editing import remove_word, rename_model, rename_word
from sayso.teaching.model_file import ModelFile

RATE = 16_000


@pytest.fixture(scope="module")
def taught(base: bytes, recordings: Collection) -> Taught:
    return teach(base, recordings.words, name="mine")


def later(speech_commands: Path, word: str, count: int = 10) -> list[Path]:
    """Recordings that the fixture has not taught with."""
    return sorted((speech_commands / word).iterdir())[20 : 20 + count]


def accepted(recognizer: Recognizer, paths: list[Path]) -> list[str]:
    answers = [recognizer.recognize(path) for path in paths]
    return [answer.word for answer in answers if answer.accepted]


def test_a_taught_model_knows_its_words_and_no_others(
    taught: Taught, speech_commands: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(taught.content)
    recognizer = sayso.load(path)
    assert recognizer.card.words == ("happy-of-mine", "marvin-of-mine", "zero-of-mine")
    for word in ("happy", "marvin", "zero"):
        right = accepted(recognizer, later(speech_commands, word)).count(f"{word}-of-mine")
        assert right >= 8, f"{word}: {right} of 10"
    strangers = [path for word in ("bed", "stop", "left", "yes") for path in later(speech_commands, word)]
    assert len(accepted(recognizer, strangers)) <= 4


def test_the_report_says_how_good_it_is(taught: Taught) -> None:
    report = taught.report
    assert [word.word for word in report.words] == ["happy-of-mine", "marvin-of-mine", "zero-of-mine"]
    assert all(word.recordings == 8 and word.accepted <= word.recognised <= 8 for word in report.words)
    assert report.accuracy >= 0.85
    assert report.strangers > 1000
    assert 0.01 < report.false_accepts <= 0.05
    assert "of other speech" in report.sentences()[-1]


def test_a_word_known_by_another_name_is_one_and_the_same(taught: Taught) -> None:
    assert (
        "*happy-of-mine* sounds like *happy*, which is one and the same from now on." in taught.report.remarks
    )


def test_new_words_join_those_that_the_model_knows(
    base: bytes, recordings: Collection, speech_commands: Path
) -> None:
    without = base
    for word in ("happy", "marvin", "zero"):
        without = remove_word(without, word)
    taught = Recognizer(teach(without, recordings.words, beside=True).content)
    before = Recognizer(base).card
    assert set(taught.card.words) == {*before.words} - {"happy", "marvin", "zero"} | {*recordings.words}
    assert taught.card.labels[-2:] == before.labels[-2:]
    assert taught.card.calibration.threshold >= before.calibration.threshold
    heard = [taught.recognize(path).word for path in later(speech_commands, "happy")]
    assert heard.count("happy-of-mine") >= 7
    heard = [taught.recognize(path).word for path in later(speech_commands, "left")]
    assert heard.count("left") >= 9


def test_a_taught_model_is_taught_again_without_the_old_recordings(
    taught: Taught, speech_commands: Path
) -> None:
    more = {"stop-of-mine": [(path.name, path) for path in sorted((speech_commands / "stop").iterdir())[:8]]}
    both = Recognizer(teach(taught.content, more, beside=True).content)
    assert both.card.words == ("happy-of-mine", "marvin-of-mine", "zero-of-mine", "stop-of-mine")
    assert accepted(both, later(speech_commands, "stop")).count("stop-of-mine") >= 6
    assert accepted(both, later(speech_commands, "zero")).count("zero-of-mine") >= 6


def test_the_same_recordings_give_the_same_file(base: bytes, recordings: Collection, taught: Taught) -> None:
    assert teach(base, recordings.words, name="mine").content == taught.content


def test_a_word_renamed_is_the_word_it_was(taught: Taught, speech_commands: Path) -> None:
    path = later(speech_commands, "zero")[0]
    before = Recognizer(taught.content).recognize(path)
    after = Recognizer(rename_word(taught.content, "zero-of-mine", "null")).recognize(path)
    assert (before.word, after.word) == ("zero-of-mine", "null")
    assert after.confidence == before.confidence


def test_a_word_removed_is_heard_no_more(taught: Taught, speech_commands: Path) -> None:
    content = remove_word(taught.content, "zero-of-mine")
    assert "zero-of-mine" not in accepted(Recognizer(content), later(speech_commands, "zero"))
    memory = ModelFile.read(content).memory
    assert memory is not None
    assert "zero-of-mine" not in memory.labels
    assert remove_word(content, "happy-of-mine")
    with pytest.raises(TeachingError, match="last word"):
        remove_word(remove_word(content, "happy-of-mine"), "marvin-of-mine")


def test_names_that_are_taken_or_missing_are_refused(taught: Taught) -> None:
    with pytest.raises(TeachingError, match="already knows"):
        rename_word(taught.content, "zero-of-mine", "happy-of-mine")
    with pytest.raises(TeachingError, match="does not know"):
        remove_word(taught.content, "seven")
    with pytest.raises(TeachingError, match="does not know"):
        remove_word(taught.content, "_unknown_")
    assert Recognizer(rename_model(taught.content, "ours")).card.name == "ours"


def test_models_that_cannot_be_taught_are_refused(base: bytes, recordings: Collection) -> None:
    opened = ModelFile.read(base)
    bare = opened.write(opened.card, opened.head, None)
    with pytest.raises(ModelError, match="sayso remember"):
        teach(bare, recordings.words)
    for content in (b"", b"\x08", base[: len(base) // 2], b"no model at all"):
        with pytest.raises(ModelError):
            ModelFile.read(content)


def test_a_head_of_one_row_each_is_written_as_it_was_read(base: bytes) -> None:
    windows = np.random.default_rng(0).normal(0, 0.1, (3, RATE)).astype(np.float32)
    opened = ModelFile.read(base)
    again = opened.write(opened.card, opened.head, opened.memory)
    np.testing.assert_array_equal(Recognizer(again).score(windows), Recognizer(base).score(windows))


def test_m5_can_be_taught_once_it_remembers(recordings: Collection, speech_commands: Path) -> None:
    """Any network: here one without silence and unknown words among its labels."""
    opened = ModelFile.read(read_model("m5"))
    recognizer = Recognizer(opened.content)
    paths = [path for word in ("bed", "cat", "left") for path in later(speech_commands, word, 20)]
    windows = np.stack([audio.fit_window(audio.decode(path, RATE), RATE) for path in paths])
    from sayso.teaching.memory import Memory

    memory = Memory.of(recognizer.embed(windows), [path.parent.name for path in paths])
    content = teach(opened.write(opened.card, opened.head, memory), recordings.words).content
    assert Recognizer(content).card.labels[-1] == "_unknown_"
    assert accepted(Recognizer(content), later(speech_commands, "happy")).count("happy-of-mine") >= 4


def test_confidences_of_a_taught_model_are_probabilities(taught: Taught) -> None:
    windows = np.random.default_rng(0).normal(0, 0.1, (5, RATE)).astype(np.float32)
    probabilities = Recognizer(taught.content).probabilities(windows)
    assert probabilities.shape == (5, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_the_card_says_what_was_taught(taught: Taught, base: bytes) -> None:
    card = Recognizer(taught.content).card
    assert card.name == "mine"
    assert card.trained_on.startswith("taught happy-of-mine, marvin-of-mine, zero-of-mine with 24 recordings")
    assert card.training_clips[:3] == (8, 8, 8)
    assert card.figures == ()
    assert card.calibration.false_accept_rate == 0.05
    assert dataclasses.replace(Recognizer(base).card).sample_rate == card.sample_rate
