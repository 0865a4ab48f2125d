"""Recordings in, samples out: any source and format becomes mono float32 at the rate one asks for.

This room knows files, formats, sample rates and their bounds; it knows nothing of words, models or requests.
Samples are mono float32 in [-1, 1] everywhere. libsndfile (through soundfile) reads the common formats,
`audio_ffmpeg` the others. Neither is given a path, and neither decodes more than was allowed, whatever a
file's header claims.
"""

import io
import os
import stat
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from sayso import audio_ffmpeg
from sayso.errors import (
    AudioError,
    AudioOutOfBounds,
    AudioTooLong,
    EmptyAudio,
    SilentAudio,
)

MAX_SECONDS = 10.0
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 4_000, 192_000  # hertz
MAX_CHANNELS = 8
MAX_SAMPLE_VALUE = 8.0  # a hot float recording (up to +18 dB) is clipped; beyond, the scale is wrong
SILENCE_PEAK = 2 / 32768  # dither alone
MAX_FILE_BYTES = 64 * 2**20  # read from a path or file object; more where `max_seconds` asks for more:
FILE_BYTES_PER_SECOND = 48_000 * 2 * 4  # 48 kHz, stereo, 32 bits

Source = str | os.PathLike[str] | bytes | BinaryIO | tuple[NDArray[Any], int]
Samples = NDArray[np.float32]

_PIECE_FRAMES = 1 << 17
# Full scale of each integer type; unsigned bytes are centred on 128.
_FULL_SCALE = {"uint8": 2.0**7, "int16": 2.0**15, "int32": 2.0**31}


def decode(source: Source, sample_rate: int, *, max_seconds: float = MAX_SECONDS) -> Samples:
    """Turn a recording into mono samples at a wanted rate.

    Args:
        source: path, bytes, file object opened in binary mode (read from where it stands), or
            `(samples, sample_rate)` with samples `(samples,)` or `(samples, channels)`: floats in [-1, 1], or
            whole numbers of 8 (unsigned), 16 or 32 bits over their full range. Channels are averaged.
        sample_rate: wanted rate in hertz.
        max_seconds: the longest recording accepted; nothing beyond it is decoded.

    Returns:
        `(samples,)` float32 in [-1, 1]; what a hot recording holds beyond is clipped. Samples already of this
        form are returned as they are, not copied.

    Raises:
        AudioError: there is no such file, or it may not be read.
        EmptyAudio: no bytes, or no samples.
        NotAudio: no recording, or a damaged one.
        UnsupportedFormat: a format that this installation cannot read.
        AudioTooLong: longer than `max_seconds`, or a file of more bytes than such a recording needs.
        AudioOutOfBounds: not 4 to 192 kHz, more than 8 channels, or samples that are not finite or beyond 8.
        SilentAudio: no sample above 2/32768.

    """
    if isinstance(source, tuple):
        samples, from_rate = _from_array(*source, max_seconds)
    else:
        samples, from_rate = _from_bytes(_read(source, max_seconds), max_seconds)
    if not len(samples):
        raise EmptyAudio("The recording is empty: record it again.")
    peak = max(float(samples.max()), -float(samples.min()))  # not a number when any sample is
    if not peak <= MAX_SAMPLE_VALUE:
        raise AudioOutOfBounds(
            f"The recording holds sample values up to {peak:g}: save it as 16-bit WAV, "
            "or scale the samples to [-1, 1]."
        )
    if peak < SILENCE_PEAK:
        raise SilentAudio("The recording is silent: check that the right microphone is chosen and not muted.")
    if from_rate != sample_rate:
        samples = resample(samples, from_rate, sample_rate)
        return np.clip(samples, -1, 1, out=samples)  # the filter overshoots at steep edges
    return samples if peak <= 1 else np.clip(samples, -1, 1)


def resample(samples: Samples, from_rate: float, to_rate: float) -> Samples:
    """Change the sample rate, without aliasing.

    Args:
        samples: `(samples,)` float32.
        from_rate: their rate in hertz.
        to_rate: the wanted rate in hertz.

    Returns:
        `(samples · to_rate / from_rate,)` float32, rounded; not clipped, and a little beyond the input's peak
        at steep edges. With equal rates, the samples themselves.

    """
    if from_rate == to_rate:
        return samples
    result: Samples = soxr.resample(samples, from_rate, to_rate, quality="HQ")
    return result


def encode_wav(samples: NDArray[np.floating[Any]], sample_rate: int) -> bytes:
    """Write samples as a WAV file of 16-bit mono.

    Args:
        samples: `(samples,)` floats in [-1, 1]; values beyond are clipped.
        sample_rate: their rate in hertz.

    Raises:
        AudioOutOfBounds: a sample is not a number.

    """
    if np.isnan(samples).any():
        raise AudioOutOfBounds("Some samples are not numbers: leave them out before encoding.")
    pcm: bytes = np.clip(np.rint(samples * np.float32(32768)), -32768, 32767).astype("<i2").tobytes()
    header = struct.pack(
        "<4sI8sIHHIIHH4sI",
        *(b"RIFF", 36 + len(pcm), b"WAVEfmt ", 16),
        *(1, 1, sample_rate, 2 * sample_rate, 2, 16),  # PCM, one channel, 2 bytes a frame, 16 bits a sample
        *(b"data", len(pcm)),
    )
    return header + pcm


def fit_window(samples: Samples, length: int) -> Samples:
    """Bring samples to an exact length.

    Args:
        samples: `(samples,)` float32.
        length: wanted number of samples.

    Returns:
        `(length,)`: short ones in the middle of zeros, where words lie in what models are trained with; of
        long ones the stretch with the most energy.

    """
    if len(samples) <= length:
        missing = length - len(samples)
        return np.pad(samples, (missing // 2, missing - missing // 2)) if missing else samples
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return samples[start : start + length]


def _read(source: str | os.PathLike[str] | bytes | BinaryIO, max_seconds: float) -> bytes:
    """All bytes of a source, but no more than a recording of `max_seconds` can need."""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    limit = max(MAX_FILE_BYTES, int(max_seconds * FILE_BYTES_PER_SECOND))
    if not isinstance(source, str | os.PathLike):
        return _read_bounded(source, limit)
    try:
        path = Path(source)
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would wait for ever, a device never end
            raise AudioError(f"'{path}' is not a file: give the path of one recording.")
        with path.open("rb") as file:
            return _read_bounded(file, limit)
    except FileNotFoundError as error:
        raise AudioError(f"There is no file '{path}': check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        raise AudioError(f"The file {os.fspath(source)!r} cannot be read: {error}.") from error


def _read_bounded(file: BinaryIO, limit: int) -> bytes:
    chunks, left = [], limit + 1
    while left and (chunk := file.read(min(left, 1 << 20))):
        if not isinstance(chunk, bytes):
            raise TypeError("a file object must be opened in binary mode")
        chunks.append(chunk)
        left -= len(chunk)
    if not left:
        raise AudioTooLong(
            f"The file is larger than {limit >> 20} MiB: cut the recording into shorter pieces."
        )
    return b"".join(chunks)


def _from_array(samples: NDArray[Any], sample_rate: int, max_seconds: float) -> tuple[Samples, int]:
    samples = np.asarray(samples)
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.ndim != 2:
        raise AudioOutOfBounds("The samples must have the shape (samples,) or (samples, channels).")
    cap = _check_bounds(sample_rate, samples.shape[1], max_seconds)
    if len(samples) > cap:
        raise _too_long(max_seconds)
    return _to_mono(samples), sample_rate


def _from_bytes(content: bytes, max_seconds: float) -> tuple[Samples, int]:
    if not content:
        raise EmptyAudio("The recording has no bytes: record again, or check that the file was sent whole.")
    try:
        return _from_soundfile(content, max_seconds)
    except soundfile.SoundFileError:
        return _from_ffmpeg(content, max_seconds)


class _Bytes(io.BytesIO):
    """Bytes as a file in which a damaged recording may seek before the start: libsndfile then notices."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except (OverflowError, ValueError):  # would be printed by the C callback, not raised
            return self.tell()


class ForwardFile(soundfile.SoundFile):  # type: ignore[misc]
    """A recording that is only read on: soundfile seeks after each read, which spoils the next MP3 frame."""

    def seekable(self) -> bool:
        """As a pipe would answer."""
        return False


def _from_soundfile(content: bytes, max_seconds: float) -> tuple[Samples, int]:
    with ForwardFile(_Bytes(content)) as file:
        cap = _check_bounds(file.samplerate, file.channels, max_seconds)
        pieces: list[Samples] = []
        left = cap + 1
        while left:  # by pieces, because an array as long as the header claims may not fit into memory
            wanted = min(left, _PIECE_FRAMES)
            piece = file.read(wanted, dtype="float32", always_2d=True)  # (samples, channels)
            pieces.append(_to_mono(piece))
            left -= len(piece)
            if len(piece) < wanted:
                return _join(pieces), file.samplerate
    raise _too_long(max_seconds)


def _from_ffmpeg(content: bytes, max_seconds: float) -> tuple[Samples, int]:
    pieces: list[Samples] = []
    rate = frames = 0
    for piece, piece_rate in audio_ffmpeg.read_frames(content, max_seconds):
        cap = _check_bounds(piece_rate, piece.shape[1], max_seconds)
        if pieces and piece_rate != rate:
            raise AudioOutOfBounds("The recording changes its sample rate midway: save it as WAV.")
        rate = piece_rate
        frames += len(piece)
        if frames > cap:
            raise _too_long(max_seconds)
        pieces.append(_to_mono(piece))
    return _join(pieces), rate


def _join(pieces: list[Samples]) -> Samples:
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate(pieces) if pieces else np.empty(0, np.float32)


def _to_mono(samples: NDArray[Any]) -> Samples:
    """Average `(samples, channels)` of any accepted type into `(samples,)` float32, in [-1, 1] if it was."""
    kind, channels = samples.dtype.name, samples.shape[1]
    if samples.dtype.kind != "f" and kind not in _FULL_SCALE:
        raise AudioOutOfBounds(
            f"Samples of type {kind} have no agreed scale: convert them to float32 in [-1, 1]."
        )
    with np.errstate(over="ignore", invalid="ignore"):  # `decode` refuses what is not finite
        if channels == 1:
            mono = samples[:, 0].astype(np.float32, copy=False)
        else:  # thirty times faster than `mean(axis=1)`
            mono = (samples @ np.full(channels, 1 / channels, np.float32)).astype(np.float32, copy=False)
    if kind == "uint8":
        mono = mono - np.float32(128)
    return mono / np.float32(_FULL_SCALE[kind]) if kind in _FULL_SCALE else mono


def _check_bounds(sample_rate: float, channels: int, max_seconds: float) -> int:
    """Refuse what no microphone records, and say how many frames are allowed."""
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise AudioOutOfBounds(
            f"The sample rate is {sample_rate:g} Hz: record between "
            f"{MIN_SAMPLE_RATE} and {MAX_SAMPLE_RATE} Hz."
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioOutOfBounds(f"The recording has {channels} channels: send 1 to {MAX_CHANNELS}.")
    return int(max_seconds * sample_rate)


def _too_long(max_seconds: float) -> AudioTooLong:
    return AudioTooLong(f"The recording is longer than {max_seconds:g} seconds: send a shorter one.")
