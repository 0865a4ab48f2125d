"""Mutated recordings through `audio.decode` and the API: `python benchmarks/fuzzing.py --cases 20000`.

The mutations know that files have headers with sizes and counts in them. A process of its own, so that a
crash of a decoder is a failed test and not the end of all. Prints what it found, as JSON.
"""

import argparse
import io
import json
import random
import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import soundfile

from sayso import audio
from sayso.errors import AudioError
from sayso.web import ModelStore, Settings, create_app

ALLOWED = {200, 400, 413, 415, 422}
SLOW_S = 2.0  # of processor time, for one recording
GROWTH_MIB = 50.0
RATE = 16_000
SOUNDFILE = [
    *[("WAV", kind) for kind in ("PCM_U8", "PCM_16", "PCM_24", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM")],
    *[("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16")],
    *[("AU", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16"), ("RF64", "PCM_16")],
]
FFMPEG = [("webm", "libopus"), ("mp4", "libopus"), ("ipod", "aac"), ("adts", "aac"), ("asf", "wmav2")]
FFMPEG += [("amr", "libopencore_amrnb"), ("ipod", "alac"), ("wv", "wavpack")]
EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def seeds() -> list[bytes]:
    """One short recording in each format."""
    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE // 2) / RATE)
    files = []
    for kind, subtype in SOUNDFILE:
        file = io.BytesIO()
        rate = 48_000 if subtype == "OPUS" else RATE
        soundfile.write(file, samples, rate, format=kind, subtype=subtype)
        files.append(file.getvalue())
    for kind, codec in FFMPEG:
        if codec in av.codecs_available:
            files.append(encoded(samples, kind, codec))
    return files


def encoded(samples: np.ndarray, kind: str, codec: str) -> bytes:
    """Samples `(T,)` as FFmpeg writes them."""
    rate = {"libopus": 48_000, "libopencore_amrnb": 8_000}.get(codec, RATE)
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = 12_200 if kind == "amr" else 64_000
        frame = av.AudioFrame.from_ndarray(np.int16(samples * 32767)[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(stream.format, "mono", rate, frame_size=stream.frame_size or None)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return file.getvalue()


def truncated(chance: random.Random, content: bytes, _: bytes) -> bytes:
    """Cut off at any place, mostly near the start."""
    return content[: int(len(content) * chance.random() ** 3)]


def flipped(chance: random.Random, content: bytes, _: bytes) -> bytes:
    """A few bits turned over, mostly in the header."""
    result = bytearray(content)
    for _number in range(chance.choice((1, 2, 8, 64))):
        place = int(len(result) * chance.random() ** 3)
        result[place] ^= 1 << chance.randrange(8)
    return bytes(result)


def lying(chance: random.Random, content: bytes, _: bytes) -> bytes:
    """Numbers in the header that claim too much or too little."""
    result = bytearray(content)
    for _number in range(chance.choice((1, 1, 2, 4))):
        size = chance.choice((1, 2, 4, 8))
        place = chance.randrange(min(len(result), 600))
        value = chance.choice(EXTREMES) if chance.random() < 0.7 else chance.getrandbits(8 * size)
        claim = (value % 256**size).to_bytes(size, chance.choice(("little", "big")))
        result[place : place + size] = claim
    return bytes(result)


def spliced(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """The start of one and the end of another."""
    return content[: chance.randrange(len(content))] + other[chance.randrange(len(other)) :]


def repeated(chance: random.Random, content: bytes, _: bytes) -> bytes:
    """A piece over and over."""
    start = chance.randrange(len(content))
    piece = content[start : start + chance.choice((4, 8, 64, 1024))]
    return content[:start] + piece * chance.choice((2, 16, 256)) + content[start:]


def dropped(chance: random.Random, content: bytes, _: bytes) -> bytes:
    """A piece left out, or filled with zeros."""
    start = int(len(content) * chance.random() ** 2)
    length = chance.choice((1, 2, 4, 16, 512))
    return content[:start] + bytes(chance.choice((0, length))) + content[start + length :]


def bomb(chance: random.Random, _content: bytes, _other: bytes) -> bytes:
    """Much silence in few bytes."""
    file = io.BytesIO()
    kind, subtype = chance.choice((("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("WAV", "IMA_ADPCM")))
    rate = chance.choice((8_000, 96_000))
    soundfile.write(file, np.zeros(11 * rate, np.int16), rate, format=kind, subtype=subtype)
    return file.getvalue()


Mutation = Callable[[random.Random, bytes, bytes], bytes]
MUTATIONS: list[Mutation] = [truncated, flipped, flipped, lying, lying, lying, spliced, repeated, dropped]


def mutate(chance: random.Random, files: list[bytes]) -> bytes:
    """One mutated recording."""
    if chance.random() < 0.002:
        return bomb(chance, b"", b"")
    content = chance.choice(files)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        content = chance.choice(MUTATIONS)(chance, content or b"\0", chance.choice(files))
    return content


def resident_mib() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    """Fuzz, and print what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the recordings that fail")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    files = seeds()
    client = create_app(ModelStore("m5"), Settings(max_seconds=10.0)).test_client()
    for file in files:  # each is heard as it is, which also warms everything up
        assert client.post("/audio", data=file).status_code == 200
    for _ in range(min(1000, options.cases // 2)):
        client.post("/audio", data=mutate(chance, files))
    before = resident_mib()
    statuses: dict[int, int] = {}
    failures: list[str] = []
    slowest = 0.0
    for case in range(options.cases):
        content = mutate(chance, files)
        print(case, file=sys.stderr)  # the last line names the case of a crash
        began = time.process_time()
        try:
            audio.decode(content, 8_000)
        except AudioError:
            pass
        except Exception:  # noqa: BLE001  # what is looked for
            failures.append(f"case {case}: {traceback.format_exc(limit=-3)}")
        decoded = time.process_time()
        status = client.post("/audio", data=content).status_code
        took = max(decoded - began, time.process_time() - decoded)
        statuses[status] = statuses.get(status, 0) + 1
        slowest = max(slowest, took)
        if status not in ALLOWED or took > SLOW_S:
            failures.append(f"case {case}: status {status}, {took:.1f} s")
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{options.seed}-{case}").write_bytes(content)
    growth = resident_mib() - before
    if growth > GROWTH_MIB:
        failures.append(f"memory grew by {growth:.0f} MiB")
    found = {
        "cases": options.cases,
        "formats": len(files),
        "statuses": dict(sorted(statuses.items())),
        "slowest_cpu_s": round(slowest, 3),
        "growth_mib": round(growth, 1),
        "failures": failures,
    }
    print(json.dumps(found, indent=1))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
