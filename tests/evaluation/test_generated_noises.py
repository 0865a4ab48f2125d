import numpy as np
import pytest

from sayso.evaluation import generated_noises, robustness
from sayso.evaluation.distortions import SAMPLE_RATE, rms

KINDS = sorted(generated_noises.KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("count", "seed"), [(4_000, 0), (16_000, 1), (33_333, 2**32)])
def test_noise_is_of_the_wanted_length_and_of_its_seed(kind: str, count: int, seed: int) -> None:
    make = generated_noises.KINDS[kind]

    noise = make(count, np.random.default_rng(seed))

    assert noise.shape == (count,)
    assert noise.std() == pytest.approx(1, rel=1e-3)
    assert (noise == make(count, np.random.default_rng(seed))).all()
    assert not (noise == make(count, np.random.default_rng(seed + 1))).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("snr_db", robustness.SNRS_DB)
def test_a_clip_gets_it_at_the_rows_ratio(kind: str, snr_db: float) -> None:
    clip = 0.02 * np.random.default_rng(0).standard_normal((1, SAMPLE_RATE), np.float32)
    rows = {row.name: row for row in robustness.conditions({}, np.zeros((0, SAMPLE_RATE), np.float32))}

    added = rows[f"{kind} {snr_db:g} dB"](clip) - clip

    # At -5 dB an impact may be clipped at full scale.
    assert 20 * np.log10(rms(clip) / rms(added)) == pytest.approx(snr_db, abs=0.1)


def test_each_kind_sounds_like_itself() -> None:
    def flatness(noise: np.ndarray) -> float:
        """Geometric over arithmetic mean of the power below 4 kHz: 1 for noise, near 0 for tones."""
        power = np.square(np.abs(np.fft.rfft(noise * np.hanning(len(noise)))))[50 : len(noise) // 4] + 1e-12
        return float(np.exp(np.log(power).mean()) / power.mean())

    made = {kind: generated_noises.recording(kind) for kind in KINDS}
    crest = {kind: np.abs(noise).max() / rms(noise) for kind, noise in made.items()}
    power = {kind: np.square(np.abs(np.fft.rfft(noise))) for kind, noise in made.items()}
    low = {kind: each[: len(each) // 8].sum() / each.sum() for kind, each in power.items()}  # below 1 kHz

    assert flatness(made["chords"][:SAMPLE_RATE]) < 0.05 < flatness(made["clatter"][:SAMPLE_RATE])
    assert crest["clatter"] > 8 > crest["chords"] > crest["engine"]
    assert low["engine"] > 0.9 > 0.5 > low["clatter"]


def test_what_a_card_says_of_noise() -> None:
    heard = robustness.was_heard
    card = ("babble", "pink_noise", "running_tap")

    assert heard("pink", card)
    assert heard("babble", card)
    assert heard("running_tap", card)
    assert heard("background", card)
    assert heard("white", card) is heard("exercise_bike", card) is heard("engine", card) is False
    assert heard("background", ("white", "babble")) is False
    assert heard("white", None) is None
    assert heard("engine", None) is False
    assert heard("engine", ("hum",))  # much like it
    assert heard("chords", ("hum", "texture")) is heard("clatter", ("hum", "texture")) is False
