import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import sayso
from sayso import audio
from sayso.errors import AudioTooLong, EmptyAudio, ModelError, SilentAudio
from sayso.recognizer import Recognition, Recognizer, bundled
from sayso.training.dataset import Clip, of_split, read_clips


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return sayso.load()


@pytest.fixture(scope="module")
def clear(speech_commands: Path, recognizer: Recognizer) -> list[Clip]:
    """One test recording of each of ten words, heard rightly and surely."""
    found: dict[str, Clip] = {}
    for clip in of_split(read_clips(speech_commands), "testing"):
        if clip.word not in found and len(found) < 10:
            answer = recognizer.recognize(clip.path)
            if answer.word == clip.word and answer.confidence > 0.9:
                found[clip.word] = clip
    return list(found.values())


def same(one: Recognition, other: Recognition) -> bool:
    return one.word == other.word and one.confidence == pytest.approx(other.confidence, abs=1e-5)


def test_words_are_heard(clear: list[Clip]) -> None:
    assert len(clear) == 10


def test_every_kind_of_source_gives_the_same_answer(recognizer: Recognizer, clear: list[Clip]) -> None:
    path = clear[0].path
    expected = recognizer.recognize(path)
    samples = audio.decode(path, 16_000)
    for source in (str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), (samples, 16_000)):
        assert same(recognizer.recognize(source), expected)


def test_the_rate_of_the_recording_does_not_matter(recognizer: Recognizer, clear: list[Clip]) -> None:
    """The predecessor's fault: 48 kHz was heard three times too slowly."""
    for clip in clear:
        samples = audio.decode(clip.path, 16_000)
        at_48_khz = audio.encode_wav(audio.resample(samples, 16_000, 48_000), 48_000)
        assert recognizer.recognize(at_48_khz).word == clip.word


def test_alternatives_are_ranked_probabilities(recognizer: Recognizer, clear: list[Clip]) -> None:
    answer = recognizer.recognize(clear[0].path, top=100)
    confidences = [one.confidence for one in answer.alternatives]
    assert len(confidences) == len(recognizer.card.labels)
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(1, abs=1e-4)
    assert (answer.alternatives[0].word, answer.alternatives[0].confidence) == (
        answer.word,
        answer.confidence,
    )
    assert len(recognizer.recognize(clear[0].path, top=2).alternatives) == 2


def test_a_short_clip_lies_in_the_middle(recognizer: Recognizer, clear: list[Clip]) -> None:
    samples = audio.decode(clear[0].path, 16_000)[:9_000]
    padded = np.concatenate([np.zeros(3_500), samples, np.zeros(3_500)]).astype(np.float32)
    short, whole = recognizer.recognize((samples, 16_000)), recognizer.recognize((padded, 16_000))
    assert same(short, whole)
    assert short.start_s == 0
    assert short.end_s == pytest.approx(9_000 / 16_000)


def test_a_long_recording_answers_with_its_surest_stretch(recognizer: Recognizer, clear: list[Clip]) -> None:
    """A second of speech somewhere in quiet noise: found, and found where it is."""
    for clip in clear[:4]:
        speech = audio.fit_window(audio.decode(clip.path, 16_000), 16_000)
        long = 1e-4 * np.random.default_rng(1).standard_normal(5 * 16_000).astype(np.float32)
        long[40_000:56_000] += speech
        answer = recognizer.recognize((long, 16_000))
        assert answer.word == clip.word
        assert answer.start_s == pytest.approx(2.5, abs=0.6)
        assert 0 <= answer.start_s < answer.end_s <= 5
        assert answer.end_s - answer.start_s == pytest.approx(1)


def test_a_likeness_of_one_window_does_not_outdo_a_word_of_three(
    recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = recognizer.card.labels

    def likely(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        found = np.zeros((len(windows), len(labels)), np.float32)
        found[:, labels.index("_unknown_")] = 0.1
        found[3, labels.index("yes")] = 0.9
        found[8:11, labels.index("go")] = 0.7
        return found

    monkeypatch.setattr(recognizer, "probabilities", likely)
    answer = recognizer.recognize((np.full(40_000, 0.1, np.float32), 16_000))

    assert answer.word == "go"
    assert answer.confidence == pytest.approx(0.7)
    assert answer.start_s == pytest.approx(0.9)


def test_what_cannot_be_heard_is_said(recognizer: Recognizer) -> None:
    with pytest.raises(EmptyAudio):
        recognizer.recognize(b"")
    with pytest.raises(SilentAudio):
        recognizer.recognize((np.zeros(16_000, np.float32), 16_000))
    with pytest.raises(AudioTooLong):
        recognizer.recognize((np.ones(11 * 16_000, np.float32) / 2, 16_000))


def test_threads_may_share_it(recognizer: Recognizer, clear: list[Clip]) -> None:
    heard: dict[int, str] = {}

    def listen(index: int) -> None:
        for _ in range(5):
            heard[index] = recognizer.recognize(clear[index].path).word

    threads = [threading.Thread(target=listen, args=(index,)) for index in range(len(clear))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {index: clip.word for index, clip in enumerate(clear)}


def test_batches_score_as_single_windows_do(recognizer: Recognizer, clear: list[Clip]) -> None:
    windows = np.stack([audio.fit_window(audio.decode(clip.path, 16_000), 16_000) for clip in clear])
    alone = np.concatenate([recognizer.score(window[None]) for window in windows])
    np.testing.assert_allclose(recognizer.score(windows), alone, atol=1e-4)
    assert recognizer.embed(windows).shape[0] == len(windows)


@pytest.mark.parametrize("name", list(bundled()))
def test_models_that_ship_say_what_they_are(name: str) -> None:
    card = sayso.load(name).card
    assert card.name == name
    assert len(card.words) == 35
    assert card.trained_on
    assert card.parameters > 0
    assert {figure.split for figure in card.figures} >= {"validation", "testing"}
    assert all(figure.low <= figure.value <= figure.high for figure in card.figures)


def test_wrong_models_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"choose from .*m5"):
        sayso.load("m6")
    with pytest.raises(ModelError, match="cannot be read"):
        sayso.load(tmp_path / "missing.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="not a model"):
        sayso.load(tmp_path / "broken.onnx")


def test_a_model_without_a_card_is_refused(tmp_path: Path) -> None:
    import onnx

    model = onnx.load(str(bundled()["m5"]))
    entries = {entry.key: entry.value for entry in model.metadata_props}
    card = json.loads(entries["sayso"])
    del model.metadata_props[:]
    with pytest.raises(ModelError, match="no sayso card"):
        Recognizer(model.SerializeToString())
    onnx.helper.set_model_props(model, {"sayso": json.dumps(card | {"window_seconds": 2.0})})
    with pytest.raises(ModelError, match="32000 samples"):
        Recognizer(model.SerializeToString())


def test_listening_needs_neither_torch_nor_the_decoders_of_browsers(clear: list[Clip]) -> None:
    code = (
        "import sys, sayso; word = sayso.load().recognize(sys.argv[1]).word; "
        "assert not {'torch', 'onnx', 'av', 'flask'} & set(sys.modules); print(word)"
    )
    command = [sys.executable, "-c", code, str(clear[0].path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == clear[0].word
