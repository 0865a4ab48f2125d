"""The page learns the very head that Python learns, and writes the very file."""

import base64
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sayso import audio
from sayso.recognizer import Recognizer, read_model
from sayso.teaching import recordings, teach
from sayso.teaching.hearing import Heard, hear
from sayso.teaching.lesson import Lesson
from sayso.teaching.model_file import ModelFile
from web.test_scripts import node

RATE = 16_000


@pytest.fixture(scope="module")
def opened() -> ModelFile:
    return ModelFile.read(read_model())


@pytest.fixture(scope="module")
def heard(opened: ModelFile, speech_commands: Path) -> Heard:
    words = {
        f"{word}-2": [(path.name, path) for path in sorted((speech_commands / word).iterdir())[:5]]
        for word in ("happy", "zero", "forward")
    }
    return hear(Recognizer(opened.content), words)


@pytest.mark.parametrize("how", ["alone", "beside", "again"])
def test_the_same_recordings_are_the_same_head(
    opened: ModelFile, heard: Heard, how: str, speech_commands: Path, tmp_path: Path
) -> None:
    beside = how != "alone"
    if how == "again":  # beside words that were taught alone
        first = {"m": [(path.name, path) for path in sorted((speech_commands / "marvin").iterdir())[:5]]}
        opened = ModelFile.read(teach(opened.content, first).content)
    assert opened.memory is not None
    expected = Lesson(opened, opened.memory, heard, beside=beside).learn()
    result: Any = node(
        """const { teach } = await load("teaching.js");
        const { readModel, embeddingsOf } = await load("teach-model.js");
        const [path, heard, beside] = values;
        const { head, card, memory } = readModel(new Uint8Array(readFileSync(path)));
        const remembered = { labels: memory.labels, embeddings: embeddingsOf(memory), first: memory.first };
        heard.embeddings = Float64Array.from(heard.embeddings);
        result = teach({ head, calibration: card.calibration }, remembered, heard, { beside });
        const { weight, bias, measure } = result.head;
        result.head = { ...result.head, weight: [...weight], bias: [...bias], measure: measure &&
          { centre: [...measure.centre], unlike: [...measure.unlike], first: measure.first } };""",
        str(write(tmp_path, opened.content)),
        {
            "words": heard.words,
            "labels": heard.labels.tolist(),
            "embeddings": heard.embeddings.ravel().tolist(),
        },
        beside,
        folder=tmp_path,
    )
    assert tuple(result["head"]["labels"]) == expected.head.labels
    weight = np.reshape(result["head"]["weight"], expected.head.weight.shape)
    np.testing.assert_allclose(weight, expected.head.weight, atol=1e-5)
    np.testing.assert_allclose(result["head"]["bias"], expected.head.bias, atol=1e-5)
    if expected.head.measure is None:
        assert result["head"]["measure"] is None
    else:
        assert result["head"]["measure"]["first"] == expected.head.measure.first > 0
        unlike = np.reshape(result["head"]["measure"]["unlike"], expected.head.measure.unlike.shape)
        np.testing.assert_allclose(unlike, expected.head.measure.unlike, atol=1e-5)
        centre = result["head"]["measure"]["centre"]
        np.testing.assert_allclose(centre, expected.head.measure.centre, atol=1e-5)
    calibration = result["calibration"]
    assert calibration == pytest.approx(dataclasses.asdict(expected.calibration), abs=1e-6)
    report = dataclasses.asdict(expected.report)
    assert result["report"]["words"] == list(report["words"])
    for key in ("accuracy", "accepted", "false_accepts", "strangers", "threshold"):
        assert result["report"][key] == pytest.approx(report[key], abs=1e-6)


def test_a_file_written_by_the_page_is_that_of_python(
    opened: ModelFile, heard: Heard, tmp_path: Path
) -> None:
    assert opened.memory is not None
    learnt = Lesson(opened, opened.memory, heard, beside=False).learn()
    assert learnt.head.measure is not None
    embeddings = heard.embeddings[:, 0]
    names = [heard.words[label] for label in heard.labels]
    card = dataclasses.replace(
        opened.card, name="page", labels=(*heard.words, "_unknown_"), training_clips=(), figures=()
    )
    result: Any = node(
        """const { readModel, writeModel, addToMemory, forget } = await load("teach-model.js");
        const [path, card, head, names, embeddings] = values;
        const opened = readModel(new Uint8Array(readFileSync(path)));
        head.weight = Float64Array.from(head.weight);
        head.bias = Float64Array.from(head.bias);
        head.measure.centre = Float64Array.from(head.measure.centre);
        head.measure.unlike = Float64Array.from(head.measure.unlike);
        let memory = addToMemory(opened.memory, names, Float64Array.from(embeddings));
        memory = forget(memory, "left");
        const written = writeModel(opened, card, head, memory);
        const again = readModel(written);
        result = { file: Buffer.from(written).toString("base64"), labels: again.head.labels,
                   sizes: [again.memory.labels.length, opened.memory.labels.length] };""",
        str(write(tmp_path, opened.content)),
        dataclasses.asdict(card),
        {
            "labels": learnt.head.labels,
            "weight": learnt.head.weight.ravel().tolist(),
            "bias": learnt.head.bias.tolist(),
            "measure": {
                "centre": learnt.head.measure.centre.tolist(),
                "unlike": learnt.head.measure.unlike.ravel().tolist(),
                "first": learnt.head.measure.first,
            },
        },
        names,
        embeddings.ravel().tolist(),
        folder=tmp_path,
    )
    memory = opened.memory.adding(embeddings, names).without("left")
    from_page = ModelFile.read(base64.b64decode(result["file"]))
    from_python = ModelFile.read(opened.write(card, learnt.head, memory))
    assert from_page.card == from_python.card
    assert tuple(result["labels"]) == from_python.head.labels == from_page.head.labels
    assert from_page.memory is not None
    assert from_page.memory.labels == memory.labels
    np.testing.assert_array_equal(from_page.memory.rows, memory.rows)
    windows = np.random.default_rng(0).normal(0, 0.1, (3, RATE)).astype(np.float32)
    np.testing.assert_array_equal(
        Recognizer(from_page.content).score(windows), Recognizer(from_python.content).score(windows)
    )


def test_the_same_sound_is_the_same_word_and_the_same_variants(speech_commands: Path, tmp_path: Path) -> None:
    said = audio.decode(sorted((speech_commands / "happy").iterdir())[0], RATE)
    room = 0.001 * np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32)
    room[RATE : RATE + len(said)] += said
    read = recordings.read((room, RATE), "a", RATE, RATE)
    result: Any = node(
        """const { findWord, vary, faultOf } = await load("teach-sound.js");
        const [room] = values;
        const samples = Float32Array.from(room);
        const window = findWord(samples, 16000, 16000);
        result = { window: [...window], variants: vary(window, 16000).map((variant) => [...variant]),
                   faults: [(value) => value, (value) => value / 1000, Math.sign]
                     .map((change) => faultOf(samples.map((value) => change(value)), 16000)) };""",
        room.tolist(),
        folder=tmp_path,
    )
    np.testing.assert_array_equal(np.float32(result["window"]), read.places[0])
    np.testing.assert_allclose(result["variants"], recordings.vary(read.places[0], RATE), atol=1e-7)
    assert result["faults"] == [None, "silent", "clipped"]


def write(folder: Path, content: bytes) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(content)
    return path
