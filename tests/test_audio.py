"""Recordings of every format come out as what was said into them, and hostile ones cost little."""

import io
import json
import os
import re
import struct
import subprocess
import sys
import textwrap
import time
import wave
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sayso import audio
from sayso.errors import (
    AudioError,
    AudioOutOfBounds,
    AudioTooLong,
    EmptyAudio,
    NotAudio,
    SaysoError,
    SilentAudio,
    UnsupportedFormat,
)

RATE = 16_000
Array = NDArray[Any]


# --- recordings to decode -----------------------------------------------------------------------------------


def tone(rate: int, seconds: float = 1.0, channels: int = 1, hertz: float = 440) -> NDArray[np.float32]:
    """A sine of amplitude 0.5, `(samples, channels)`."""
    time_s = np.arange(round(seconds * rate)) / rate
    sine = 0.5 * np.sin(2 * np.pi * hertz * time_s)
    return np.repeat(sine[:, None], channels, axis=1).astype(np.float32)


def write_soundfile(samples: Array, rate: int, container: str, codec: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=codec)
    return file.getvalue()


def write_ffmpeg(samples: Array, rate: int, container: str, codec: str) -> bytes:
    av = pytest.importorskip("av")
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[samples.shape[1]]
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.reshape(1, -1)), "flt", layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        if codec == "wmav2":
            stream.bit_rate = 64_000
        context = stream.codec_context
        cutter = av.AudioResampler(context.format, layout, rate, frame_size=context.frame_size or 1024)
        for piece in [*cutter.resample(frame), *cutter.resample(None), None]:
            output.mux(stream.encode(piece))
    return file.getvalue()


@cache
def recording(container: str, codec: str, rate: int, channels: int = 1) -> bytes:
    write = write_soundfile if container.isupper() else write_ffmpeg
    return write(tone(rate, channels=channels), rate, container, codec)


LOSSLESS = [
    *(
        ("WAV", codec)
        for codec in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
    ),
    *(("WAVEX", "PCM_16"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("CAF", "PCM_16"), ("CAF", "ALAC_16")),
    *(("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("AIFF", "PCM_16"), ("AIFF", "FLOAT"), ("AU", "PCM_16")),
    *(("ipod", "alac"), ("mov", "pcm_s16be"), ("wv", "wavpack"), ("matroska", "flac"), ("ogg", "flac")),
]
LOSSY = [
    *(("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")),
    *(("ipod", "aac"), ("adts", "aac"), ("3gp", "aac"), ("asf", "wmav2")),
]
OPUS = [("OGG", "OPUS"), ("webm", "libopus"), ("mp4", "libopus")]  # has no 44.1 kHz
CASES = [
    *(
        (*made, rate, channels)
        for made in LOSSLESS
        for rate, channels in ((8_000, 1), (44_100, 2), (96_000, 1))
    ),
    *((*made, rate, channels) for made in LOSSY for rate, channels in ((16_000, 1), (44_100, 2))),
    *((*made, rate, channels) for made in OPUS for rate, channels in ((16_000, 1), (48_000, 2))),
    *(
        ("WAV", "GSM610", 8_000, 1),
        ("3gp", "libopencore_amrnb", 8_000, 1),
        ("amr", "libopencore_amrnb", 8_000, 1),
    ),
    *(
        ("WAV", "PCM_16", 48_000, 6),
        ("FLAC", "PCM_16", 48_000, 8),
        ("ipod", "alac", 48_000, 6),
        ("wv", "wavpack", 48_000, 8),
    ),
    *(("WAV", "PCM_16", 4_000, 1), ("WAV", "PCM_16", 192_000, 1), ("WAV", "PCM_16", 11_025, 2)),
]


def frequency(samples: Array, rate: int) -> float:
    """The strongest frequency in hertz, to a fraction of one."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 18))
    return float(np.argmax(spectrum)) * rate / (1 << 18)


def level(samples: Array) -> float:
    """Root of the mean square, away from the ends, where codecs fade in and out."""
    quarter = len(samples) // 4
    return float(np.sqrt(np.mean(np.square(samples[quarter:-quarter], dtype=np.float64))))


# --- every format, every rate -------------------------------------------------------------------------------


@pytest.mark.parametrize(("container", "codec", "rate", "channels"), CASES)
def test_every_format_keeps_pitch_level_and_length(
    container: str, codec: str, rate: int, channels: int
) -> None:
    samples = audio.decode(recording(container, codec, rate, channels), RATE)

    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert frequency(samples, RATE) == pytest.approx(440, abs=1)
    lossless = (container, codec) in LOSSLESS
    assert 20 * np.log10(level(samples) / (0.5 / np.sqrt(2))) == pytest.approx(
        0, abs=0.3 if lossless else 1.2
    )
    # Lossy codecs work in blocks of up to 2,048 samples, and pad or drop some at either end.
    missing, added = (4, 4) if lossless else (400, 3 * 1_024 * RATE // rate)
    assert RATE - missing <= len(samples) <= RATE + added


@given(
    rate=st.integers(4_000, 192_000),
    wanted=st.sampled_from([8_000, 16_000, 22_050, 48_000]),
    share=st.floats(0.05, 0.8),
)
@settings(max_examples=40, deadline=None)
def test_a_tone_stays_at_its_frequency_whatever_the_rates(rate: int, wanted: int, share: float) -> None:
    hertz = share * min(rate, wanted) / 2

    samples = audio.decode((tone(rate, hertz=hertz), rate), wanted)

    assert frequency(samples, wanted) == pytest.approx(hertz, abs=1)
    assert level(samples) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)
    assert len(samples) == pytest.approx(wanted, abs=wanted / rate + 1)


@pytest.mark.parametrize(("from_rate", "to_rate"), [(48_000, 16_000), (44_100, 16_000), (48_000, 8_000)])
def test_what_the_new_rate_cannot_hold_vanishes_instead_of_folding_back(from_rate: int, to_rate: int) -> None:
    samples = tone(from_rate, hertz=10_000)[:, 0]

    assert level(audio.resample(samples, from_rate, to_rate)) < 0.5 / 10_000  # -80 dB


def test_equal_rates_cost_nothing() -> None:
    samples = tone(RATE)[:, 0]

    assert audio.resample(samples, RATE, RATE) is samples
    assert np.shares_memory(audio.decode((samples, RATE), RATE), samples)


def test_a_full_scale_square_wave_stays_within_bounds_after_resampling() -> None:
    square = np.sign(tone(48_000, hertz=441)[:, 0])

    assert np.abs(audio.decode((square, 48_000), RATE)).max() <= 1


# --- every kind of source -----------------------------------------------------------------------------------


def test_a_path_bytes_and_a_file_object_give_the_same(tmp_path: Path) -> None:
    content = recording("FLAC", "PCM_16", 44_100)
    path = tmp_path / "clip.with.odd.name"
    path.write_bytes(content)
    expected = audio.decode(content, RATE)

    np.testing.assert_array_equal(audio.decode(path, RATE), expected)
    np.testing.assert_array_equal(audio.decode(str(path), RATE), expected)
    np.testing.assert_array_equal(audio.decode(io.BytesIO(content), RATE), expected)
    with path.open("rb", buffering=0) as file:
        np.testing.assert_array_equal(audio.decode(file, RATE), expected)


@pytest.mark.parametrize(
    ("kind", "scale", "zero"),
    [("uint8", 128, 128), ("int16", 32768, 0), ("int32", 2**31, 0), ("float16", 1, 0), ("float64", 1, 0)],
)
def test_whole_numbers_are_scaled_by_their_type(kind: str, scale: float, zero: int) -> None:
    samples = (tone(RATE, channels=2).astype(np.float64) * scale + zero).astype(kind)

    decoded = audio.decode((samples, RATE), RATE)

    np.testing.assert_allclose(decoded, tone(RATE)[:, 0], atol=1 / 64 if kind == "uint8" else 1e-3)


def test_channels_are_averaged() -> None:
    left, right = tone(RATE, hertz=440)[:, 0], tone(RATE, hertz=550)[:, 0]
    stereo = np.stack([left, right], axis=1)

    expected = (left + right) / 2
    np.testing.assert_allclose(audio.decode((stereo, RATE), RATE), expected, atol=1e-6)
    content = write_soundfile(stereo, RATE, "WAV", "FLOAT")
    np.testing.assert_allclose(audio.decode(content, RATE), expected, atol=1e-6)


def test_a_hot_recording_is_clipped_and_the_source_left_alone() -> None:
    samples = 4 * tone(RATE)[:, 0]
    before = samples.copy()

    decoded = audio.decode((samples, RATE), RATE)

    np.testing.assert_array_equal(decoded, np.clip(before, -1, 1))
    np.testing.assert_array_equal(samples, before)


def test_a_file_object_must_be_binary() -> None:
    with pytest.raises(TypeError, match="binary"):
        audio.decode(io.StringIO("RIFF"), RATE)  # type: ignore[arg-type]


# --- one sentence for each mistake --------------------------------------------------------------------------


def test_nothing_at_all() -> None:
    for source in (b"", io.BytesIO(), (np.zeros(0, np.float32), RATE), audio.encode_wav(np.zeros(0), RATE)):
        with pytest.raises(EmptyAudio, match="record"):
            audio.decode(source, RATE)


@pytest.mark.parametrize(
    "content", [b"hello", b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(1000), b"#EXTM3U\nhttp://a/b"]
)
def test_what_is_no_recording(content: bytes) -> None:
    with pytest.raises(NotAudio, match="send WAV"):
        audio.decode(content, RATE)


@pytest.mark.parametrize(
    "made", [("FLAC", "PCM_16", 16_000), ("ipod", "aac", 16_000), ("webm", "libopus", 48_000)]
)
def test_a_recording_cut_off_in_its_head(made: tuple[str, str, int]) -> None:
    with pytest.raises(NotAudio, match="damaged"):
        audio.decode(recording(*made)[:60], RATE)


@pytest.mark.parametrize(
    "made", [("webm", "libopus", 48_000), ("ipod", "aac", 44_100), ("adts", "aac", 44_100)]
)
def test_without_pyav_the_remedy_is_named(
    monkeypatch: pytest.MonkeyPatch, made: tuple[str, str, int]
) -> None:
    content = recording(*made)
    monkeypatch.setitem(sys.modules, "av", None)

    with pytest.raises(UnsupportedFormat, match=re.escape("pip install 'sayso[formats]'")):
        audio.decode(content, RATE)
    with pytest.raises(NotAudio):
        audio.decode(b"hello", RATE)
    assert len(audio.decode(recording("WAV", "PCM_16", RATE), RATE)) == RATE


@pytest.mark.parametrize(
    "content", [b"RIFF\0\x10\0\0AVI LIST", b"MThd\0\0\0\x06", b"MAC \x96\x0f", b"\x0bw" + bytes(99)]
)
def test_what_cannot_be_read_is_told_what_can(content: bytes) -> None:
    with pytest.raises(UnsupportedFormat, match="send WAV, FLAC"):
        audio.decode(content, RATE)


@pytest.mark.parametrize("container", ["WAV", "FLAC", "OGG", "webm", "adts"])
def test_too_long(container: str) -> None:
    codec = {"WAV": "PCM_16", "FLAC": "PCM_16", "OGG": "VORBIS", "webm": "libopus", "adts": "aac"}[container]
    content = recording(container, codec, 48_000)

    with pytest.raises(AudioTooLong, match=r"longer than 0\.5 seconds"):
        audio.decode(content, RATE, max_seconds=0.5)
    assert len(audio.decode(content, RATE, max_seconds=1.1)) >= RATE


def test_exactly_the_limit_is_not_too_long() -> None:
    samples = tone(RATE)[:, 0]

    assert len(audio.decode((samples, RATE), RATE, max_seconds=1)) == RATE
    assert len(audio.decode(audio.encode_wav(samples, RATE), RATE, max_seconds=1)) == RATE
    with pytest.raises(AudioTooLong):
        audio.decode((np.append(samples, samples[:1]), RATE), RATE, max_seconds=1)


@pytest.mark.parametrize("rate", [0, 1, 3_999, 192_001, 2**31])
def test_a_rate_no_microphone_has(rate: int) -> None:
    with pytest.raises(AudioOutOfBounds, match="between 4000 and 192000 Hz"):
        audio.decode((tone(RATE), rate), RATE)
    header = bytearray(audio.encode_wav(tone(RATE)[:, 0], RATE))
    header[24:28] = struct.pack("<I", rate)
    with pytest.raises(AudioError):
        audio.decode(bytes(header), RATE)


@pytest.mark.parametrize("channels", [0, 9, 1_024])
def test_too_many_channels(channels: int) -> None:
    with pytest.raises(AudioOutOfBounds, match=f"{channels} channels: send 1 to 8"):
        audio.decode((np.zeros((100, channels), np.float32), RATE), RATE)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -9.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_sample_values_out_of_bounds(value: float, channels: int) -> None:
    samples = tone(RATE, channels=channels)
    samples[500] = value

    with pytest.raises(AudioOutOfBounds, match="16-bit WAV"):
        audio.decode((samples, RATE), RATE)
    with pytest.raises(AudioOutOfBounds, match="16-bit WAV"):
        audio.decode(write_soundfile(samples, RATE, "WAV", "FLOAT"), RATE)


def test_infinities_that_cancel_are_refused_without_a_warning() -> None:
    samples = np.array([[np.inf, -np.inf], [3e38, 3e38]] * 100)

    with pytest.raises(AudioOutOfBounds):
        audio.decode((samples, RATE), RATE)
    with pytest.raises(AudioOutOfBounds):
        audio.decode((np.full(100, 1e300), RATE), RATE)


@pytest.mark.parametrize("samples", [np.zeros(99, np.int64), np.zeros(99, bool), np.zeros(99, complex)])
def test_types_without_a_scale(samples: Array) -> None:
    with pytest.raises(AudioOutOfBounds, match="float32"):
        audio.decode((samples, RATE), RATE)


def test_a_shape_that_is_no_recording() -> None:
    with pytest.raises(AudioOutOfBounds, match="shape"):
        audio.decode((np.zeros((2, 3, 4), np.float32), RATE), RATE)
    with pytest.raises(AudioOutOfBounds, match="shape"):
        audio.decode((np.float32(0.5), RATE), RATE)  # type: ignore[arg-type]


@pytest.mark.parametrize("peak", [0, 1 / 32768])
def test_silence(peak: float) -> None:
    samples = np.full(RATE, peak, np.float32)
    samples[::2] *= -1

    with pytest.raises(SilentAudio) as caught:
        audio.decode(audio.encode_wav(samples, RATE), RATE)
    assert str(caught.value) == (
        "The recording is silent: check that the right microphone is chosen and not muted."
    )


def test_a_whisper_is_not_silence() -> None:
    assert len(audio.decode(audio.encode_wav(0.001 * tone(RATE)[:, 0], RATE), RATE)) == RATE


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="There is no file"):
        audio.decode(tmp_path / "missing.wav", RATE)
    with pytest.raises(AudioError, match="not a file"):
        audio.decode(tmp_path, RATE)
    with pytest.raises(AudioError, match="cannot be read"):
        audio.decode("a\0b.wav", RATE)


# --- sources and files that would cost much -----------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_devices_neither_hang_nor_fill_memory(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(AudioError, match="not a file"):
            audio.decode(path, RATE)


def test_an_endless_file_object_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            assert size > 0
            self.given += size
            return bytes(size)

    endless = Endless()
    monkeypatch.setattr(audio, "MAX_FILE_BYTES", 1 << 22)
    with pytest.raises(AudioTooLong, match="larger than 4 MiB"):
        audio.decode(endless, RATE, max_seconds=1)  # type: ignore[arg-type]
    assert endless.given == (1 << 22) + 1


def hour_of_silence() -> bytes:
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 4_000, 1, "PCM_16", format="FLAC") as output:
        for _ in range(6):
            output.write(np.zeros(600 * 4_000, np.int16))
    return file.getvalue()


def flac_of_length(frames: int) -> bytes:
    """A FLAC of one second whose header claims another length."""
    content = bytearray(recording("FLAC", "PCM_16", 16_000))
    content[21] = content[21] & 0xF0 | frames >> 32
    content[22:26] = struct.pack(">I", frames & 0xFFFFFFFF)
    return bytes(content)


def wav_with(offset: int, form: str, value: int) -> bytes:
    content = bytearray(audio.encode_wav(tone(RATE)[:, 0], RATE))
    struct.pack_into(form, content, offset, value)
    return bytes(content)


def mp4_of_samples(count: int) -> bytes:
    """An M4A whose tables claim this many samples in one chunk, one byte each."""
    content = bytearray(recording("ipod", "aac", 44_100))
    struct.pack_into(">II", content, content.index(b"stsz") + 8, 1, count)
    struct.pack_into(">III", content, content.index(b"stsc") + 8, 1, 1, count)
    struct.pack_into(">II", content, content.index(b"stts") + 8, 1, count)
    return bytes(content)


BOMBS: dict[str, Callable[[], bytes]] = {
    "an hour of silence as FLAC": hour_of_silence,
    "FLAC claiming 64 G frames": lambda: flac_of_length((1 << 36) - 1),
    "WAV claiming 4 GB": lambda: wav_with(40, "<I", 0xFFFFFFFF),
    "WAV at 1 Hz": lambda: wav_with(24, "<I", 1),
    "WAV of 1,024 channels": lambda: wav_with(22, "<H", 1_024),
    "M4A claiming 50 M samples": lambda: mp4_of_samples(50_000_000),
}


@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module")
def test_bombs_are_cheap(tmp_path: Path) -> None:
    pytest.importorskip("av")
    for name, make in BOMBS.items():
        (tmp_path / name).write_bytes(make())
    (tmp_path / "honest").write_bytes(recording("webm", "libopus", 48_000))
    script = """
        import json, resource, sys, time
        from pathlib import Path
        from sayso import audio
        from sayso.errors import SaysoError

        folder, *names = sys.argv[1:]
        unit = 1 if sys.platform == "darwin" else 1024
        audio.decode(Path(folder, "honest"), 16_000)  # what is loaded once counts for nobody
        for name in names:
            content = Path(folder, name).read_bytes()
            memory, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
            try:
                outcome = str(len(audio.decode(content, 16_000)))
            except SaysoError as error:
                outcome = type(error).__name__
            seconds = time.perf_counter() - start
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) * unit / 1e6
            print(json.dumps([name, outcome, seconds, grown]))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), *BOMBS]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    outcomes = {}
    for name, outcome, seconds, megabytes in map(json.loads, lines):
        print(f"{name}: {outcome}, {1e3 * seconds:.1f} ms, {megabytes:.1f} MB")  # noqa: T201
        outcomes[name] = outcome
        assert seconds < 2, name  # measured: under 0.05
        assert megabytes < 20, name
    assert list(outcomes.values()) == [
        "AudioTooLong",
        "16000",
        "16000",
        *["AudioOutOfBounds"] * 2,
        "AudioTooLong",
    ]


@pytest.mark.parametrize("frames", [0, (1 << 36) - 1])
def test_flac_of_unknown_length_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch, frames: int) -> None:
    """As streaming encoders write it; also where PyAV is missing."""
    monkeypatch.setitem(sys.modules, "av", None)
    assert len(audio.decode(flac_of_length(frames), RATE)) == RATE


def test_mp4_tables_are_refused_wherever_they_hide() -> None:
    honest = recording("ipod", "aac", 44_100)
    assert len(audio.decode(honest, RATE)) > 0

    edits = bytearray(honest)
    struct.pack_into(">I", edits, honest.index(b"elst") + 8, 1_000_000)
    fragment = honest + struct.pack(">I4sII", 16, b"trun", 0, 1 << 30)
    masked = honest + b"\0\0\0\x20freestsz" + struct.pack(">II4sIII", 0, 0, b"stsz", 0, 1, 1 << 30)
    compressed = honest + struct.pack(">I4s", 8, b"cmov")
    for content in (bytes(edits), fragment, masked):
        with pytest.raises(AudioTooLong):
            audio.decode(content, RATE)
    with pytest.raises(UnsupportedFormat, match="compressed"):
        audio.decode(compressed, RATE)
    with pytest.raises(NotAudio, match="too many parts"):
        audio.decode(honest + struct.pack(">I4s", 8, b"free") * 20_000, RATE)


def test_a_piece_for_each_sample_is_refused() -> None:
    content = bytearray(recording("mov", "pcm_s16be", 44_100))
    struct.pack_into(">I", content, content.index(b"stts") + 16, 2)  # no longer taken by the chunk

    with pytest.raises(NotAudio, match="too many parts"):
        audio.decode(bytes(content), RATE)


# --- damaged recordings -------------------------------------------------------------------------------------

DAMAGED = [
    *(
        ("WAV", "PCM_16", 16_000),
        ("WAV", "FLOAT", 16_000),
        ("WAV", "IMA_ADPCM", 16_000),
        ("FLAC", "PCM_16", 16_000),
    ),
    *(
        ("OGG", "VORBIS", 16_000),
        ("OGG", "OPUS", 16_000),
        ("AIFF", "PCM_16", 16_000),
        ("AU", "PCM_16", 16_000),
    ),
    *(("CAF", "PCM_16", 16_000), ("RF64", "PCM_16", 16_000), ("W64", "PCM_16", 16_000)),
    *(
        ("webm", "libopus", 48_000),
        ("ipod", "aac", 16_000),
        ("adts", "aac", 16_000),
        ("ipod", "alac", 44_100),
    ),
    *(("wv", "wavpack", 44_100), ("amr", "libopencore_amrnb", 8_000), ("matroska", "flac", 48_000)),
]


def is_heard_or_refused(content: bytes) -> bool:
    """Decode; nothing but samples within bounds or a `SaysoError` may come of it."""
    try:
        samples = audio.decode(content, RATE, max_seconds=5)
    except SaysoError as error:
        return str(error).endswith(".")
    return samples.dtype == np.float32 and bool(np.abs(samples).max() <= 1) and len(samples) <= 5 * RATE + 1


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_recordings_are_heard_or_refused(data: st.DataObject) -> None:
    content = bytearray(recording(*data.draw(st.sampled_from(DAMAGED))))
    where = st.one_of(st.integers(0, 127), st.integers(0, len(content) - 1))
    for _ in range(data.draw(st.integers(0, 12))):
        content[data.draw(where) % len(content)] = data.draw(st.sampled_from([0, 1, 127, 128, 255]))
    start, length = data.draw(where), data.draw(st.integers(0, 64))
    match data.draw(st.sampled_from(["whole", "cut", "dropped", "doubled", "spliced"])):
        case "cut":
            del content[start:]
        case "dropped":
            del content[start : start + length]
        case "doubled":
            content[start:start] = content[start : start + length]
        case "spliced":
            content[start:] = recording(*data.draw(st.sampled_from(DAMAGED)))[start:]

    assert is_heard_or_refused(bytes(content))


@given(content=st.binary(max_size=400))
@example(b"RIFF\xff\xff\xff\xffWAVE")
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_refused(content: bytes) -> None:
    for head in (
        b"",
        b"RIFF",
        b"fLaC",
        b"OggS",
        b"\x1aE\xdf\xa3",
        b"\0\0\0\x20ftyp",
        b"\xff\xf1",
        b"#!AMR\n",
    ):
        assert is_heard_or_refused(head + content)


def test_damage_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    backwards = bytearray(recording("AIFF", "PCM_16", 16_000))
    for made in DAMAGED:
        content = bytearray(recording(*made))
        for position in range(40, len(content), 97):
            content[position] ^= 0x55
        assert is_heard_or_refused(bytes(content))
    for position in range(60):  # some of these make libsndfile seek before the start
        assert is_heard_or_refused(
            bytes(backwards[:position]) + b"\xff" * 4 + bytes(backwards[position + 4 :])
        )

    assert capfd.readouterr() == ("", "")


# --- WAV out, windows, speed --------------------------------------------------------------------------------


@given(
    values=st.lists(st.integers(-32768, 32767), min_size=1, max_size=300),
    rate=st.sampled_from([8_000, 16_000]),
)
@settings(deadline=None)
def test_what_is_encoded_is_decoded(values: list[int], rate: int) -> None:
    samples = np.array([*values, 32767], np.float32) / 32768

    np.testing.assert_array_equal(audio.decode(audio.encode_wav(samples, rate), rate), samples)


def test_the_wav_header_is_true() -> None:
    content = audio.encode_wav(np.array([0.5, -0.5, 2.0, -2.0]), 44_100)

    with wave.open(io.BytesIO(content)) as file:
        assert file.getparams()[:4] == (1, 2, 44_100, 4)
        assert np.frombuffer(file.readframes(4), "<i2").tolist() == [16384, -16384, 32767, -32768]
    assert struct.unpack_from("<I", content, 4)[0] == len(content) - 8
    assert struct.unpack_from("<IH", content, 28) == (88_200, 2)  # bytes a second, bytes a frame


def test_what_is_no_number_is_not_encoded() -> None:
    with pytest.raises(AudioOutOfBounds, match="not numbers"):
        audio.encode_wav(np.array([0.0, np.nan]), RATE)


@given(before=st.integers(0, 500), after=st.integers(0, 500), length=st.integers(1, 200))
def test_the_window_holds_what_is_loud(before: int, after: int, length: int) -> None:
    loud = np.linspace(0.5, 1, length, dtype=np.float32)
    samples = np.concatenate([np.zeros(before), loud, np.zeros(after)]).astype(np.float32)

    np.testing.assert_array_equal(audio.fit_window(samples, length), loud)


@given(samples=st.integers(0, 300), missing=st.integers(0, 300))
def test_a_short_clip_lies_in_the_middle(samples: int, missing: int) -> None:
    clip = np.ones(samples, np.float32)

    window = audio.fit_window(clip, samples + missing)

    assert window.dtype == np.float32
    before = missing // 2
    assert window.tolist() == [0.0] * before + [1.0] * samples + [0.0] * (missing - before)


def test_a_wav_costs_little_more_than_its_bare_decoding() -> None:
    content = audio.encode_wav(tone(RATE)[:, 0], RATE)

    def best_of(function: Callable[[], object], rounds: int = 200) -> float:
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
        return min(times)

    bare = best_of(lambda: soundfile.read(io.BytesIO(content), dtype="float32"))
    ratio = best_of(lambda: audio.decode(content, RATE)) / bare

    assert ratio < 2  # measured: 1.2


def test_a_wav_loads_no_ffmpeg() -> None:
    script = (
        "import sys; from sayso import audio; import numpy;"
        "audio.decode(audio.encode_wav(numpy.ones(1000), 8000), 16000);"
        "sys.exit('av' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("kind", "subtype"), [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("FLAC", "PCM_16")]
)
def test_a_long_recording_has_no_seams(kind: str, subtype: str) -> None:
    """A recording of several seconds, read in pieces, is what one read of the whole would give."""
    random = np.random.default_rng(3)
    samples = 0.2 * random.standard_normal(9 * 44_100).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, samples, 44_100, format=kind, subtype=subtype)
    whole = np.clip(soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")[0], -1, 1)
    decoded = audio.decode(file.getvalue(), 44_100)
    assert np.abs(decoded[: len(whole)] - whole[: len(decoded)]).max() < 1e-6
