"""The recordings that only FFmpeg reads: what browsers and telephones make. Needs PyAV, the extra `[formats]`.

FFmpeg reads three hundred formats, playlists and network addresses among them, and trusts what a file says of
its own size. So it is fenced: a few formats, no addresses, bytes instead of paths, no table larger than an
honest recording's. Decoding is lazy: the caller takes frames as long as it wants them.
"""

import io
import re
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sayso.errors import AudioTooLong, NotAudio, UnsupportedFormat

READABLE = "WAV, FLAC, MP3, Ogg, WebM, M4A, AAC and AMR"  # with libsndfile's; for the messages

# Left out, besides all that names other files: wav, of which FFmpeg allocates whatever a text chunk claims.
_FORMATS = "aac,amr,asf,caf,flac,matroska,mov,mp3,ogg,webm,wv"
# How those begin (ADTS apart, which begins with twelve set bits): WebM, WMA, AMR, WavPack, and the two that
# libsndfile reads in part: FLAC (not of unknown length) and Ogg (not Speex).
_MAGIC = re.compile(
    rb"\x1aE\xdf\xa3|0&\xb2u\x8ef\xcf\x11|#!AMR|wvpk|caff|fLaC|OggS|....ftyp|\xff[\xf0\xf1\xf8\xf9]", re.S
)
# In MP4, the counts that FFmpeg turns into memory though the file need not hold that much: samples of a track,
# samples of a fragment, edits (each repeats the samples), and a compressed index, whose size it believes.
_MP4_COUNTS = re.compile(rb"(?:stsz|stz2).{8}(.{4})|trun.{4}(.{4})|elst.{4}(.{4})|(cmov)", re.S)
_MP4_MAX_BOXES = 10_000  # 5,000 fragments; a browser makes a few a second
_MP4_SAMPLES_PER_SECOND = 48_000  # uncompressed sound in MP4; others need fifty
_MP4_MAX_EDITS = 100


def read_frames(content: bytes, max_seconds: float) -> Iterator[tuple[NDArray[Any], int]]:
    """Decode a recording piece by piece.

    Args:
        content: the whole file.
        max_seconds: recordings whose tables claim more than this may need are refused before they are read.

    Yields:
        `(samples, channels)` of the type the codec decodes to, full scale, and the sample rate in hertz.

    Raises:
        NotAudio: FFmpeg finds no sound, or a damaged recording.
        UnsupportedFormat: PyAV is not installed, or its FFmpeg has no decoder for what the file holds.
        AudioTooLong: the tables claim too much.
    """
    try:
        import av  # 0.2 s, so only once a recording needs it
    except ImportError as error:
        if not _MAGIC.match(content):
            raise NotAudio(f"This is not a recording, or a damaged one: send {READABLE}.") from error
        raise UnsupportedFormat(
            "This recording needs PyAV to be read: `pip install 'sayso[formats]'`, or send WAV, FLAC, MP3 or Ogg."
        ) from error
    if content[4:8] in (b"ftyp", b"moov", b"moof", b"mdat", b"wide", b"free", b"skip"):
        _refuse_false_tables(content, max_seconds)
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": ""}
    try:
        with av.open(io.BytesIO(content), mode="r", options=options, metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise NotAudio("This file holds no sound: send a recording.")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise UnsupportedFormat(f"sayso cannot read the sound in this file: send {READABLE}.")
            for frame in container.decode(stream):
                samples = frame.to_ndarray()  # (channels, samples) or, interleaved, (1, samples · channels)
                channels = frame.layout.nb_channels
                yield (
                    samples.T if frame.format.is_planar else samples.reshape(-1, channels),
                    frame.sample_rate,
                )
    except (av.FFmpegError, ValueError, RuntimeError) as error:
        raise NotAudio(f"This is not a recording, or a damaged one: send {READABLE}.") from error
