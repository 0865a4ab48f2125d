"""Front ends against references in float64 NumPy, written from the definitions."""

import io
import math
import warnings
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sayso.errors import RecipeError
from sayso.training.models.fourier import EXPORTED_TRANSFORMS, FastTransform
from sayso.training.models.frontend import FRONTENDS, LogMel, Mfcc, Pcen, Raw

Array = NDArray[np.float64]
RATE, HOP = 16_000, 160


def some_sound(amplitude: float, seed: int = 0) -> NDArray[np.float32]:
    """Two gliding tones in noise, the first tenth silent but for rounding."""
    time = np.arange(RATE) / RATE
    noise = np.random.default_rng(seed).standard_normal(RATE)
    sound = (
        np.sin(2 * np.pi * (300 + 500 * time) * time)
        + 0.1 * np.sin(2 * np.pi * 3000 * time**1.5)
        + 0.03 * noise
    )
    sound[: RATE // 10] = 0
    rounded: NDArray[np.float32] = (np.round(sound / np.abs(sound).max() * amplitude * 2**20) / 2**20).astype(
        np.float32
    )
    return rounded


def reference_power(
    waveform: NDArray[np.float32], bands: int, window_samples: int, low: float, high: float
) -> Array:
    """Mean power `(M, F)` in mel bands, in units of 1e-10."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window_samples) / window_samples)
    starts = range(0, len(waveform) - window_samples + 1, HOP)
    frames = np.array([waveform[start : start + window_samples].astype(np.float64) for start in starts])
    power = np.abs(np.fft.rfft(frames * window)) ** 2 / np.sum(window**2)  # (F, N/2 + 1)
    hertz = np.fft.rfftfreq(window_samples, 1 / RATE)
    mel = np.linspace(2595 * np.log10(1 + low / 700), 2595 * np.log10(1 + high / 700), bands + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    result = []
    for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False):
        weights = np.interp(hertz, [left, middle, right], [0, 1, 0])
        result.append(power @ (weights / weights.sum()))
    return np.array(result) / 1e-10


def reference_log_mel(waveform: NDArray[np.float32], normalize: str = "none", bands: int = 40) -> Array:
    power = reference_power(waveform, bands, 480, 20, 7600)
    if normalize == "clip":
        return np.asarray((np.log(1 + power / (power.mean() + 1) * 1e5) - 4.3) / 4)
    return np.asarray((np.log(1 + power) - 9.8) / 5)


def features(frontend: nn.Module, waveform: NDArray[np.float32]) -> Array:
    with torch.no_grad():
        result: Tensor = frontend(torch.from_numpy(waveform)[None])
    return result[0].double().numpy()


@pytest.mark.parametrize("amplitude", [1e-4, 1e-2, 0.5])
@pytest.mark.parametrize("normalize", ["none", "clip"])
def test_log_mel_is_the_reference(amplitude: float, normalize: str) -> None:
    waveform = some_sound(amplitude)

    found = features(LogMel(normalize=normalize), waveform)

    assert found.shape == (40, 98)
    np.testing.assert_allclose(found, reference_log_mel(waveform, normalize), atol=1e-4)


@pytest.mark.parametrize(
    ("bands", "window_seconds", "low", "high"),
    [(40, 0.025, 20, 7600), (64, 0.025, 60, 7800), (80, 0.030, 20, 8000), (10, 0.040, 20, 4000)],
)
def test_bands_window_and_range_can_be_chosen(
    bands: int, window_seconds: float, low: float, high: float
) -> None:
    waveform = some_sound(0.3)
    frontend = LogMel(bands, low_hertz=low, high_hertz=high, window_seconds=window_seconds)

    expected = (
        np.log(1 + reference_power(waveform, bands, round(window_seconds * RATE), low, high)) - 9.8
    ) / 5

    np.testing.assert_allclose(features(frontend, waveform), expected, atol=1e-4)
    assert frontend.channels == bands


@pytest.mark.parametrize("hertz", [100, 440, 1000, 3000, 7000])
def test_a_tone_is_loudest_in_the_band_around_it(hertz: float) -> None:
    tone = (0.1 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)).astype(np.float32)
    low, high = 2595 * np.log10(1 + np.array([20, 7600]) / 700)
    edges = 700 * (10 ** (np.linspace(low, high, 42) / 2595) - 1)

    loudest = set(features(LogMel(), tone).argmax(axis=0))

    assert len(loudest) == 1
    band = loudest.pop()
    assert edges[band] < hertz < edges[band + 2]


def test_white_noise_has_its_variance_in_every_band() -> None:
    noise = np.random.default_rng(0).standard_normal((50, RATE)).astype(np.float32) * 0.01

    power = LogMel(20).mel(torch.from_numpy(noise)).mean(dim=(0, 2)) * 1e-10

    np.testing.assert_allclose(power, 1e-4, rtol=0.05)


@pytest.mark.parametrize("level_db", [-40, -20, 10])
def test_a_clip_sounds_the_same_at_any_level_when_normalised(level_db: float) -> None:
    waveform = some_sound(0.3)

    near = features(LogMel(normalize="clip"), waveform)
    far = features(LogMel(normalize="clip"), (waveform * 10 ** (level_db / 20)).astype(np.float32))

    np.testing.assert_allclose(far, near, atol=0.01)


def test_a_clip_40_db_down_is_only_shifted() -> None:
    waveform = some_sound(0.3)
    sounding = slice(12, None)  # frames

    near, far = features(LogMel(), waveform), features(LogMel(), waveform * np.float32(0.01))

    np.testing.assert_allclose((near - far)[:, sounding], math.log(1e4) / 5, atol=0.1)


@pytest.mark.parametrize("name", ["log_mel", "mfcc", "pcen"])
def test_digital_silence_gives_finite_features_and_gradients(name: str) -> None:
    frontend = FRONTENDS[name]()
    silence = torch.zeros(1, RATE, requires_grad=True)

    found = frontend(silence)
    found.sum().backward()

    assert found.isfinite().all()
    assert silence.grad is not None
    assert silence.grad.isfinite().all()


def test_mfcc_is_the_cosine_transform_of_log_mel() -> None:
    waveform = some_sound(0.2)
    log_mel = reference_log_mel(waveform)
    expected = np.zeros((13, 98))
    for order in range(13):
        scale = math.sqrt((1 if order == 0 else 2) / 40)
        expected[order] = scale * sum(
            log_mel[m] * math.cos(math.pi * order * (m + 0.5) / 40) for m in range(40)
        )

    np.testing.assert_allclose(features(Mfcc(13), waveform), expected, atol=2e-4)


@pytest.mark.parametrize("amplitude", [1e-3, 0.5])
def test_pcen_is_the_recursion(amplitude: float) -> None:
    waveform = some_sound(amplitude)
    power = reference_power(waveform, 40, 480, 20, 7600)
    smooth = power.copy()
    for frame in range(1, smooth.shape[1]):
        smooth[:, frame] = 0.975 * smooth[:, frame - 1] + 0.025 * power[:, frame]
    expected = (power / (smooth + 1) ** 0.98 + 2) ** 0.5 - 2**0.5

    np.testing.assert_allclose(features(Pcen(), waveform), expected, atol=1e-4, rtol=1e-3)


def test_pcen_learns_only_when_asked() -> None:
    assert [parameter.requires_grad for parameter in Pcen(trainable=True).parameters()] == [True]
    assert [parameter.requires_grad for parameter in Pcen(trainable=False).parameters()] == [False]


def test_raw_at_8_khz_keeps_speech_and_folds_nothing_back() -> None:
    time = np.arange(RATE) / RATE
    for hertz, gain in [(1000, 1), (3300, 1), (4700, 0), (7000, 0)]:
        halved = features(Raw(8000), np.sin(2 * np.pi * hertz * time).astype(np.float32))[0, 100:-100]
        assert np.sqrt(2 * np.mean(halved**2)) == pytest.approx(gain, abs=0.01)


@pytest.mark.parametrize("window_samples", [400, 480, 512, 640])
@pytest.mark.parametrize("name", ["factored", "conv"])
def test_every_way_of_the_transform_is_the_fast_one(name: str, window_samples: int) -> None:
    window = torch.hann_window(window_samples, dtype=torch.float64)
    waveform = torch.from_numpy(some_sound(0.5))[None, :15_901]

    expected = FastTransform(window, HOP)(waveform)
    found = EXPORTED_TRANSFORMS[name](window, HOP)(waveform)

    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-5 * expected.max()


@pytest.mark.parametrize(
    ("name", "options", "kilobytes"),
    [
        ("log_mel", {"stft": "factored"}, 60),
        ("log_mel", {"stft": "conv", "normalize": "clip"}, 1000),
        ("log_mel", {"stft": "operator", "window_seconds": 0.032}, 50),
        ("mfcc", {"coefficients": 10, "window_seconds": 0.040, "hop_seconds": 0.020}, 85),
        ("pcen", {}, 60),
        ("raw", {"sample_rate": 8000}, 10),
    ],
)
def test_a_front_end_exports_small_and_without_complex_numbers(
    name: str, options: dict[str, Any], kilobytes: int
) -> None:
    frontend = FRONTENDS[name](**options)
    waveforms = np.stack([some_sound(0.3), some_sound(0.003, seed=1), some_sound(0.1, seed=2)])

    model = export(frontend)
    found = onnxruntime.InferenceSession(model).run(None, {"waveform": waveforms})[0]

    with torch.no_grad():
        np.testing.assert_allclose(found, frontend(torch.from_numpy(waveforms)), atol=5e-4)
    graph = onnx.load_from_string(model).graph
    assert sum(len(constant.raw_data) for constant in graph.initializer) < kilobytes * 1000
    kinds = {value.type.tensor_type.elem_type for value in graph.value_info}
    assert not kinds & {onnx.TensorProto.COMPLEX64, onnx.TensorProto.COMPLEX128}


@pytest.mark.parametrize("name", ["log_mel", "mfcc", "pcen"])
def test_bfloat16_training_leaves_the_features_exact(name: str) -> None:
    frontend = FRONTENDS[name](trainable=False) if name == "pcen" else FRONTENDS[name]()
    waveform = torch.from_numpy(some_sound(0.2))[None]

    with torch.autocast("cpu", torch.bfloat16):
        found = frontend(waveform)

    torch.testing.assert_close(found, frontend(waveform))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("raw", {"sample_rate": 11_025}),
        ("log_mel", {"normalize": "loudness"}),
        ("log_mel", {"stft": "wavelets"}),
        ("log_mel", {"bands": 200}),
        ("log_mel", {"low_hertz": 4000, "high_hertz": 300}),
        ("log_mel", {"hop_seconds": 0.05}),
        ("mfcc", {"coefficients": 50, "bands": 40}),
    ],
)
def test_a_wrong_option_is_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(RecipeError):
        FRONTENDS[name](**options)


def export(frontend: nn.Module) -> bytes:
    """The front end as the bytes of an ONNX file."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # the exporter's use of torch
        warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
        program = torch.onnx.export(
            frontend.eval(),
            (torch.zeros(2, RATE),),
            dynamo=True,
            opset_version=18,
            input_names=["waveform"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    assert program is not None
    onnx.save(program.model_proto, file)
    return file.getvalue()
