import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sayso.evaluation.stream_recordings import Spoken, StreamRecording, build_recording, speech_part
from sayso.evaluation.streaming import (
    Heard,
    Outcome,
    RememberedScore,
    TensorFlowOutcome,
    curve,
    judge,
    judge_as_tensorflow,
    run,
)
from sayso.listener import Listener, ListenerSettings

Array = NDArray[np.float32]

RATE = 2_000
TONES = {"low": 100.0, "high": 300.0}
STRANGE_TONE = 500.0


def tone(hertz: float, seconds: float = 0.5) -> Array:
    """A tone in the middle of a second."""
    samples = np.zeros(RATE, np.float32)
    length = round(seconds * RATE)
    start = (RATE - length) // 2
    samples[start : start + length] = np.sin(2 * np.pi * hertz * np.arange(length) / RATE)
    return samples


CLIPS = [(word, tone(hertz)) for word, hertz in TONES.items()]
NOISE = [np.random.default_rng(seed).standard_normal(10 * RATE).astype(np.float32) for seed in range(3)]


PHASES = 2 * np.pi * np.outer(np.arange(RATE) / RATE, list(TONES.values()))
CARRIERS = np.stack([np.cos(PHASES), np.sin(PHASES)], axis=2).reshape(RATE, 4).astype(np.float32)


def oracle(windows: Array) -> Array:
    """The strength of each tone in windows `(B, T)`, as if a probability."""
    parts = (windows @ CARRIERS).reshape(len(windows), 2, 2)  # (B, tone, cosine and sine)
    loudness = np.linalg.norm(windows, axis=1, keepdims=True) * np.sqrt(RATE / 2)
    shares: Array = np.minimum(1, np.linalg.norm(parts, axis=2) / loudness)
    return shares


def record(seed: int = 0, **changed: float) -> StreamRecording:
    chosen: dict[str, float] = {"seconds": 120, "words_per_minute": 10, "snr_db": 10, **changed}
    return build_recording(
        CLIPS, NOISE, [tone(STRANGE_TONE)], sample_rate=RATE, seed=seed, **chosen
    )  # fmt: skip


def listener(score: object = oracle, threshold: float = 0.7) -> Listener:
    return Listener(
        score,  # type: ignore[arg-type]
        tuple(TONES),
        sample_rate=RATE,
        window_samples=RATE,
        settings=ListenerSettings(threshold=threshold, edge_seconds=0.0, presence_threshold=0, contrast_db=0),
    )


def test_words_lie_where_the_recording_says() -> None:
    recording = record(snr_db=30)
    assert len(recording.spoken) == 20
    assert recording.seconds == 120
    for word in recording.spoken:
        assert word.end_s - word.start_s == pytest.approx(0.5, abs=0.05)
        part = recording.samples[round(word.start_s * RATE) : round(word.end_s * RATE)]
        strongest = np.argmax(np.abs(np.fft.rfft(part))) * RATE / len(part)
        assert strongest == pytest.approx(TONES[word.word], abs=5)
    starts = [word.start_s for word in recording.spoken]
    assert starts == sorted(starts)


@pytest.mark.parametrize("snr_db", [-5, 0, 10, 20])
def test_the_signal_to_noise_ratio_is_the_one_wanted(snr_db: float) -> None:
    silent = [(word, np.zeros_like(clip)) for word, clip in CLIPS]
    arguments = {"sample_rate": RATE, "seconds": 60, "snr_db": snr_db, "words_per_minute": 10}
    recording = build_recording(CLIPS, NOISE, **arguments)  # type: ignore[arg-type]
    background = build_recording(silent, NOISE, **arguments).samples  # type: ignore[arg-type]
    difference = recording.samples - background
    spoken = np.concatenate(
        [difference[round(w.start_s * RATE) : round(w.end_s * RATE)] for w in recording.spoken]
    )
    ratio_db = 10 * np.log10(np.mean(spoken**2) / np.mean(background**2))
    assert ratio_db == pytest.approx(snr_db, abs=0.7)
    assert 10 * np.log10(np.mean(background**2)) == pytest.approx(-36, abs=0.5)


def test_the_seed_decides() -> None:
    again = record(seed=1)
    assert np.array_equal(record(seed=1).samples, again.samples)
    assert record(seed=1).spoken == again.spoken
    assert record(seed=2).spoken != again.spoken


def test_a_recording_without_words_or_noise() -> None:
    recording = build_recording([], [], sample_rate=RATE, seconds=3, words_per_minute=0)
    assert recording.spoken == ()
    assert not recording.samples.any()
    with pytest.raises(ValueError, match="fit"):
        build_recording(CLIPS, NOISE, sample_rate=RATE, seconds=60, words_per_minute=100)
    with pytest.raises(ValueError, match="draw"):
        build_recording([], NOISE, sample_rate=RATE, seconds=60)


def test_speech_is_found_in_a_clip() -> None:
    clip = tone(200, seconds=0.3)
    clip += np.float32(0.01) * NOISE[0][:RATE]
    first, last = speech_part(clip, RATE)
    assert first / RATE == pytest.approx(0.35, abs=0.02)
    assert last / RATE == pytest.approx(0.65, abs=0.02)
    assert speech_part(np.zeros(RATE, np.float32), RATE) == (0, RATE)
    assert speech_part(clip[:3], RATE) == (0, 3)


@given(st.integers(0, 2**20))
@settings(max_examples=5, deadline=None)
def test_who_knows_the_words_finds_them_all(seed: int) -> None:
    recording = record(seed, strangers_per_minute=5, snr_db=20)
    outcome = judge(recording.spoken, run(listener(threshold=0.5), recording), recording.seconds)
    assert outcome.spoken == 20
    assert outcome.hits >= 19  # a word said again within a second is one word
    assert outcome.wrong == outcome.false_alarms == 0
    assert outcome.median_latency is not None
    assert -0.5 < outcome.median_latency < 0.3


def test_who_hears_words_everywhere_is_told_so() -> None:
    recording = record(seed=3, strangers_per_minute=5)

    def chatter(windows: Array) -> Array:
        return np.tile(np.array([0.0, 0.9], np.float32), (len(windows), 1))

    class Chatterbox:
        """Starts anew each second, so that it may repeat itself."""

        def feed(self, samples: Array) -> list[Heard]:
            return [Heard(found.word, 0) for found in listener(chatter).feed(samples)]

        def finish(self) -> list[Heard]:
            return []

    heard = run(Chatterbox(), recording, chunk_seconds=1.0)
    assert len(heard) == 120
    outcome = judge(recording.spoken, heard, recording.seconds)
    assert outcome.hits <= 10
    assert outcome.wrong > 0
    assert outcome.false_alarms > 50
    assert outcome.hits + outcome.wrong + outcome.false_alarms == 120
    assert outcome.false_alarms_per_hour == outcome.false_alarms * 30


SAID = (Spoken("left", 10.0, 10.5), Spoken("right", 12.0, 12.4), Spoken("left", 12.6, 13.0))


@pytest.mark.parametrize(
    ("heard", "hits", "wrong", "false_alarms"),
    [
        ([], 0, 0, 0),
        ([("left", 10.6)], 1, 0, 0),
        ([("left", 10.2)], 1, 0, 0),
        ([("left", 9.9)], 0, 0, 1),
        ([("left", 11.6)], 0, 0, 1),
        ([("left", 10.6), ("left", 11.2)], 1, 0, 1),
        ([("stop", 10.6)], 0, 1, 0),
        ([("stop", 10.6), ("left", 11.2)], 1, 1, 0),
        ([("right", 13.2), ("left", 13.3)], 2, 0, 0),
        ([("left", 11.0), ("right", 12.5), ("left", 13.1)], 3, 0, 0),
    ],
)
def test_counting(heard: list[tuple[str, float]], hits: int, wrong: int, false_alarms: int) -> None:
    outcome = judge(SAID, [Heard(*one) for one in heard], 3600)
    assert (outcome.hits, outcome.wrong, outcome.false_alarms) == (hits, wrong, false_alarms)
    assert outcome.misses == 3 - hits
    assert outcome.false_alarms_per_hour == false_alarms


def test_outcomes_add_up() -> None:
    one = Outcome(1_800, 10, 8, 1, 2, (0.1, 0.3))
    both = one + Outcome(1_800, 10, 9, 0, 1, (0.2,))
    assert (both.miss_rate, both.false_alarms_per_hour, both.median_latency) == (0.15, 3, 0.2)
    assert Outcome(0, 0, 0, 0, 0).miss_rate == 0
    assert Outcome(0, 0, 0, 0, 0).median_latency is None


def test_tensorflows_protocol_looks_at_the_first_word_near() -> None:
    heard = [
        Heard("left", 10.6),
        Heard("left", 11.4),
        Heard("right", 12.5),
        Heard("left", 13.1),
        Heard("up", 30),
    ]
    # The second report is a repetition; the fourth is held against "right", which starts first of those near.
    assert judge_as_tensorflow(SAID, heard) == TensorFlowOutcome(3, correct=2, wrong=2, false_positives=1)
    assert judge_as_tensorflow((), heard) == TensorFlowOutcome(0, 0, 0, 5)


def test_the_curve_falls_from_alarms_to_misses() -> None:
    recording = record(seed=5, snr_db=3)
    score = RememberedScore(oracle)

    def outcome_at(threshold: float) -> Outcome:
        score.rewind()
        heard = run(listener(score, threshold), recording)
        return judge(recording.spoken, heard, recording.seconds)

    points = curve(outcome_at, [0.05, 0.3, 0.5, 0.99])
    misses = [point.miss_rate for point in points]
    assert points[0].false_alarms_per_hour > points[-1].false_alarms_per_hour == 0
    assert misses[1:] == sorted(misses[1:])
    assert misses[-1] == 1
    assert outcome_at(0.3) == judge(
        recording.spoken, run(listener(oracle, 0.3), recording), recording.seconds
    )


def test_remembered_scores_belong_to_their_windows() -> None:
    score = RememberedScore(oracle)
    windows = np.ones((2, RATE), np.float32)
    answer = score(windows)
    score.rewind()
    assert score(windows) is answer
    score.rewind()
    with pytest.raises(ValueError, match="before"):
        score(windows[:1])
