import gc
import itertools
import math
import tracemalloc
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import sayso
from sayso.audio_stream import Resampler
from sayso.card import SILENCE, UNKNOWN
from sayso.decision import Decider
from sayso.errors import AudioOutOfBounds, SettingsError
from sayso.listener import Detection, Listener, ListenerSettings

Array = NDArray[np.float32]

# A world in which words are constant levels: a window is sure of the word whose level it holds most of.
RATE, WINDOW = 1_000, 1_000
LABELS = ("low", "middle", "high", SILENCE, UNKNOWN)
LEVELS = {"low": 0.2, "middle": 0.4, "high": 0.8, UNKNOWN: 0.6}
WORD_SAMPLES = 400  # of each word; alternating signs, so that it has a level


def oracle(windows: Array) -> Array:
    """The share of a word that a window `(B, T)` holds, for each label."""
    loudness = np.abs(windows)
    shares = np.zeros((len(windows), len(LABELS)), np.float32)
    for label, word in enumerate(LABELS):
        if word in LEVELS:
            shares[:, label] = np.mean(np.abs(loudness - LEVELS[word]) < 0.05, axis=1) * WINDOW / WORD_SAMPLES
    shares = np.minimum(shares, 1)
    shares[:, LABELS.index(SILENCE)] = np.maximum(0, 1 - shares.sum(axis=1))
    return shares


def stream_of(said: Sequence[tuple[str, int]], length: int) -> Array:
    samples = np.zeros(length, np.float32)
    for word, start in said:
        samples[start : start + WORD_SAMPLES] = LEVELS[word]
    samples[1::2] *= -1
    return samples


def listener(**changed: object) -> Listener:
    chosen = ListenerSettings(**changed)  # type: ignore[arg-type]
    return Listener(oracle, LABELS, sample_rate=RATE, window_samples=WINDOW, settings=chosen)


def hear(samples: Array, sizes: Sequence[int] = (), **changed: Any) -> list[Detection]:
    """What is detected when the samples are cut into chunks of these sizes, then the rest."""
    hearing, found, start = listener(**changed), [], 0
    for size in sizes:
        found += hearing.feed(samples[start : start + size])
        start += size
    return [*found, *hearing.feed(samples[start:]), *hearing.finish()]


said_somewhere = st.lists(st.tuples(st.sampled_from(sorted(LEVELS)), st.integers(0, 12_000)), max_size=8).map(
    lambda said: sorted(said, key=lambda one: one[1])
)


@given(
    said_somewhere,
    st.lists(st.integers(0, 3_000), max_size=30),
    st.sampled_from([0.1, 0.07, 0.03, 0.25, 1.0]),
    st.sampled_from([-60.0, -10.0, -math.inf]),
    st.integers(0, 2**16),
)
@settings(deadline=None)
def test_chopping_never_matters(
    said: list[tuple[str, int]], sizes: list[int], hop: float, gate_dbfs: float, seed: int
) -> None:
    samples = stream_of(said, 13_000 + seed % 777)
    samples += np.float32(0.001) * np.random.default_rng(seed).standard_normal(len(samples)).astype(
        np.float32
    )
    changed: dict[str, Any] = {"hop_seconds": hop, "gate_dbfs": gate_dbfs, "minimum_count": 1}
    assert hear(samples, sizes, **changed) == hear(samples, **changed)


def test_one_sample_at_a_time() -> None:
    samples = stream_of([("low", 700), ("high", 2_300)], 4_000)
    assert hear(samples, [1] * 4_000) == hear(samples)
    assert [found.word for found in hear(samples)] == ["low", "high"]


@given(st.sampled_from(["low", "middle", "high"]), st.integers(0, 9_000))
@settings(deadline=None)
def test_a_word_is_detected_once_and_where_it_is(word: str, start: int) -> None:
    (found,) = hear(stream_of([(word, start)], 10_000))
    assert found.word == word
    assert 0.7 <= found.confidence <= 1
    assert found.start_s == pytest.approx(start / RATE, abs=0.101)
    assert found.end_s == pytest.approx((start + WORD_SAMPLES) / RATE, abs=0.101)


@given(said_somewhere, st.sampled_from([0.0, 0.3, 0.5, 1.3]))
@settings(deadline=None, max_examples=40)
def test_times_are_in_order_and_apart(said: list[tuple[str, int]], suppression_seconds: float) -> None:
    hearing = listener(suppression_seconds=suppression_seconds)
    samples = np.append(stream_of(said, 13_000), np.zeros(1_000, np.float32))
    moments, previous = [], -1.0
    for start in range(0, len(samples), 100):  # a hop at a time, so that the moment of each is known
        for found in hearing.feed(samples[start : start + 100]):
            moments.append((start + 100) / RATE)
            assert found.start_s < found.end_s <= moments[-1]
            assert found.end_s >= previous
            previous = found.start_s
    for earlier, later in itertools.pairwise(moments):
        assert later - earlier >= suppression_seconds - 1e-9


def test_silence_and_unknown_speech_are_never_detected() -> None:
    assert hear(stream_of([(UNKNOWN, 2_000)], 5_000), gate_dbfs=-math.inf) == []


def test_a_word_said_again_is_detected_again_once_it_was_gone() -> None:
    samples = stream_of([("low", 1_000), ("low", 3_000)], 5_000)
    assert [found.word for found in hear(samples)] == ["low", "low"]
    drawn_out = stream_of([("low", start) for start in range(1_000, 5_000, WORD_SAMPLES)], 7_000)
    assert len(hear(drawn_out)) == 1
    flickering = stream_of([("low", start) for start in range(1_000, 5_000, WORD_SAMPLES + 700)], 7_000)
    assert len(hear(flickering, release_ratio=0.2, edge_seconds=0)) == 1
    assert len(hear(flickering, release_ratio=1.0, release_seconds=0, threshold=0.95, edge_seconds=0)) == 4


def test_each_word_may_have_its_threshold() -> None:
    half = WORD_SAMPLES // 2
    samples = stream_of([("low", 1_000), ("high", 3_000)], 5_000)
    samples[1_000 + half : 1_000 + WORD_SAMPLES] = samples[3_000 + half : 3_000 + WORD_SAMPLES] = 0
    changed: dict[str, Any] = {"presence_threshold": 0, "threshold": 0.6}
    assert hear(samples, **changed) == []
    assert [found.word for found in hear(samples, **changed, word_thresholds={"high": 0.4})] == ["high"]
    changed["threshold"] = 0.4
    assert [found.word for found in hear(samples, **changed, word_thresholds={"high": 0.9})] == ["low"]


def test_only_the_wanted_words_are_reported() -> None:
    samples = stream_of([("low", 1_000), ("high", 3_000), ("middle", 5_000)], 7_000)
    assert [found.word for found in hear(samples, words=("high", "middle"))] == ["high", "middle"]
    assert [found.word for found in hear(samples, words=["low"])] == ["low"]


def test_what_may_be_a_stranger_is_not_reported() -> None:
    unsure, sure = np.array([0.6, 0.1, 0.0, 0.0, 0.3]), np.array([0.6, 0.4, 0.0, 0.0, 0.0])
    for presence_threshold, probabilities, is_heard in [
        (0.8, unsure, False), (0.6, unsure, True), (0.8, sure, True), (1.0, sure, True), (0.0, unsure, True)
    ]:  # fmt: skip
        decider = Decider(LABELS, ListenerSettings(presence_threshold=presence_threshold))
        decisions = [decider.step(probabilities) for _ in range(4)]
        assert any(decisions) == is_heard, (presence_threshold, probabilities)
    decider = Decider(LABELS, ListenerSettings())
    assert not any(decider.step(sure if hop % 3 else None) for hop in range(9))  # silence is no presence


def test_speech_without_a_word_is_reported_once_it_is_over_if_wanted() -> None:
    word, stranger, silence = np.eye(5)[0], np.array([0.3, 0.0, 0.0, 0.0, 0.7]), np.eye(5)[3]
    rows = [*[silence] * 5, *[stranger] * 8, *[silence] * 12, *[word] * 5, *[silence] * 12]
    decided = {}
    for unsure in (False, True):
        decider = Decider(LABELS, ListenerSettings(unsure=unsure))
        steps = [decider.step(row) for row in rows]
        decided[unsure] = [(hop, step) for hop, step in enumerate(steps) if step]

    assert [(LABELS[step.label], step.accepted) for _, step in decided[False]] == [("low", True)]
    (over, doubt), said = decided[True]
    assert (LABELS[doubt.label], doubt.accepted) == (UNKNOWN, False)
    assert doubt.confidence == pytest.approx(0.7)
    assert 13 < over < 13 + 12
    assert [said] == decided[False]


def test_the_minimum_count_keeps_out_what_is_short() -> None:
    chosen = ListenerSettings(smoothing_seconds=0.3, threshold=0.3, minimum_count=2, presence_threshold=0)
    decider = Decider(LABELS, chosen)
    sure = np.array([1, 0, 0, 0, 0])
    assert [decider.step(sure), decider.step(None), decider.step(None)] == [None, None, None]
    assert decider.step(sure) is None  # the first one has left the average
    decision = decider.step(sure)
    assert decision is not None
    assert (decision.label, decision.hops_ago) == (0, 0)
    assert decision.confidence == pytest.approx(2 / 3)


def test_silence_is_not_scored() -> None:
    asked = []

    def score(windows: Array) -> Array:
        asked.append(len(windows))
        return oracle(windows)

    hearing = Listener(score, LABELS, sample_rate=RATE, window_samples=WINDOW)
    quiet = np.full(60_000, 0.5, np.float32)  # a constant is no sound
    quiet += np.float32(0.0005) * np.random.default_rng(0).standard_normal(60_000).astype(
        np.float32
    )  # -66 dB
    assert hearing.feed(quiet) == []
    assert asked == []
    hearing.feed(stream_of([("low", 1_000)], 5_000))
    assert sum(asked) == 6  # the windows in which the word's loudest hop is not at an edge


def test_steady_noise_is_not_scored_however_loud_and_words_in_it_are() -> None:
    asked = []

    def counting(windows: Array) -> Array:
        asked.append(len(windows))
        return oracle(windows)

    noise = (0.05 * np.random.default_rng(0).uniform(-1, 1, 60_000)).astype(np.float32)
    for contrast_db, scored in ((0.0, True), (3.0, False)):
        chosen = ListenerSettings(contrast_db=contrast_db)
        hearing = Listener(counting, LABELS, sample_rate=RATE, window_samples=WINDOW, settings=chosen)
        hearing.feed(noise[:3_000])  # a stream begins in silence
        asked.clear()
        assert hearing.feed(noise) == []
        assert bool(asked) == scored
    assert [one.word for one in hearing.feed(noise[:9_000] + stream_of([("low", 4_000)], 9_000))] == ["low"]


def test_what_is_not_a_number_is_not_scored() -> None:
    samples = stream_of([("low", 8_000)], 10_000)
    samples[3_000] = np.nan
    assert [found.word for found in hear(samples, gate_dbfs=-60.0)] == ["low"]


def test_a_word_that_is_cut_off_at_the_edge_is_not_judged() -> None:
    # Half a "low" sounds like "middle" to this score; with the whole word in the window it does not.
    def confused(windows: Array) -> Array:
        shares = oracle(windows)
        is_half = (shares[:, 0] > 0.1) & (shares[:, 0] < 0.9)
        shares[is_half] = [0, 1, 0, 0, 0]
        return shares

    samples = stream_of([("low", 2_000)], 5_000)
    samples[2_100:2_200] *= 1.1  # the loudest hop
    for edge_seconds, words in ((0.0, ["middle", "low", "middle"]), (0.3, ["low"])):
        chosen = ListenerSettings(edge_seconds=edge_seconds, suppression_seconds=0.1, release_seconds=0)
        hearing = Listener(confused, LABELS, sample_rate=RATE, window_samples=WINDOW, settings=chosen)
        assert [one.word for one in [*hearing.feed(samples), *hearing.finish()]] == words


def test_finish_begins_a_new_stream() -> None:
    hearing, samples = listener(), stream_of([("high", 600)], 1_000)
    first = [*hearing.feed(samples), *hearing.finish()]
    assert [found.word for found in first] == ["high"]
    assert [*hearing.feed(samples), *hearing.finish()] == first


def test_a_day_of_listening_takes_no_memory() -> None:
    # One window a second, so that the test is short.
    hearing = listener(hop_seconds=1.0, smoothing_seconds=1.0, minimum_count=1)
    hour = stream_of([("low", 1_100), ("high", 30_100)], 3_600_000)
    found = len(hearing.feed(hour))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(23):
            found += len(hearing.feed(hour))
        gc.collect()  # NumPy's views leave cycles behind
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == 48
    assert after - before < 10_000
    assert peak - before < 3_000_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"hop_seconds": 0.0},
        {"hop_seconds": 2.0},
        {"smoothing_seconds": -1.0},
        {"suppression_seconds": math.inf},
        {"threshold": 0.0},
        {"presence_threshold": 1.1},
        {"presence_threshold": -0.1},
        {"words": ()},
        {"words": "low"},
        {"words": ("low", "sideways")},
        {"words": (SILENCE,)},
        {"word_thresholds": {"low": 1.1}},
        {"word_thresholds": {"sideways": 0.5}},
        {"release_ratio": 1.5},
        {"release_ratio": 0.0},
        {"edge_seconds": -0.1},
        {"minimum_count": 9},
        {"gate_dbfs": math.nan},
        {"contrast_db": -1.0},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        listener(**wrong)


@given(st.lists(st.integers(0, 5_000), max_size=20), st.integers(4_000, 192_000))
@settings(max_examples=20, deadline=None)
def test_resampling_a_stream_is_resampling_the_whole(sizes: list[int], rate: int) -> None:
    samples = np.random.default_rng(rate).uniform(-0.5, 0.5, 30_000).astype(np.float32)
    whole = Resampler(rate, 16_000)
    wanted = np.concatenate([whole.feed(samples), whole.finish()])
    stream, parts = Resampler(rate, 16_000), []
    for start, end in itertools.pairwise([0, *np.minimum(np.cumsum(sizes), 30_000).tolist(), 30_000]):
        parts.append(stream.feed(samples[start:end]))
    assert np.array_equal(np.concatenate([*parts, stream.finish()]), wanted)
    assert len(wanted) == pytest.approx(30_000 * 16_000 / rate, abs=1)


@given(st.lists(st.integers(0, 9_000), max_size=20), st.integers(4_000, 192_000))
@settings(max_examples=10, deadline=None)
def test_chopping_never_matters_at_any_rate(sizes: list[int], rate: int) -> None:
    def loud(windows: Array) -> Array:
        shares = np.zeros((len(windows), len(LABELS)), np.float32)
        shares[:, 0] = windows.std(axis=1) > 0.05
        return shares

    def hear_all(sizes: Sequence[int]) -> list[Detection]:
        resampler, start, found = Resampler(rate, RATE), 0, []
        hearing = Listener(loud, LABELS, sample_rate=RATE, window_samples=WINDOW)
        for size in sizes:
            found += hearing.feed(resampler.feed(samples[start : start + size]))
            start += size
        found += hearing.feed(resampler.feed(samples[start:]))
        return [*found, *hearing.feed(resampler.finish()), *hearing.finish()]

    time = np.arange(3 * rate) / rate
    samples = np.where((time > 1) & (time < 1.6), np.sin(2 * np.pi * 100 * time), 0).astype(np.float32)
    whole = hear_all(())
    assert [found.word for found in whole] == ["low"]
    assert hear_all(sizes) == whole


def test_listen_takes_what_recognize_takes() -> None:
    recognizer = sayso.load("m5")  # it hears words in noise, which the default model does not
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, (48_000, 2)).astype(np.float32)
    eager = ListenerSettings(threshold=0.05)
    wanted = list(sayso.listen(recognizer, [samples], sample_rate=24_000, settings=eager))
    parts = [samples[:1], samples[1:1], samples[1:30_000], samples[30_000:]]
    assert wanted
    assert list(sayso.listen(recognizer, parts, sample_rate=24_000, settings=eager)) == wanted
    whole_numbers = np.rint(samples * 32768).astype(np.int16)
    found = list(sayso.listen(recognizer, [whole_numbers], sample_rate=24_000, settings=eager))
    assert [one.word for one in found] == [one.word for one in wanted]
    with pytest.raises(AudioOutOfBounds):
        list(sayso.listen(recognizer, [samples], sample_rate=100))
    assert list(sayso.listen(recognizer, [])) == []
