import numpy as np
import pytest

from sayso.evaluation import distortions, robustness
from sayso.evaluation.distortions import SAMPLE_RATE, Waveforms
from sayso.evaluation.robustness import CLEAN, Condition, conditions

RANDOM = np.random.default_rng(0)
CLIPS = (0.02 * RANDOM.standard_normal((3, SAMPLE_RATE)) * np.hanning(SAMPLE_RATE)).astype(np.float32)
RECORDINGS = {
    "running_tap": (0.1 * RANDOM.standard_normal(40_000)).astype(np.float32),
    "white_noise": np.ones(40_000, np.float32),
}


@pytest.fixture(scope="module")
def rows() -> dict[str, Condition]:
    voices = RANDOM.standard_normal((8, SAMPLE_RATE)).astype(np.float32)
    return {row.name: row for row in conditions(RECORDINGS, voices)}


def test_every_row_of_the_design_is_there(rows: dict[str, Condition]) -> None:
    assert next(iter(rows)) == CLEAN
    wanted = {f"{rate} kHz" for rate in ("8", "11.025", "16", "22.05", "44.1", "48")}
    wanted |= {"MP3 32k", "Opus 16k", "AAC 32k", "telephone", "level -20 dB", "level +12 dB"}
    wanted |= {"shift -200 ms", "shift +200 ms", "cut to the word", "0.75 x as long", "1.33 x as long"}
    wanted |= {"nothing below 500 Hz", "echo 120/240 ms", "reverb RT60 0.5 s"}
    kinds = ("white", "pink", "babble", "background", "running_tap", "chords", "clatter", "engine")
    wanted |= {f"{kind} {snr_db} dB" for kind in kinds for snr_db in (20, 10, 5, 0, -5)}
    assert wanted <= rows.keys()
    assert not any(name.startswith("white_noise") for name in rows)
    assert {row.name for row in rows.values() if row.is_hard} == {
        f"{kind} {snr_db} dB" for kind in kinds for snr_db in (5, 0, -5)
    }


def test_rows_keep_shape_and_bounds_and_the_clips(rows: dict[str, Condition]) -> None:
    before = CLIPS.copy()
    for row in rows.values():
        changed = row(CLIPS)
        assert changed.shape == CLIPS.shape, row.name
        assert changed.dtype == np.float32, row.name
        assert np.abs(changed).max() <= 1, row.name
        same = row.name in (CLEAN, "16 kHz")
        assert np.array_equal(changed, CLIPS) == same, row.name
    assert (before == CLIPS).all()


@pytest.mark.parametrize("name", ["babble 5 dB", "background 0 dB", "pink -5 dB", "reverb RT60 0.5 s"])
def test_a_clip_meets_the_same_noise_in_any_company(rows: dict[str, Condition], name: str) -> None:
    assert (rows[name](CLIPS)[1:] == rows[name](CLIPS[1:])).all()
    noise: Waveforms = rows[name](CLIPS) - CLIPS
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 0.5


@pytest.mark.parametrize("kind", ["white", "pink", "babble", "background", "running_tap"])
def test_each_ratio_is_kept_and_the_noise_is_the_same(rows: dict[str, Condition], kind: str) -> None:
    shapes = []
    for snr_db in robustness.SNRS_DB:
        noise = rows[f"{kind} {snr_db} dB"](CLIPS) - CLIPS
        measured = [
            20 * np.log10(distortions.rms(clip) / distortions.rms(part))
            for clip, part in zip(CLIPS, noise, strict=True)
        ]
        assert measured == pytest.approx([snr_db] * 3, abs=0.02)
        shapes.append(noise[0] / distortions.rms(noise[0]))
    assert all(shape == pytest.approx(shapes[0], abs=1e-3) for shape in shapes)


def test_without_recordings_or_voices_those_rows_are_left_out() -> None:
    kinds = {row.noise for row in conditions({}, np.empty((0, SAMPLE_RATE), np.float32))}

    assert kinds == {None, "white", "pink", "chords", "clatter", "engine"}
