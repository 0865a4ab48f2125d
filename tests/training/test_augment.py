"""Each step is measured against its definition: the delay, the ratio, the band, the decay it promises."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sayso import audio
from sayso.errors import DataError, RecipeError
from sayso.training.augment import SAMPLE_RATE, STEPS, Augmentation, Batch, build, read_noises
from sayso.training.augment_step import choose, fast_length
from sayso.training.channels import UPPER_HZ, BandLimit
from sayso.training.noise_banks import COLOURS, KINDS, coloured, hum, textures
from sayso.training.rooms import Reverb
from sayso.training.transforms import Mixup, Speed

T = SAMPLE_RATE
WAVEFORM_STEPS = [name for name in STEPS if name != "spec_augment"]
CPU = torch.device("cpu")
LABELS = 7


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """The clips are too few for two: threads would wait for each other longer than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def words(clips: int = 16, *, peak: float = 0.3, seed: int = 1) -> Batch:
    """Bursts of noise in the middle of padded seconds, each of its own label."""
    noise = torch.randn(clips, T, generator=seeded(seed)) * torch.hann_window(T) ** 2
    waveforms = noise * (peak / noise.abs().amax(1, keepdim=True))
    return Batch(waveforms, torch.eye(LABELS)[torch.arange(clips) % LABELS])


def tones(*hertz: float) -> Tensor:
    """Tones `(B, T)` that fade in and out."""
    time = torch.arange(T, dtype=torch.float64) / SAMPLE_RATE
    waves = torch.sin(2 * torch.pi * torch.tensor(hertz, dtype=torch.float64)[:, None] * time)
    return (0.3 * waves * torch.hann_window(T, dtype=torch.float64)).float()


@functools.cache
def default_chain(step: str, probability: float = 1.0) -> Augmentation:
    return build([{"step": step, "probability": probability}], None)


def apply(
    step: str, batch: Batch | Tensor, *, seed: int = 0, noises: Tensor | None = None, **options: Any
) -> Batch:
    if isinstance(batch, Tensor):
        batch = Batch(batch, torch.ones(len(batch), 1))
    if noises is None and set(options) <= {"probability"}:
        chain = default_chain(step, **options)
    else:
        chain = build([{"step": step, **options}], noises)
    return chain.waveforms(batch, seeded(seed))


def power(waveforms: Tensor) -> Tensor:
    mean: Tensor = waveforms.double().square().mean(-1)
    return mean


def to_db(ratio: Tensor) -> Tensor:
    return 10 * torch.log10(ratio)


def delay(after: Tensor, before: Tensor) -> Tensor:
    """Samples by which each clip comes later, by cross-correlation."""
    spectra = torch.fft.rfft(after, 2 * T) * torch.fft.rfft(before, 2 * T).conj()
    place: Tensor = torch.fft.irfft(spectra, 2 * T).roll(T, 1).argmax(1)
    return place - T


def band_power(waveforms: Tensor, low_hz: float, high_hz: float) -> Tensor:
    spectra = torch.fft.rfft(waveforms.double()).abs().square()
    hertz = torch.fft.rfftfreq(waveforms.shape[1], 1 / SAMPLE_RATE)
    total: Tensor = spectra[:, (hertz >= low_hz) & (hertz < high_hz)].sum(1)
    return total


# --- shift, speed, gain, cut ---


def test_shift_delays_by_whole_samples_within_its_bound_and_zeros_come_in() -> None:
    before = words(64)
    after = apply("shift", before, shift_ms=100).waveforms

    moved = delay(after, before.waveforms)
    assert moved.abs().max() <= 1600
    assert moved.min() < -1000  # drawn from the whole range
    assert moved.max() > 1000
    for clip, original, samples in zip(after, before.waveforms, moved.tolist(), strict=True):
        expected = torch.roll(original, samples)
        expected[: max(0, samples)] = 0
        expected[T + min(0, samples) :] = 0
        assert torch.equal(clip, expected)


def test_speed_divides_the_frequency_by_the_stretch() -> None:
    step = Speed(stretch_percent=12)
    after = apply("speed", tones(*[1000.0] * 64), stretch_percent=12).waveforms

    stretches = step.lengths(T) / T
    assert stretches.min() > 0.88 - 1e-6
    assert stretches.max() < 1.12 + 1e-6
    assert stretches.diff().max() < 0.03
    spectra = torch.fft.rfft(after * torch.hann_window(T), 16 * T).abs()
    found = 1000 / (spectra.argmax(1) / 16)  # the stretch that each tone's frequency shows
    assert (found[:, None] - stretches).abs().amin(1).max() < 2e-4
    assert len(found.unique()) > 10


def test_speed_keeps_the_word_in_the_middle_and_its_level() -> None:
    before = tones(*[1000.0] * 32)
    after = apply("speed", before, stretch_percent=12).waveforms
    time = torch.arange(T) - T / 2 + 0.5
    assert ((after.square() * time).sum(1) / after.square().sum(1)).abs().max() < 2
    assert torch.allclose(after.abs().amax(1), before.abs().amax(1), atol=3e-3)


def test_speed_does_not_alias() -> None:
    before = tones(*[7600.0] * 64)
    after = apply("speed", before, stretch_percent=12).waveforms
    kept = to_db(power(after) / power(before))
    audible = band_power(after, 0, 6500) / band_power(before, 7000, 8001)
    assert to_db(audible).max() < -60
    assert kept.min() < -60  # shortened beyond the Nyquist frequency it is gone


@given(low=st.floats(-60, 40), width=st.floats(0, 30), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_gain_is_within_its_range_and_clips_at_full_scale(low: float, width: float, seed: int) -> None:
    high = min(40.0, low + width)
    before = words(4, peak=0.5)
    after = apply("gain", before, seed=seed, gain_db=[low, high]).waveforms

    assert after.abs().max() <= 1
    for clip, original in zip(after, before.waveforms, strict=True):
        whole = (clip.abs() < 1) & (original.abs() > 1e-3)
        ratio = clip[whole] / original[whole]
        assert low - 1e-3 <= 20 * np.log10(float(ratio.median())) <= high + 1e-3
        assert torch.allclose(clip, (original * ratio.median()).clamp(-1, 1), atol=1e-5)


def test_a_hot_gain_clips_like_a_microphone() -> None:
    before = words(4, peak=0.9)
    after = apply("gain", before, gain_db=[12, 12]).waveforms
    assert torch.allclose(after, (before.waveforms * 10 ** (12 / 20)).clamp(-1, 1), atol=1e-6)
    assert (after.abs() == 1).any()


def test_cut_silences_one_stretch_within_its_bounds() -> None:
    before = torch.full((64, T), 0.5)
    after = apply("cut", before, cut_ms=[20, 80]).waveforms
    silent = after == 0
    assert 20 * 16 <= silent.sum(1).min() <= silent.sum(1).max() <= 80 * 16
    assert silent.int().diff(dim=1).abs().sum(1).max() <= 2
    assert torch.equal(after[~silent], before[~silent])


def test_trim_leaves_the_word_and_its_margin() -> None:
    """A word of 0.3 s between 0.4 and 0.7 s, in noise 50 dB softer."""
    noise = 0.001 * torch.randn(32, T, generator=seeded(2))
    before = Batch(noise.clone(), words(32).targets)
    before.waveforms[:, 6400:11200] += torch.randn(32, 4800, generator=seeded(3)) * 0.1
    after = apply("trim", before, quiet_db=[20, 30], margin_ms=[20, 60]).waveforms
    heard = after != 0
    first, last = heard.int().argmax(1), T - heard.flip(1).int().argmax(1)
    for margin in (6400 - first, last - 11200):
        assert 20 * 16 - 1 <= margin.min() < 30 * 16 < 50 * 16 < margin.max() <= 60 * 16 + 1
    assert torch.equal(after[heard], before.waveforms[heard])
    assert (heard.sum(1) == last - first).all()


def test_trim_leaves_silence_and_noise_as_they_are() -> None:
    even = Batch(torch.cat([torch.zeros(4, T), torch.full((4, T), 0.1)]), words(8).targets)
    assert torch.equal(apply("trim", even).waveforms, even.waveforms)


# --- noise ---


@pytest.mark.parametrize("kind", ["recorded", "babble", *KINDS])
@pytest.mark.parametrize("snr_db", [-5, 10, 30])
def test_the_mix_has_the_drawn_ratio(kind: str, snr_db: float) -> None:
    before = words(32, peak=0.02)  # so soft that nothing clips
    recorded = torch.rand(100_000, generator=seeded()) - 0.5
    mix = apply("noise", before, noises=recorded, snr_db=[snr_db, snr_db], kinds={kind: 1}).waveforms
    measured = to_db(power(before.waveforms) / power(mix - before.waveforms))
    assert measured.sub(snr_db).abs().max() < 0.1


def test_ratios_are_drawn_from_the_whole_range() -> None:
    before = words(64, peak=0.02)
    mix = apply("noise", before, snr_db=[5, 25]).waveforms
    measured = to_db(power(before.waveforms) / power(mix - before.waveforms))
    assert 4.9 < measured.min() < 7
    assert 23 < measured.max() < 25.1


@pytest.mark.parametrize("name", COLOURS)
def test_colours_have_their_slope(name: str) -> None:
    noise = coloured(COLOURS[name])[None]
    octaves = to_db(
        torch.stack([band_power(noise, hertz, 2 * hertz) for hertz in (125, 250, 500, 1000, 2000)])
    )
    # The power of an octave doubles with its width; pink noise has equal power in each.
    assert octaves.diff(dim=0).sub(3.01 * (1 + COLOURS[name])).abs().max() < 0.3
    assert noise.std().item() == pytest.approx(0.1, rel=1e-3)


def test_hum_is_tones_and_textures_swell() -> None:
    def pieces(noise: Tensor) -> Tensor:
        return noise.view(-1, 2 * T)

    def swing_db(noise: Tensor) -> Tensor:
        levels = pieces(noise).unflatten(1, (-1, T // 20)).square().mean(2).sqrt()  # of 50 ms
        return to_db(levels.amax(1) / levels.median(1).values) * 2

    def tonality(noise: Tensor) -> Tensor:
        """The share of the power in the strongest hundredth of the frequencies."""
        powers = torch.fft.rfft(pieces(noise) * torch.hann_window(2 * T)).abs().square()
        strongest = powers.sort(1, descending=True).values[:, : powers.shape[1] // 100]
        share: Tensor = strongest.sum(1) / powers.sum(1)
        return share

    assert tonality(hum()).min() > 0.7 > tonality(coloured(0.0)).max()
    assert swing_db(hum()).median() < 3 < 6 < swing_db(textures()).median()
    for noise in (hum(), textures()):
        assert pieces(noise).square().mean(1).sqrt().sub(0.1).abs().max() < 1e-3
        assert band_power(noise[None], 0, 30) < 0.01 * band_power(noise[None], 0, T // 2)


def test_recorded_noise_comes_from_anywhere_in_the_recordings() -> None:
    recorded = torch.linspace(0.1, 1, 50_000)
    mix = apply(
        "noise", torch.full((64, T), 0.01), noises=recorded, snr_db=[0, 0], kinds={"recorded": 1}
    ).waveforms
    added = mix - 0.01
    first = added[:, 0] / (added[:, -1] - added[:, 0])  # the scale is unknown, where the ramp begins is not
    begins = (first * (T - 1) * (0.9 / 49_999) - 0.1) / (0.9 / 49_999)
    assert begins.min() > -100
    assert begins.min() < 4000
    assert 30_000 < begins.max() < 34_100


def test_recordings_shorter_than_a_clip_are_repeated() -> None:
    mix = apply("noise", words(4), noises=torch.ones(100), snr_db=[0, 0], kinds={"recorded": 1})
    assert torch.isfinite(mix.waveforms).all()


def test_babble_is_other_clips_and_never_the_clip_itself() -> None:
    before = tones(500, 1500, 2500, 3500, 4500)
    added = apply("noise", before, snr_db=[10, 10], kinds={"babble": 1}).waveforms - before
    for clip, hertz in enumerate((500, 1500, 2500, 3500, 4500)):
        own = band_power(added, hertz - 200, hertz + 200)[clip]
        assert to_db(own / band_power(added, 0, 8001)[clip]) < -20
        others = [
            band_power(added, other - 200, other + 200)[clip] for other in (500, 1500, 2500, 3500, 4500)
        ]
        assert sum(int(to_db(other / max(others)) > -20) for other in others) >= 2


def test_babble_of_nobody_changes_nothing() -> None:
    alone = words(1)
    assert torch.equal(apply("noise", alone, kinds={"babble": 1}).waveforms, alone.waveforms)
    among_the_silent = torch.cat([alone.waveforms, torch.zeros(3, T)])
    assert torch.equal(apply("noise", among_the_silent, kinds={"babble": 1}).waveforms[:1], alone.waveforms)


def test_silent_clips_get_noise_at_a_drawn_level() -> None:
    silent = torch.zeros(32, T)
    after = apply("noise", silent, silence_db=[-60, -40], kinds={"white": 1}).waveforms
    levels = to_db(power(after))
    assert -60.1 < levels.min() < -57
    assert -43 < levels.max() < -39.9


def test_silent_recordings_add_nothing() -> None:
    before = words(8)
    after = apply("noise", before, noises=torch.zeros(50_000), kinds={"recorded": 1})
    assert torch.equal(after.waveforms, before.waveforms)


def test_kinds_come_as_often_as_their_weights() -> None:
    drawn = choose([1.0, 0.0, 3.0], 20_000, seeded(), CPU)
    assert torch.bincount(drawn, minlength=3)[1] == 0
    assert (drawn == 2).float().mean().item() == pytest.approx(0.75, abs=0.02)


def test_noises_are_read_from_a_folder_but_for_those_left_out(tmp_path: Path) -> None:
    for name, value in (("bicycle", 0.25), ("dishes", 0.5), ("tap", 0.75)):
        (tmp_path / f"{name}.wav").write_bytes(audio.encode_wav(np.full(24_000, value, np.float32), 24_000))
    (tmp_path / "README.md").write_text("not a recording")

    noises = read_noises(tmp_path, exclude=["dishes"])

    assert noises.dtype == torch.float32
    assert noises.shape == (2 * T,)
    assert noises[T // 2] == pytest.approx(0.25, abs=1e-3)
    assert noises[-T // 2] == pytest.approx(0.75, abs=1e-3)
    with pytest.raises(DataError, match="'dishwasher'"):
        read_noises(tmp_path, exclude=["dishwasher"])
    with pytest.raises(DataError, match="no recordings"):
        read_noises(tmp_path, exclude=["bicycle", "dishes.wav", "tap"])
    with pytest.raises(DataError, match="no recordings"):
        read_noises(tmp_path / "nowhere")


# --- reverb ---


@pytest.mark.parametrize("rt60_seconds", [0.2, 0.4, 0.6])
def test_responses_decay_in_their_reverberation_time(rt60_seconds: float) -> None:
    step = Reverb(rt60_seconds=(rt60_seconds, rt60_seconds), direct_db=(0, 0), echo_probability=0)
    tail = step.responses()[:, 40:].double().square()
    left_db = to_db(tail.flip(1).cumsum(1).flip(1) / tail.sum(1, keepdim=True))  # Schroeder 1965
    seconds = torch.arange(tail.shape[1]) / SAMPLE_RATE
    for decay_db in left_db[:16]:
        part = (decay_db <= -5) & (decay_db >= -20)
        slope = np.polyfit(seconds[part].numpy(), decay_db[part].numpy(), 1)[0]
        assert -60 / slope == pytest.approx(rt60_seconds, rel=0.12)


@pytest.mark.parametrize("direct_db", [0, 12])
def test_responses_have_their_direct_sound_and_unit_energy(direct_db: float) -> None:
    responses = Reverb(direct_db=(direct_db, direct_db), echo_probability=0).responses().double()
    energy = responses.square()
    assert to_db(energy[:, 0] / energy[:, 1:].sum(1)).sub(direct_db).abs().max() < 0.01
    assert energy.sum(1).sub(1).abs().max() < 1e-4


def test_echoes_come_when_and_as_loud_as_the_recipe_says() -> None:
    step = Reverb(direct_db=(40, 40), rt60_seconds=(0.05, 0.05), echo_ms=(100, 200), echo_db=(-12, -6))
    responses = step.responses() / step.responses()[:, :1]
    echoes = responses[:, 640:].abs() > 0.01  # reverberation is gone by then
    place = echoes.nonzero()[:, 1] + 640
    assert 1600 <= place.min() <= place.max() <= 3200
    share = echoes.any(1).float().mean().item()
    assert 0.2 < share < 0.55
    loudest = to_db(responses[:, 640:].abs().amax(1)[echoes.any(1)] ** 2)
    assert loudest.min() > -12.5
    assert loudest.max() < 0  # several may fall together


def test_reverb_is_the_linear_convolution_with_a_room() -> None:
    impulse = torch.zeros(8, T)
    impulse[:, 10_000] = 0.9
    after = apply("reverb", impulse).waveforms[:, 10_000:] / 0.9
    responses = Reverb().responses()[:, : T - 10_000]
    assert (after[:, None] - responses).abs().amax(2).amin(1).max() < 1e-5
    late = torch.zeros(8, T)
    late[:, -1] = 0.9
    assert apply("reverb", late).waveforms[:, :-1].abs().max() < 1e-5  # nothing wraps round to the start


def test_reverb_leaves_the_word_where_it_was() -> None:
    before = words(32)
    after = apply("reverb", before, direct_db=[3, 20]).waveforms
    assert torch.equal(delay(after, before.waveforms), torch.zeros(32, dtype=torch.int64))
    assert to_db(power(after) / power(before.waveforms)).abs().max() < 3


# --- band limit, quantize ---


@pytest.mark.parametrize("kind", ["telephone", "rate_8000", "rate_11025"])
def test_nothing_is_left_above_the_band(kind: str) -> None:
    before = words(32).waveforms
    after = apply("band_limit", before, kinds={kind: 1}).waveforms
    above = band_power(after, UPPER_HZ[kind], 8001) / band_power(before, UPPER_HZ[kind], 8001)
    assert to_db(above).max() < -40
    if kind == "telephone":
        assert to_db(band_power(after, 0, 90) / band_power(before, 0, 90)).max() < -20


@pytest.mark.parametrize("kind", UPPER_HZ)
def test_the_band_itself_passes_without_delay(kind: str) -> None:
    before = words(32).waveforms
    after = apply("band_limit", before, kinds={kind: 1}, equalizer_db=0, tilt_db=0).waveforms
    kept = band_power(after, 450, 2700) / band_power(before, 450, 2700)
    assert to_db(kept).abs().max() < 0.5
    assert delay(after, before).abs().max() == 0


def test_microphones_differ_within_their_bounds() -> None:
    step = BandLimit(kinds={"microphone": 1}, equalizer_db=6, tilt_db=0)
    response_db = 20 * torch.log10(step.responses(16_000)[:, [500, 1000, 2000, 4000, 7900]])
    assert (response_db.amax(1) - response_db.amin(1)).max() <= 12.1
    assert response_db.std(0).min() > 2


def test_a_small_microphone_hears_nothing_low() -> None:
    before = words(32).waveforms
    options: dict[str, Any] = {
        "kinds": {"microphone": 1},
        "equalizer_db": 0,
        "tilt_db": 0,
        "microphone_low_hz": [500, 500],
    }
    after = apply("band_limit", before, **options).waveforms
    assert to_db(band_power(after, 0, 490) / band_power(before, 0, 490)).max() < -40
    assert to_db(band_power(after, 700, 7500) / band_power(before, 700, 7500)).abs().max() < 3


def test_mu_law_has_few_values_and_an_error_that_follows_the_level() -> None:
    levels = torch.tensor([0.9, 0.1, 0.01])[:, None]
    before = levels * (2 * torch.rand(3, T, generator=seeded()) - 1)
    after = apply("quantize", before, kinds={"mu_law": 1}).waveforms
    assert len(after.unique()) <= 255
    snr_db = to_db(power(before) / power(after - before))
    assert 35 < snr_db[0] < 40
    assert 33 < snr_db[1] < 40
    assert 25 < snr_db[2] < 40


@pytest.mark.parametrize("codec_snr_db", [14, 24])
def test_codec_errs_as_much_as_it_says_in_the_loudest_band_and_relatively_more_in_softer_ones(
    codec_snr_db: float,
) -> None:
    noise = 0.05 * torch.randn(8, T, generator=seeded())
    spectra = torch.fft.rfft(noise)
    hertz = torch.fft.rfftfreq(T, 1 / SAMPLE_RATE)
    spectra[:, hertz > 2000] *= 10 ** (-10 / 20)  # 10 dB softer, whose ratio is then 5 dB less
    before = torch.fft.irfft(spectra)
    after = apply("quantize", before, kinds={"codec": 1}, codec_snr_db=[codec_snr_db, codec_snr_db]).waveforms
    for low_hz, high_hz, expected in ((500, 1700, codec_snr_db), (3200, 7900, codec_snr_db - 5)):
        measured = to_db(band_power(before, low_hz, high_hz) / band_power(after - before, low_hz, high_hz))
        assert measured.sub(expected).abs().max() < 2
    assert delay(after, before).abs().max() == 0


def test_codec_drops_what_is_far_softer_than_the_loudest_band() -> None:
    before = tones(1000) + 1e-4 * tones(6800)
    after = apply("quantize", before, kinds={"codec": 1}, codec_snr_db=[14, 14]).waveforms
    assert to_db(band_power(after, 6600, 7000) / band_power(before, 6600, 7000)) < -20


# --- mixup, spec_augment ---


def test_mixup_is_the_same_convex_combination_of_waveforms_and_targets() -> None:
    clips = 7  # of seven labels, so that the targets tell who was mixed, and how
    before = words(clips)
    after = apply("mixup", before, alpha=1.0)
    assert after.targets.sum(1).sub(1).abs().max() < 1e-6
    assert after.targets.min() >= 0
    assert ((after.targets > 0).sum(1) <= 2).all()
    assert torch.allclose(after.waveforms, after.targets @ before.waveforms, atol=1e-6)
    assert not torch.equal(after.targets, before.targets)


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 4.0])
def test_mixup_draws_from_beta(alpha: float) -> None:
    shares = Mixup(alpha=alpha).quantiles
    assert shares.mean().item() == pytest.approx(0.5, abs=2e-3)
    assert shares.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)
    if alpha == 1:
        assert torch.allclose(shares, torch.linspace(0, 1, len(shares)), atol=1e-3)


@given(
    bands=st.integers(0, 64), frames=st.integers(0, 60), channels=st.integers(1, 80), seed=st.integers(0, 99)
)
@settings(max_examples=30, deadline=None)
def test_spec_augment_blanks_whole_bands_and_frames_within_its_bounds(
    bands: int, frames: int, channels: int, seed: int
) -> None:
    features = torch.randn(6, channels, 50, generator=seeded(1))
    options = {"frequency_masks": 2, "frequency_bands": bands, "time_masks": 1, "time_frames": frames}
    after = build([{"step": "spec_augment", **options}], None).features(features, seeded(seed))

    changed = after != features
    whole_bands, whole_frames = changed.all(2), changed.all(1)
    assert torch.equal(changed, whole_bands[:, :, None] | whole_frames[:, None, :])
    assert whole_bands.sum(1).max() <= 2 * min(bands, channels // 2)
    left = ~whole_bands.all(1)
    assert whole_frames[left].sum() <= left.sum() * min(frames, 25)
    mean = features.mean((1, 2), keepdim=True).expand_as(features)
    assert torch.equal(after[changed], mean[changed])


def test_spec_augment_lets_gradients_through() -> None:
    features = torch.randn(4, 40, 100, generator=seeded(), requires_grad=True)
    after = build([{"step": "spec_augment"}], None).features(features, seeded())
    after.sum().backward()
    assert features.grad is not None
    assert torch.equal(features.grad, (after == features).float())


# --- what holds for all steps ---


def nasty() -> dict[str, Tensor]:
    return {
        "silence": torch.zeros(4, T),
        "squares": torch.sign(torch.sin(torch.arange(T) * 0.05)).repeat(4, 1),
        "one clip": words(1).waveforms,
        "two clips, one silent": torch.cat([words(1).waveforms, torch.zeros(1, T)]),
        "almost silent": torch.full((3, T), 1e-30),
        "another length": words(5).waveforms[:, :12_345].contiguous(),
    }


@pytest.mark.parametrize("name", WAVEFORM_STEPS)
@pytest.mark.parametrize("case", nasty())
def test_every_step_survives(name: str, case: str) -> None:
    before = nasty()[case]
    targets = torch.eye(LABELS)[torch.arange(len(before)) % LABELS]
    after = apply(name, Batch(before, targets))
    assert after.waveforms.dtype == torch.float32
    assert after.waveforms.shape == before.shape
    assert torch.isfinite(after.waveforms).all()
    assert after.waveforms.abs().max() <= 1
    assert after.targets.sum(1).sub(1).abs().max() < 1e-6


@pytest.mark.parametrize("name", WAVEFORM_STEPS)
def test_the_generator_alone_decides_and_the_given_batch_is_left_alone(name: str) -> None:
    batch = words(24)
    kept = batch.waveforms.clone()
    chain = default_chain(name, 0.5)
    torch.manual_seed(1)
    first = chain.waveforms(batch, seeded(5))
    torch.manual_seed(2)
    again = chain.waveforms(batch, seeded(5))
    other = chain.waveforms(batch, seeded(6))
    assert torch.equal(batch.waveforms, kept)
    assert torch.equal(first.waveforms, again.waveforms)
    assert torch.equal(first.targets, again.targets)
    assert not torch.equal(first.waveforms, other.waveforms)


@pytest.mark.parametrize("name", WAVEFORM_STEPS)
def test_so_many_clips_change_as_the_probability_says(name: str) -> None:
    batch = Batch(words(16).waveforms.repeat(8, 1)[:, :6000].contiguous(), torch.ones(128, 1))
    assert torch.equal(apply(name, batch, probability=0).waveforms, batch.waveforms)

    def share(probability: float) -> float:
        after = [apply(name, batch, probability=probability, seed=seed).waveforms for seed in range(3)]
        return torch.cat([(clips != batch.waveforms).any(1) for clips in after]).float().mean().item()

    always = share(1)  # a shift by nothing, a mix with oneself are no change
    assert always > 0.85
    assert share(0.4) == pytest.approx(0.4 * always, abs=0.08)


def test_features_follow_probability_and_generator() -> None:
    features = torch.randn(200, 40, 50, generator=seeded())
    never = build([{"step": "spec_augment", "probability": 0}], None)
    assert torch.equal(never.features(features, seeded()), features)
    half = build([{"step": "spec_augment", "probability": 0.5}], None)
    first, again, other = (half.features(features, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (first != features).any(2).any(1).float().mean().item() == pytest.approx(0.5, abs=0.12)


def everything() -> list[dict[str, Any]]:
    return [{"step": name, "probability": 0.6} for name in STEPS]


def test_steps_come_in_the_order_of_the_recipe() -> None:
    gain: dict[str, Any] = {"step": "gain", "gain_db": [12, 12]}
    noise: dict[str, Any] = {"step": "noise", "snr_db": [0, 0], "kinds": {"white": 1}}
    before = words(2)
    for steps in ([gain, noise], [noise, gain]):
        expected, generator = before, seeded()
        for step in steps:
            expected = build([step], None).waveforms(expected, generator)
        assert torch.equal(build(steps, None).waveforms(before, seeded()).waveforms, expected.waveforms)


def test_groups_do_not_depend_on_what_is_augmented_around_them() -> None:
    noises = torch.randn(80_000, generator=seeded()) * 0.1
    groups = [words(16, seed=seed) for seed in range(3)]
    chain = build(everything(), noises)
    alone = [chain.waveforms(group, seeded(index)) for index, group in enumerate(groups)]
    chain = build(everything(), noises)
    for index in (2, 0, 1):
        together = chain.waveforms(groups[index], seeded(index))
        assert torch.equal(together.waveforms, alone[index].waveforms)
        assert torch.equal(together.targets, alone[index].targets)


def test_nothing_to_do_gives_the_batch_back() -> None:
    batch, features = words(2), torch.randn(2, 3, 4)
    assert build([], None).waveforms(batch, seeded()) is batch
    assert build([], None).features(features, seeded()) is features
    empty = Batch(torch.zeros(0, T), torch.zeros(0, 3))
    assert build(everything(), None).waveforms(empty, seeded()).waveforms.shape == (0, T)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("generator_device", ["cpu", "cuda"])
def test_all_steps_work_on_a_gpu(generator_device: str) -> None:
    batch = words(32)
    batch = Batch(batch.waveforms.cuda(), batch.targets.cuda())
    chain = build(everything(), torch.randn(80_000))
    first, again = (
        chain.waveforms(batch, torch.Generator(generator_device).manual_seed(3)) for _ in range(2)
    )
    assert first.waveforms.device == batch.waveforms.device
    assert torch.isfinite(first.waveforms).all()
    assert torch.allclose(first.waveforms, again.waveforms, atol=1e-6)
    features = torch.randn(8, 40, 100, device="cuda")
    assert chain.features(features, torch.Generator(generator_device)).device == features.device


# --- mistakes ---


@pytest.mark.parametrize(
    ("step", "named"),
    [
        ({"step": "reverse"}, ["'reverse'", "shift"]),
        ({"probability": 0.5}, ["None", "shift"]),
        ({"step": 3}, ["3", "shift"]),
        ({"step": "shift", "milliseconds": 100}, ["'shift'", "'milliseconds'", "shift_ms"]),
        ({"step": "shift", "_kept": {}}, ["'_kept'"]),
        ({"step": "noise", "recorded": 1}, ["'recorded'"]),
        ({"step": "shift", "shift_ms": -1}, ["'shift'", "shift_ms = -1", "0 to 1000"]),
        ({"step": "shift", "shift_ms": True}, ["shift_ms = True"]),
        ({"step": "shift", "shift_ms": float("nan")}, ["shift_ms = nan"]),
        ({"step": "shift", "shift_ms": "100"}, ["shift_ms = '100'"]),
        ({"step": "shift", "probability": 1.5}, ["probability = 1.5"]),
        ({"step": "speed", "stretch_percent": 80}, ["'speed'", "80"]),
        ({"step": "gain", "gain_db": [10, -10]}, ["gain_db = [10, -10]", "[lowest, highest]"]),
        ({"step": "gain", "gain_db": 6}, ["gain_db = 6"]),
        ({"step": "gain", "gain_db": [0, 1, 2]}, ["gain_db"]),
        ({"step": "gain", "gain_db": [0, float("inf")]}, ["gain_db"]),
        ({"step": "noise", "kinds": {"purple": 1}}, ["'noise'", "'purple'", "pink"]),
        ({"step": "noise", "kinds": {"pink": -1}}, ["kinds"]),
        ({"step": "noise", "kinds": {"pink": 0}}, ["kinds"]),
        ({"step": "noise", "kinds": {"pink": "often"}}, ["kinds"]),
        ({"step": "noise", "kinds": ["pink"]}, ["kinds"]),
        ({"step": "noise", "kinds": {"recorded": 1}}, ["recordings"]),
        ({"step": "mixup", "alpha": 0}, ["alpha = 0"]),
        ({"step": "spec_augment", "time_masks": 1.5}, ["time_masks = 1.5", "whole"]),
    ],
)
def test_mistakes_are_refused_by_name(step: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(RecipeError) as refusal:
        build([step], None)
    for name in named:
        assert name in str(refusal.value)


def test_without_recordings_the_default_noise_does_without() -> None:
    before = words(16, peak=0.02)
    mix = apply("noise", before, snr_db=[10, 10]).waveforms
    assert to_db(power(before.waveforms) / power(mix - before.waveforms)).sub(10).abs().max() < 0.1


@given(least=st.integers(1, 100_000))
@settings(max_examples=50, deadline=None)
def test_fast_lengths_are_even_and_near(least: int) -> None:
    length = fast_length(least)
    assert least <= length <= least * 1.1 + 4
    assert length % 2 == 0
