"""The recordings that only FFmpeg reads, as browsers and telephones make them. Needs PyAV: `[formats]`.

FFmpeg reads three hundred formats, playlists and network addresses among them, and trusts what a file says of
its own size. So it is fenced: few formats, no addresses, bytes instead of paths, no table larger than an
honest recording's. Decoding is lazy: the caller takes pieces for as long as it wants them.
"""

import io
import re
import struct
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from sayso.errors import AudioTooLong, NotAudio, UnsupportedFormat

READABLE = "WAV, FLAC, MP3, Ogg, WebM, M4A, AAC and AMR"  # with libsndfile's; for the messages

# Left out, besides all that names other files: wav, of which FFmpeg allocates whatever a text chunk claims.
_OPTIONS = {
    "format_whitelist": "aac,amr,asf,caf,flac,matroska,mov,mp3,ogg,webm,wv",
    # Decoders that may run while FFmpeg gets to know the file: none of a picture, however large.
    "codec_whitelist": "aac,alac,amrnb,amrwb,flac,mp3,mp3float,opus,vorbis,wavpack,wmav2",
    "protocol_whitelist": "",
}
# How those begin: WebM, WMA, AMR, WavPack, CAF, MP4, ADTS; FLAC and Ogg, of which libsndfile reads the most.
_MAGIC = re.compile(
    rb"\x1aE\xdf\xa3|0&\xb2u\x8ef\xcf\x11|#!AMR|wvpk|caff|....ftyp|\xff[\xf0\xf1\xf8\xf9]|fLaC|OggS",
    re.DOTALL,
)
# How well-known recordings begin that nothing here reads: APE, Musepack, TTA, AC-3, MIDI, RealMedia, DSD,
# Flash, AVI, and WAV with a telephone's codec.
_FOREIGN_MAGIC = re.compile(
    rb"MAC |MPCK|MP\+|TTA1|\x0bw|MThd|\.RMF|DSD |FLV|RIFF....(AVI |WAVEfmt ....[^\1\2\3\6\7\x11\x31\xfe])",
    re.DOTALL,
)
# Counts in MP4 that FFmpeg turns into memory although the file need not hold as much: samples of a track and
# of a fragment, edits (each repeats all samples), and a compressed index. Looked for at every byte, so that
# none hides behind another.
_MP4_COUNTS = re.compile(rb"(?=(?:stsz|stz2).{8}(.{4})|trun.{4}(.{4})|elst.{4}(.{4})|(cmov))", re.DOTALL)
_MP4_MAX_BOXES = 10_000
_MAX_PIECES_PER_SECOND = 1_000  # codecs make 50 to 750; a crafted file one for each sample
_MP4_SAMPLES_PER_SECOND = 2 * 48_000  # uncompressed, in a file of two tracks with an edit each; AAC needs 50


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
    if _FOREIGN_MAGIC.match(content):
        raise UnsupportedFormat(f"This recording is in a format that sayso cannot read: send {READABLE}.")
    try:
        import av  # 0.2 s, so only once a recording needs it
    except ImportError as error:
        if not _MAGIC.match(content):
            raise _not_audio() from error
        raise UnsupportedFormat(
            "This recording is in a format that needs PyAV: `pip install 'sayso[formats]'`, "
            "or send WAV, FLAC, MP3 or Ogg."
        ) from error
    if content[4:8].isalpha() or not _MAGIC.match(content):
        _refuse_false_tables(content, max_seconds)
    try:
        with av.open(io.BytesIO(content), mode="r", options=_OPTIONS, metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise NotAudio("This file holds no sound: send a recording.")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise UnsupportedFormat(f"sayso cannot read the sound in this file: send {READABLE}.")
            interleave = av.AudioResampler(format="flt")
            for count, decoded in enumerate(container.decode(stream)):
                if count > max_seconds * _MAX_PIECES_PER_SECOND:
                    raise _too_many_parts()
                channels = decoded.layout.nb_channels
                # PyAV looks for a null behind the last plane; from eight planes on there is none: a crash.
                crashes = decoded.format.is_planar and channels >= 8
                for frame in interleave.resample(decoded) if crashes else [decoded]:
                    samples = frame.to_ndarray()  # (C, T), or interleaved (1, T · C)
                    yield samples.T if len(samples) > 1 else samples.reshape(-1, channels), frame.sample_rate
    except (av.FFmpegError, ValueError, RuntimeError) as error:
        raise _not_audio() from error


def _not_audio() -> NotAudio:
    return NotAudio(f"This is not a recording that sayso can read, or a damaged one: send {READABLE}.")


def _too_many_parts() -> NotAudio:
    return NotAudio("This file consists of too many parts: save the recording as WAV.")


def _refuse_false_tables(content: bytes, max_seconds: float) -> None:
    """Refuse an MP4 file whose tables, once unfolded, are larger than the sound they can index.

    Ten kilobytes can claim ninety million samples, which cost FFmpeg three gigabytes before the first frame.
    """
    tables, start = [], 0
    for _ in range(_MP4_MAX_BOXES):
        if start + 8 > len(content):
            break
        size, kind = struct.unpack_from(">I4s", content, start)
        if size == 1 and start + 16 <= len(content):
            (size,) = struct.unpack_from(">Q", content, start + 8)
        end = start + size if size >= 8 else len(content)  # 0 means: to the end
        if kind != b"mdat":  # the sound itself, in which any bytes may occur
            tables.append(content[start:end])
        start = end
    else:
        raise _too_many_parts()
    samples, edits = 0, 0
    for match in _MP4_COUNTS.finditer(b"".join(tables)):
        track, fragment, edit, compressed = match.groups()
        if compressed:
            raise UnsupportedFormat(f"The index of this file is compressed: send {READABLE}.")
        samples += int.from_bytes(track or fragment or b"", "big")
        edits += int.from_bytes(edit or b"", "big")
    if samples * max(1, edits) > max_seconds * _MP4_SAMPLES_PER_SECOND:
        raise AudioTooLong(f"The recording claims more than {max_seconds:g} seconds: send a shorter one.")
