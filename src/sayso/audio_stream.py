"""Recordings of any length, and streams, as chunks of mono float32: memory stays bounded.

`audio.decode` answers for one recording, whole and bounded; this room for what has no length.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from sayso import audio, audio_ffmpeg
from sayso.errors import AudioError, AudioOutOfBounds, AudioTooLong, EmptyAudio, NotAudio, SilentAudio

CHUNK_SECONDS = 1.0  # of a file, decoded at once
MAX_WHOLE_BYTES = audio.MAX_FILE_BYTES  # of the formats that are decoded from memory: over an hour of each

# No codec spends less on a second; what a file's tables claim beyond is false.
_BYTES_PER_SECOND = 500

Samples = NDArray[np.float32]


class Resampler:
    """Changes the rate of a stream, chunk by chunk: the samples are those of the whole stream, resampled."""

    def __init__(self, from_rate: float, to_rate: float) -> None:
        """Between rates in hertz; equal ones change nothing."""
        self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
        self._same = from_rate == to_rate

    def feed(self, samples: Samples) -> Samples:
        """What is ready after samples `(n,)`: a little later than they came, by the length of the filter."""
        return samples if self._same else self._next(samples)

    def finish(self) -> Samples:
        """The rest."""
        return self._next(np.empty(0, np.float32), last=True) if not self._same else np.empty(0, np.float32)

    def _next(self, samples: Samples, *, last: bool = False) -> Samples:
        result: Samples = self._stream.resample_chunk(samples, last=last)
        return np.clip(result, -1, 1)  # the filter overshoots at steep edges


def mono(samples: NDArray[Any], sample_rate: int) -> Samples:
    """Samples of any type and channels that `audio.decode` takes, as `(n,)` float32 in [-1, 1].

    Raises:
        AudioOutOfBounds: see `audio.decode`.

    """
    if not len(samples):
        return np.empty(0, np.float32)
    try:
        return audio.decode((samples, sample_rate), sample_rate, max_seconds=float(len(samples)))
    except SilentAudio:  # in a stream, silence is a part like any other
        return np.zeros(len(samples), np.float32)


def read_file(path: str | os.PathLike[str], sample_rate: int) -> Iterator[Samples]:
    """Read a recording of any length.

    Args:
        path: a file in any format that `audio.decode` reads.
        sample_rate: the wanted rate in hertz.

    Yields:
        chunks `(n,)` float32 in [-1, 1] of about `CHUNK_SECONDS`.

    Raises:
        AudioError: see `audio.decode`; also, a format that libsndfile lacks, in more than `MAX_WHOLE_BYTES`.

    """
    resampler, rate = None, 0
    for samples, from_rate in _pieces(Path(path)):
        if resampler is None:
            resampler, rate = Resampler(from_rate, sample_rate), from_rate
        if from_rate != rate:
            raise AudioOutOfBounds("The recording changes its sample rate midway: save it as WAV.")
        yield resampler.feed(samples)
    if resampler is None:
        raise EmptyAudio(f"The file '{path}' holds no sound: record it again.")
    yield resampler.finish()


def read_raw(stream: BinaryIO, sample_rate: int) -> Iterator[Samples]:
    """Read signed 16-bit little-endian mono samples, as they come.

    Args:
        stream: a pipe or file, opened in binary mode.
        sample_rate: of the samples, in hertz; it bounds the size of a chunk.

    Yields:
        chunks `(n,)` float32 in [-1, 1), of at most `CHUNK_SECONDS`.

    """
    read = getattr(stream, "read1", stream.read)  # what is there, without waiting for more
    rest = b""
    while piece := read(round(2 * CHUNK_SECONDS * sample_rate)):
        piece = rest + piece
        whole = len(piece) // 2 * 2
        rest = piece[whole:]  # half a sample
        yield np.frombuffer(piece[:whole], "<i2") * np.float32(1 / 32768)


def _pieces(path: Path) -> Iterator[tuple[Samples, int]]:
    """Mono pieces of a file, and their rate."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise AudioError(f"'{path}' is not a file: give the path of one recording, or - for a pipe.")
        if not path.stat().st_size:
            raise EmptyAudio(f"The file '{path}' is empty: record it again.")
        with path.open("rb") as file:
            try:
                # A descriptor: a file object would be read by callbacks from C, in which Ctrl-C is lost, and
                # a path's ending would be believed. libsndfile closes it, also where it fails.
                recording = audio.ForwardFile(os.dup(file.fileno()))
            except soundfile.SoundFileError:
                file.seek(0)
                yield from _whole_pieces(file)
            else:
                with recording:
                    yield from _soundfile_pieces(recording)
    except FileNotFoundError as error:
        raise AudioError(f"There is no file '{path}': check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        raise AudioError(f"The file {os.fspath(path)!r} cannot be read: {error}.") from error


def _soundfile_pieces(recording: soundfile.SoundFile) -> Iterator[tuple[Samples, int]]:
    frames = max(1, round(CHUNK_SECONDS * min(recording.samplerate, audio.MAX_SAMPLE_RATE)))
    while True:
        try:
            piece = recording.read(frames, dtype="float32", always_2d=True)  # (frames, channels)
        except soundfile.SoundFileError as error:
            raise NotAudio("This recording is damaged: it cannot be read to its end.") from error
        if not len(piece):
            return
        yield mono(piece, recording.samplerate), recording.samplerate


def _whole_pieces(file: BinaryIO) -> Iterator[tuple[Samples, int]]:
    content = file.read(MAX_WHOLE_BYTES + 1)
    if len(content) > MAX_WHOLE_BYTES:
        raise AudioTooLong(
            f"In this format a file may have {MAX_WHOLE_BYTES >> 20} MiB: save it as WAV, FLAC or Ogg."
        )
    max_seconds = 10 + len(content) / _BYTES_PER_SECOND
    for piece, rate in audio_ffmpeg.read_frames(content, max_seconds):
        yield mono(piece, rate), rate
