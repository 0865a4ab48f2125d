"""What each distortion does, measured by its definition."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sayso.evaluation import codecs, distortions
from sayso.evaluation.distortions import SAMPLE_RATE, Waveforms

TIME = np.arange(SAMPLE_RATE) / SAMPLE_RATE


def tone(hertz: float, amplitude: float = 0.3) -> Waveforms:
    """One clip `(1, T)`, faded in and out so that its ends hold no click."""
    fade = np.minimum(1, 10 * np.minimum(TIME, 1 - TIME))
    return np.asarray((amplitude * fade * np.sin(2 * np.pi * hertz * TIME))[None], dtype=np.float32)


def speech(seed: int = 0, clips: int = 1) -> Waveforms:
    """Smoothed noise in the middle of the second."""
    random = np.random.default_rng(seed)
    result = np.zeros((clips, SAMPLE_RATE), np.float32)
    for clip in result:
        noise = np.convolve(random.standard_normal(8_000), np.ones(8) / 8, "same")
        clip[4_000:12_000] = 0.2 * noise * np.hanning(8_000)
    return result


def level_db(after: Waveforms, before: Waveforms) -> float:
    return 20 * float(np.log10(distortions.rms(after) / distortions.rms(before)))


def lag_samples(after: Waveforms, before: Waveforms) -> int:
    """By how many samples `after` is later."""
    length = 2 * len(before)
    likeness = np.fft.irfft(np.fft.rfft(after, length) * np.fft.rfft(before, length).conj(), length)
    lag = int(np.argmax(likeness))
    return lag if lag < len(before) else lag - length


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_a_rate_keeps_what_it_can_hold_and_loses_the_rest(rate: int) -> None:
    low, high = tone(1_000), tone(7_000)

    assert distortions.record_at(low, rate) == pytest.approx(low, abs=2e-3)
    lost = level_db(distortions.record_at(high, rate), high)
    assert (lost < -40) if rate < 14_000 else (abs(lost) < 0.3)


def test_a_telephone_keeps_its_band_and_no_other() -> None:
    for hertz in (350, 1_000, 3_300):
        heard = distortions.telephone(tone(hertz))
        assert abs(level_db(heard, tone(hertz))) < 0.5
        assert abs(lag_samples(heard[0], tone(hertz)[0])) == 0
    for hertz in (100, 180, 3_700, 6_000):
        assert distortions.rms(distortions.telephone(tone(hertz))) < 0.03 * distortions.rms(tone(hertz))


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=50))
def test_mu_law_errs_by_half_a_step_at_most(values: list[float]) -> None:
    samples = np.array(values, np.float32)

    coded = distortions.mu_law(samples)

    # A step is log(256) / 127 of (|x| + 1/255), wherever x is.
    assert (np.abs(coded - samples) <= 0.6 * np.log(256) / 127 * (np.abs(samples) + 1 / 255) + 1e-6).all()
    assert distortions.mu_law(coded) == pytest.approx(coded, abs=1e-6)
    assert len(np.unique(distortions.mu_law(np.linspace(-1, 1, 100_001).astype(np.float32)))) == 255


@settings(max_examples=20)
@given(st.floats(-40, 5))
def test_gain_is_in_decibels(wanted_db: float) -> None:
    assert level_db(distortions.gain(speech(), wanted_db), speech()) == pytest.approx(wanted_db, abs=0.01)


def test_gain_clips_at_full_scale() -> None:
    loud = distortions.gain(tone(300), 40)

    assert np.abs(loud).max() == 1
    assert (np.abs(loud) == 1).mean() > 0.9


@pytest.mark.parametrize("milliseconds", [-200, -7, 0, 100, 200])
def test_a_shift_is_later_by_so_much(milliseconds: int) -> None:
    by = 16 * milliseconds
    shifted = distortions.shift(speech(), milliseconds)

    assert (shifted[0, max(0, by) : SAMPLE_RATE + min(0, by)] ==
            speech()[0, max(0, -by) : SAMPLE_RATE - max(0, by)]).all()  # fmt: skip
    assert not shifted[0, : max(0, by)].any()
    assert not shifted[0, SAMPLE_RATE + min(0, by) :].any()


def test_a_word_that_is_cut_out_lies_in_the_middle_of_zeros() -> None:
    clip = 0.001 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    clip[2_400:7_200] = 0.3
    (cut,) = distortions.cut_out(clip[None], quiet_db=30, margin_ms=20)
    middle = (16_000 - 4_800) // 2
    np.testing.assert_array_equal(cut[middle : middle + 4_800], clip[2_400:7_200])
    heard = np.flatnonzero(cut)
    assert (heard[0], heard[-1]) == (middle - 320, middle + 4_800 + 320 - 1)


def test_what_is_stretched_lasts_longer_and_is_lower_about_its_middle() -> None:
    time = np.arange(16_000) / 16_000
    tone = np.where(abs(time - 0.5) < 0.2, np.sin(2 * np.pi * 600 * time), 0).astype(np.float32)
    for factor in (0.75, 4 / 3):
        (heard,) = distortions.stretched(tone[None], factor)
        loud = np.flatnonzero(np.abs(heard) > 0.1)
        assert len(heard) == 16_000
        assert (loud[-1] - loud[0]) / 6_400 == pytest.approx(factor, rel=0.01)
        assert (loud[-1] + loud[0]) / 2 == pytest.approx(8_000, abs=20)
        assert np.argmax(np.abs(np.fft.rfft(heard))) == pytest.approx(600 / factor, abs=2)


def test_without_lows_nothing_is_left_below() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 16_000)).astype(np.float32)
    before, after = (np.abs(np.fft.rfft(each)) for each in (noise, distortions.without_lows(noise, 500)))
    assert after[:, :500].max() < 1e-3
    np.testing.assert_allclose(after[:, 500:], before[:, 500:], atol=1e-3)


def test_a_silent_clip_stays_silent_when_cut_out() -> None:
    assert not distortions.cut_out(np.zeros((1, 16_000), np.float32), quiet_db=30, margin_ms=20).any()


def test_echoes_come_when_and_as_loud_as_told() -> None:
    click = np.zeros((1, SAMPLE_RATE), np.float32)
    click[0, 100] = 1

    heard = distortions.echo(click, ((120, -6), (240, -12)))[0]

    assert np.flatnonzero(heard).tolist() == [100, 100 + 1_920, 100 + 3_840]
    assert 20 * np.log10(heard[[2_020, 3_940]]) == pytest.approx([-6, -12], abs=1e-3)


def test_a_room_falls_by_60_db_in_its_time() -> None:
    response = distortions.room_response(0.5, 0.0, np.random.default_rng(0)).astype(np.float64)

    assert np.square(response).sum() == pytest.approx(1, abs=1e-5)
    assert response[0] ** 2 == pytest.approx(np.square(response[1:]).sum(), abs=1e-5)  # 0 dB
    left = 10 * np.log10(np.cumsum(np.square(response[1:])[::-1])[::-1])  # Schroeder's integral
    slope_db = np.polyfit(np.arange(1_000, 5_000) / SAMPLE_RATE, left[1_000:5_000], 1)[0]
    assert -60 / slope_db == pytest.approx(0.5, rel=0.05)
    heard = distortions.in_room(speech()[0], response.astype(np.float32))
    expected = np.convolve(speech()[0], response)[:SAMPLE_RATE]
    assert heard == pytest.approx(expected, abs=1e-5)


@settings(max_examples=20)
@given(st.floats(-10, 40), st.floats(0.001, 10))
def test_noise_stands_at_its_ratio_whatever_its_own_level(snr_db: float, scale: float) -> None:
    clip = speech()[0]
    noise = distortions.white(SAMPLE_RATE, np.random.default_rng(1)) * np.float32(scale)

    added = distortions.at_snr(clip, noise, snr_db) - clip

    assert -level_db(added, clip) == pytest.approx(snr_db, abs=0.02)


def test_silence_gets_no_noise() -> None:
    silent, noise = np.zeros(100, np.float32), np.ones(100, np.float32)

    assert not distortions.at_snr(silent, noise, 0).any()
    assert (distortions.at_snr(noise, silent, 0) == noise).all()


def test_colours_have_their_slope() -> None:
    for make, slope in ((distortions.white, 0.0), (distortions.pink, -1.0)):
        power = np.square(np.abs(np.fft.rfft(make(16 * SAMPLE_RATE, np.random.default_rng(0)))))
        octaves = [float(power[16 * low : 32 * low].mean()) for low in (60, 120, 240, 480, 960, 1_920, 3_840)]
        assert np.polyfit(range(7), np.log2(octaves), 1)[0] == pytest.approx(slope, abs=0.05)


def test_babble_is_several_voices_equally_loud() -> None:
    hertz = 200 * np.arange(1, 11)
    amplitudes = np.geomspace(0.001, 1, 10)
    voices = np.concatenate([tone(float(hertz[voice]), float(amplitudes[voice])) for voice in range(10)])

    power = np.square(np.abs(np.fft.rfft(distortions.babble(voices, np.random.default_rng(0)))))[hertz]

    heard = power[power > power.max() / 100]
    assert len(heard) == 6
    assert heard.max() < 1.2 * heard.min()


def test_a_stretch_is_of_the_recording_and_not_between_its_sounds() -> None:
    recording = np.zeros(100_000, np.float32)
    recording[40_000:60_000] = 0.001 * np.arange(20_000)

    parts = [distortions.stretch(recording, 16_000, np.random.default_rng(seed)) for seed in range(20)]

    assert all(part.any() for part in parts)
    assert len({part.tobytes() for part in parts}) > 10
    assert len(distortions.stretch(recording[40_000:41_000], 16_000, np.random.default_rng(0))) == 16_000


@pytest.mark.parametrize(
    ("name", "bits_per_second"), [("MP3 32k", 32_000), ("Opus 16k", 16_000), ("AAC 32k", 32_000)]
)
def test_a_codec_keeps_time_and_its_bit_rate(name: str, bits_per_second: int) -> None:
    if codecs.reason_missing(name):
        pytest.skip(codecs.reason_missing(name))
    clips = speech(seed=1, clips=2)

    heard = codecs.through(clips, name)

    assert heard.shape == clips.shape
    for after, before in zip(heard, clips, strict=True):
        assert abs(lag_samples(after, before)) <= 1
        assert abs(level_db(after, before)) < 1
        assert 0.01 < distortions.rms(after - before) / distortions.rms(before) < 0.6  # lossy, not lost
    long = np.tile(speech(seed=2)[0, 4_000:12_000], 8)
    rate = 8 * len(codecs.CODECS[name].encode(long)) / (len(long) / SAMPLE_RATE)
    assert rate == pytest.approx(bits_per_second, rel=0.3)
    assert not codecs.through(np.zeros((1, SAMPLE_RATE), np.float32), name).any()


def test_a_missing_codec_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)

    assert "pip install 'sayso[formats]'" in codecs.reason_missing("AAC 32k")
    assert codecs.reason_missing("MP3 32k") == ""
