"""The page's scripts by themselves: their types, and that they decide as the Python they were ported from."""

import dataclasses
import io
import json
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

import sayso
from sayso.card import SILENCE, UNKNOWN, Calibration, ModelCard
from sayso.decision import Decider, ListenerSettings
from sayso.listener import Listener
from sayso.listening import settings_for
from sayso.recognizer import bundled
from web import scripts

LABELS = ("yes", "no", "stop", SILENCE, UNKNOWN)
SETTINGS: tuple[dict[str, object], ...] = (
    {},
    {"threshold": 0.4, "word_thresholds": {"no": 0.8}, "presence_threshold": 0.0},
    {"words": ["stop", "no"], "smoothing_seconds": 0.5, "minimum_count": 3, "release_ratio": 0.9},
    {"hop_seconds": 0.25, "smoothing_seconds": 0.25, "minimum_count": 1, "suppression_seconds": 1.0},
    {"gate_dbfs": -20.0, "contrast_db": 0.0, "edge_seconds": 0.0, "release_seconds": 0.6},
    {"unsure": True},
    {"unsure": True, "words": ["stop"], "presence_threshold": 0.0, "smoothing_seconds": 0.5},
)


def node(code: str, *values: object, folder: Path) -> object:
    """Run a module that turns `values` into `result`, beside the page's scripts."""
    (folder / "values.json").write_text(json.dumps(values))
    module = folder / "test.mjs"
    module.write_text(
        f"""import {{ readFileSync, writeFileSync }} from "node:fs";
        const load = (name) => import({(scripts.STATIC.as_uri() + "/")!r} + name);
        const values = JSON.parse(readFileSync({str(folder / "values.json")!r}));
        let result;
        {code}
        writeFileSync({str(folder / "result.json")!r}, JSON.stringify(result));"""
    )
    scripts.run(module)
    result: object = json.loads((folder / "result.json").read_text())
    return result


def test_the_types_are_right() -> None:
    scripts.node()
    compiler = scripts.package("typescript") / "bin" / "tsc"
    scripts.run(compiler, "-p", scripts.ROOT / "src" / "sayso" / "web" / "jsconfig.json")


def test_a_listener_is_as_eager_here_as_there(tmp_path: Path) -> None:
    result = node("result = (await load('decision.js')).SETTINGS;", folder=tmp_path)

    assert result == dataclasses.asdict(ListenerSettings())


@pytest.mark.parametrize("chosen", SETTINGS)
def test_the_same_scores_are_the_same_decisions(tmp_path: Path, chosen: dict[str, object]) -> None:
    settings = ListenerSettings(**chosen)  # type: ignore[arg-type]
    sequence = plausible_scores(1500)
    decider = Decider(LABELS, settings)
    expected = [decider.step(None if row is None else np.array(row)) for row in sequence]

    result = node(
        """const { Decider, SETTINGS } = await load("decision.js");
        const [labels, chosen, sequence] = values;
        const decider = new Decider(labels, { ...SETTINGS, ...chosen });
        result = sequence.map((row) => decider.step(row));""",
        LABELS,
        chosen,
        sequence,
        folder=tmp_path,
    )

    assert isinstance(result, list)
    decided = [decision.accepted for decision in expected if decision]
    assert decided.count(True) >= 5
    assert (decided.count(False) >= 5) == settings.unsure
    for found, decision in zip(result, expected, strict=True):
        if decision is None:
            assert found is None
        else:
            assert (found["label"], found["hopsAgo"]) == (decision.label, decision.hops_ago)
            assert found["accepted"] == decision.accepted
            assert found["confidence"] == pytest.approx(decision.confidence, abs=1e-9)


@pytest.mark.parametrize("clips", [(), (3, 5, 0, 40, 4000), (3, 300, 0, 0, 0)])
@pytest.mark.parametrize("words", [None, ["stop"], ["stop", "no"]])
@pytest.mark.parametrize("threshold", [0.0, 0.93])
def test_a_taught_model_is_listened_with_as_in_a_program(
    tmp_path: Path, clips: tuple[int, ...], words: list[str] | None, threshold: float
) -> None:
    card = ModelCard(
        name="mine",
        architecture="m5",
        labels=LABELS,
        sample_rate=16_000,
        training_clips=clips,
        calibration=Calibration(threshold=threshold),
    )

    result = node(
        """const { SETTINGS } = await load("decision.js");
        const { settingsFor } = await load("listening.js");
        result = { ...SETTINGS, ...settingsFor(...values) };""",
        json.loads(card.to_json()),
        words,
        folder=tmp_path,
    )

    assert result == json.loads(json.dumps(dataclasses.asdict(settings_for(card, words))))


def plausible_scores(count: int) -> list[list[float] | None]:
    """Rows of probabilities that rise, stay and fall, with silence in between."""
    random = np.random.default_rng(5)
    rows: list[list[float] | None] = []
    while len(rows) < count:
        label = int(random.integers(len(LABELS)))
        peak = random.uniform(0.3, 1.0)
        for height in (0.3, *[1.0] * int(random.integers(1, 12)), 0.3):
            row = np.full(len(LABELS), (1 - peak * height) / (len(LABELS) - 1))
            row[label] = peak * height
            rows.append(row.tolist())
        rows += [None] * int(random.integers(0, 9))
    return rows[:count]


@pytest.mark.parametrize("chosen", SETTINGS)
def test_the_same_stream_is_the_same_detections_however_it_is_chopped(
    tmp_path: Path, chosen: dict[str, object]
) -> None:
    rate, window = 1000, 1000
    stream = stream_of_sounds(rate)

    def score(windows: NDArray[np.float32]) -> NDArray[np.floating]:
        """Each word is a loudness; so the score of a window is found alike in both languages."""
        peaks = np.abs(windows).max(axis=1)
        rows = np.full((len(windows), len(LABELS)), 0.005)
        rows[np.arange(len(windows)), np.minimum(4, np.floor(peaks * 5).astype(int))] = 0.98
        return rows

    listener = Listener(
        score,
        LABELS,
        sample_rate=rate,
        window_samples=window,
        settings=ListenerSettings(**chosen),  # type: ignore[arg-type]
    )
    expected = [*listener.feed(stream), *listener.finish()]

    result = node(
        """const { Listener } = await load("listener.js");
        const [labels, chosen, rate, windowSamples, samples] = values;
        const stream = Float32Array.from(samples);
        const score = (windows, count) => Array.from({ length: count }, (_, i) => {
          const peak = windows.slice(i * windowSamples, (i + 1) * windowSamples)
            .reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
          return labels.map((_, label) => (label === Math.min(4, Math.floor(peak * 5)) ? 0.98 : 0.005));
        });
        result = [];
        for (const step of [stream.length, 512, 37, 4001]) {
          const listener = new Listener(score, labels, { sampleRate: rate, windowSamples, settings: chosen });
          const detections = [];
          for (let i = 0; i < stream.length; i += step) {
            detections.push(...(await listener.feed(stream.subarray(i, i + step))));
          }
          result.push([...detections, ...(await listener.finish())]);
        }""",
        LABELS,
        chosen,
        rate,
        window,
        stream.tolist(),
        folder=tmp_path,
    )

    assert len(expected) >= 5
    assert isinstance(result, list)
    for detections in result:
        assert [found["word"] for found in detections] == [detection.word for detection in expected]
        assert [found["accepted"] for found in detections] == [detection.accepted for detection in expected]
        for found, detection in zip(detections, expected, strict=True):
            assert found["start_s"] == pytest.approx(detection.start_s)
            assert found["end_s"] == pytest.approx(detection.end_s)
            assert found["confidence"] == pytest.approx(detection.confidence)


def stream_of_sounds(rate: int) -> NDArray[np.float32]:
    """Bursts of noise, each of a loudness of its own, `(T,)`, between silence and hum."""
    random = np.random.default_rng(6)
    pieces = []
    for _ in range(24):
        loudness = random.choice([0.1, 0.3, 0.5, 0.7, 0.9])
        burst = np.sign(random.standard_normal(int(random.integers(200, 600)))) * loudness
        gap = random.uniform(-0.002, 0.002, int(random.integers(600, 1500))) * random.integers(0, 2)
        pieces += [gap, burst * np.hanning(len(burst)) ** 0.2]
    return np.concatenate(pieces).astype(np.float32)


def test_the_card_is_read_from_the_file(tmp_path: Path, recognizer: sayso.Recognizer) -> None:
    result = node(
        "result = (await load('card.js')).readCard(readFileSync(values[0]));",
        str(bundled()["default"]),
        folder=tmp_path,
    )

    assert isinstance(result, dict)
    card = json.loads(recognizer.card.to_json())  # may know of more than the file
    assert result == {key: card[key] for key in result}
    assert {"labels", "sample_rate", "window_seconds", "calibration"} <= result.keys()


def test_a_translation_words_what_the_server_refuses(tmp_path: Path) -> None:
    result = node(
        """const { text } = await load("text.js");
        text.server.refused = ({ code }) => ({ silent_audio: "Nichts zu hören." })[code];
        globalThis.sessionStorage = { getItem: () => null };
        const refusal = { error: { code: "silent_audio", message: "The recording is silent." } };
        globalThis.fetch = async () => new Response(JSON.stringify(refusal), { status: 422 });
        const { recognize } = await load("server.js");
        const answer = recognize("/audio", new Blob([]), new AbortController().signal);
        result = await answer.catch((error) => error.message);""",
        folder=tmp_path,
    )

    assert result == "Nichts zu hören."


def test_a_failure_without_a_sentence_still_gets_one(tmp_path: Path) -> None:
    result = node(
        """globalThis.sessionStorage = { getItem: () => null };
        globalThis.fetch = async () => new Response('{"error": "Bad gateway"}', { status: 502 });
        const { recognize } = await load("server.js");
        const answer = recognize("/audio", new Blob([]), new AbortController().signal);
        result = await answer.catch((error) => error.message);""",
        folder=tmp_path,
    )

    assert isinstance(result, str)
    assert "502" in result


def test_an_archive_is_one_that_others_open(tmp_path: Path) -> None:
    result = node(
        """const { makeZip } = await load("zip.js");
        const { encodeWav } = await load("wav.js");
        const bytes = new Uint8Array(encodeWav(Float32Array.from([0, 0.5, -0.5]), 16000));
        const zip = makeZip(["left", "grün"].map((word) => ({ name: `${word}/ab_nohash_0.wav`, bytes })));
        result = [...new Uint8Array(await zip.arrayBuffer())];""",
        folder=tmp_path,
    )

    assert isinstance(result, list)
    with zipfile.ZipFile(io.BytesIO(bytes(result))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["left/ab_nohash_0.wav", "grün/ab_nohash_0.wav"]
        with wave.open(io.BytesIO(archive.read("left/ab_nohash_0.wav"))) as recording:
            assert recording.getnframes() == 3


@pytest.mark.parametrize(("from_rate", "to_rate"), [(44_100, 16_000), (48_000, 16_000), (8_000, 16_000)])
def test_another_rate_keeps_the_sound_and_adds_none(tmp_path: Path, from_rate: int, to_rate: int) -> None:
    time = np.arange(from_rate // 2) / from_rate
    kept = 0.5 * np.sin(2 * np.pi * 1000 * time)
    dropped = 0.5 * np.sin(2 * np.pi * 10_000 * time) if from_rate > 20_000 else 0 * time

    result = node(
        """const { Resampler, resample } = await load("resampler.js");
        const [from, to, sounds] = values;
        const [kept, dropped] = sounds.map((sound) => Float32Array.from(sound));
        const streamed = [];
        const resampler = new Resampler(from, to);
        for (let i = 0; i < kept.length; i += 441) {
          streamed.push(...resampler.feed(kept.subarray(i, i + 441)));
        }
        result = [resample(kept, from, to), resample(dropped, from, to), streamed];
        result = result.map((each) => [...each]);""",
        from_rate,
        to_rate,
        [kept.tolist(), dropped.tolist()],
        folder=tmp_path,
    )

    assert isinstance(result, list)
    whole, nothing, streamed = (np.array(each) for each in result)
    expected = soxr.resample(kept, from_rate, to_rate)
    assert len(whole) == pytest.approx(len(expected), abs=2)
    middle = slice(len(expected) // 4, len(expected) // 2)
    assert np.abs(whole[middle] - expected[middle]).max() < 0.01
    assert np.abs(nothing[middle]).max() < 0.005
    assert np.allclose(streamed, whole[: len(streamed)], atol=1e-6)
