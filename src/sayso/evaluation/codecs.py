"""Lossy codecs: a clip encoded and decoded, its delay taken out.

Encoding is libsndfile's (MP3, Opus) or FFmpeg's (AAC, where PyAV is installed); decoding is the recogniser's
own, `audio.decode`.
"""

import io
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from sayso import audio
from sayso.errors import SilentAudio
from sayso.evaluation.distortions import SAMPLE_RATE, Waveforms

_MARGIN_SAMPLES = 4_096  # of zeros after a clip, for what the codec delays
_PROBE_SAMPLES = SAMPLE_RATE


@dataclass(frozen=True)
class Codec:
    """A way of encoding samples `(T,)` at `SAMPLE_RATE` into the bytes of a file."""

    encode: Callable[[Waveforms], bytes]
    module: str  # which must be installed
    extra: str = ""  # of sayso, that brings it


def _encode_mp3(samples: Waveforms) -> bytes:
    # libsndfile has no bit rates, but a level of compression: this one gives 32 kbit/s at 16 kHz.
    return _encode_soundfile(samples, "MP3", "MPEG_LAYER_III", 0.82, bitrate_mode="CONSTANT")


def _encode_opus(samples: Waveforms) -> bytes:
    # bits/s = 6,000 + 250,000 · (1 - level), as libsndfile's ogg_opus.c has it: 16 kbit/s.
    return _encode_soundfile(samples, "OGG", "OPUS", 0.96)


def _encode_soundfile(
    samples: Waveforms, container: str, codec: str, compression: float, bitrate_mode: str | None = None
) -> bytes:
    import soundfile

    content = io.BytesIO()
    soundfile.write(
        content,
        samples,
        SAMPLE_RATE,
        format=container,
        subtype=codec,
        compression_level=compression,
        bitrate_mode=bitrate_mode,
    )
    return content.getvalue()


def _encode_aac(samples: Waveforms) -> bytes:
    import av

    content = io.BytesIO()
    with av.open(content, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=SAMPLE_RATE)
        stream.bit_rate, stream.layout = 32_000, "mono"
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        for last in (frame, None):  # None empties the encoder
            for packet in stream.encode(last):
                container.mux(packet)
    return content.getvalue()


CODECS: Mapping[str, Codec] = {
    "MP3 32k": Codec(_encode_mp3, "soundfile"),
    "Opus 16k": Codec(_encode_opus, "soundfile"),
    "AAC 32k": Codec(_encode_aac, "av", "formats"),
}


def through(waveforms: Waveforms, name: str) -> Waveforms:
    """Waveforms `(B, T)` encoded and decoded by a codec of `CODECS`, in their old place in time."""
    late = delay_samples(name)
    heard = np.zeros_like(waveforms)
    # The encoders are by far the slowest of the audit, and let other threads run.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for result, decoded in zip(heard, pool.map(partial(_round_trip, name=name), waveforms), strict=True):
            kept = decoded[late : late + len(result)]
            result[: len(kept)] = kept
    return heard


def reason_missing(name: str) -> str:
    """Why a codec cannot be had in this installation, in a sentence; empty where it can."""
    codec = CODECS[name]
    try:
        codec.encode(np.zeros(_PROBE_SAMPLES, np.float32))
    except ImportError:
        remedy = f": `pip install 'sayso[{codec.extra}]'`" if codec.extra else ""
        return f"{name} needs `{codec.module}`, which is not installed{remedy}."
    except (RuntimeError, TypeError, ValueError) as error:  # built without the encoder, or an old version
        return f"This version of `{codec.module}` does not encode {name} ({error})."
    return ""


@cache
def delay_samples(name: str) -> int:
    """By how many samples what a codec decodes comes late: where it is most like what went in."""
    probe = np.zeros(_PROBE_SAMPLES, np.float32)
    burst = slice(_PROBE_SAMPLES // 4, _PROBE_SAMPLES // 2)
    random = np.random.default_rng(0)
    # Smoothed, because at these bit rates a codec leaves out the highest frequencies.
    noise = np.convolve(random.standard_normal(burst.stop - burst.start), np.ones(8) / 8, "same")
    probe[burst] = 0.2 * noise
    decoded = _round_trip(probe, name)
    length = len(decoded) + len(probe)
    likeness = np.fft.irfft(np.fft.rfft(decoded, length) * np.fft.rfft(probe, length).conj(), length)
    return int(np.argmax(likeness[:_MARGIN_SAMPLES]))


def _round_trip(clip: Waveforms, name: str) -> Waveforms:
    """One clip `(T,)` as it comes out of a codec: late, and with a margin at its end."""
    content = CODECS[name].encode(np.pad(clip, (0, _MARGIN_SAMPLES)))
    try:
        return audio.decode(content, SAMPLE_RATE)
    except SilentAudio:
        return np.zeros_like(clip)
