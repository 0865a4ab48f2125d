"""Clips as one memory-mapped array, decoded once.

Decoding is what makes the usual training loop slow: milliseconds a clip, each epoch again. Here every clip of
a folder is decoded once, in parallel, into a file `(clips, samples)` of int16 that all later runs map.

The file is keyed by the names and contents of the recordings, so a changed folder gets a new one. Work in
progress lies in `<key>.partial` with a journal of finished blocks; an interrupted build goes on there, and
only a finished one gets its name.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sayso import audio
from sayso.errors import AudioError, DataError, SilentAudio
from sayso.training.dataset import Clip, read_clips

SAMPLE_RATE = 16_000
WINDOW_SAMPLES = 16_000
MAX_SECONDS = 60.0  # of one recording; its loudest second is kept

_BLOCK = 256  # clips decoded by one task, and lost by an interruption
_FORMAT = "2"  # changes when the same recordings would give another array


@dataclass(frozen=True)
class ClipSet:
    """Clips and their samples, which stay where they are mapped.

    Attributes:
        clips: the readable clips.
        parts: arrays `(recordings, WINDOW_SAMPLES)` int16 at `SAMPLE_RATE`; short ones lie in the middle.
        places: `(clips, 2)`, the part and the row in it that hold each clip.
        unreadable: a sentence for each recording left out.

    """

    clips: tuple[Clip, ...]
    parts: tuple[NDArray[np.int16], ...]
    places: NDArray[np.int64]
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.clips)

    def select(self, wanted: Sequence[bool] | NDArray[np.bool_]) -> "ClipSet":
        """The clips for which `wanted` is true."""
        return self.take(np.flatnonzero(np.asarray(wanted)))

    def take(self, chosen: NDArray[np.int64]) -> "ClipSet":
        """The clips of these indices, in their order; one may come several times."""
        clips = tuple(self.clips[index] for index in chosen)
        return ClipSet(clips, self.parts, self.places[chosen], self.unreadable)

    def join(self, other: "ClipSet") -> "ClipSet":
        """These clips, then the other's."""
        places = np.concatenate([self.places, other.places + np.array([len(self.parts), 0])])
        return ClipSet(
            self.clips + other.clips, self.parts + other.parts, places, self.unreadable + other.unreadable
        )

    def in_memory(self) -> "ClipSet":
        """These clips, their samples read into memory (32 kB a recording) unless that is too much.

        What is mapped may be dropped by the system at any time, and is read from the disk again.
        """
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
        if len(self) * WINDOW_SAMPLES * 2 > memory / 4:
            return self
        used, rows = np.unique(self.places, axis=0, return_inverse=True)
        held = ClipSet(self.clips, self.parts, used).samples(slice(None))
        places = np.stack([np.zeros(len(rows), np.int64), rows.reshape(-1)], axis=1)
        return ClipSet(self.clips, (held,), places, self.unreadable)

    def samples(self, chosen: slice | NDArray[np.int64]) -> NDArray[np.int16]:
        """Samples `(B, T)` of the chosen clips."""
        places = self.places[chosen]
        result = np.empty((len(places), WINDOW_SAMPLES), np.int16)
        for index, part in enumerate(self.parts):
            here = places[:, 0] == index
            result[here] = part[places[here, 1]]
        return result

    def waveforms(self, chosen: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        """Waveforms `(B, T)` float32 in [-1, 1) of the chosen clips."""
        return self.samples(chosen) * np.float32(1 / 32768)

    def labels(self, words: Sequence[str]) -> NDArray[np.int64]:
        """The label of each clip, given the words in label order."""
        index = {word: label for label, word in enumerate(words)}
        return np.array([index[clip.word] for clip in self.clips], dtype=np.int64)


def load_folder(folder: Path, *, processes: int | None = None) -> ClipSet:
    """Find the clips of a folder of words and open, or first build, their cache.

    Raises:
        DataError: see `dataset.read_clips`; or none of the recordings can be read, or the disk is full.

    """
    clips = read_clips(folder)
    key = content_key(clips)
    home = cache_home()
    if not (home / key).is_dir():
        _build(clips, home / key, processes or os.cpu_count() or 1)
    unreadable = {
        int(row): text for row, text in json.loads((home / key / "unreadable.json").read_text()).items()
    }
    samples = np.memmap(home / key / "samples.i16", np.int16, mode="r", shape=(len(clips), WINDOW_SAMPLES))
    places = np.stack([np.zeros(len(clips), np.int64), np.arange(len(clips))], axis=1)
    whole = ClipSet(tuple(clips), (samples,), places, tuple(unreadable.values()))
    if len(unreadable) == len(clips):
        raise DataError(f"None of the {len(clips)} recordings in {folder} can be read: {whole.unreadable[0]}")
    return whole.select([row not in unreadable for row in range(len(clips))])


def cache_home() -> Path:
    """Where caches live: `SAYSO_CACHE`, or the user's cache folder."""
    return Path(os.environ.get("SAYSO_CACHE") or Path.home() / ".cache" / "sayso")


def content_key(clips: Sequence[Clip]) -> str:
    """A name for these recordings that changes when one of them, or its name, does."""
    digest = hashlib.blake2b(f"{_FORMAT} {SAMPLE_RATE} {WINDOW_SAMPLES}".encode(), digest_size=16)
    for clip in clips:
        digest.update(f"\0{clip.word}/{clip.path.name}\0".encode())
        digest.update(hashlib.blake2b(clip.path.read_bytes(), digest_size=16).digest())
    return digest.hexdigest()


def _build(clips: Sequence[Clip], target: Path, processes: int) -> None:
    partial = target.with_suffix(".partial")
    partial.mkdir(parents=True, exist_ok=True)
    path = partial / "samples.i16"
    _reserve(path, len(clips) * WINDOW_SAMPLES * 2)
    journal = partial / "done.jsonl"  # one line a finished block: [block, {row: sentence}]
    done = _read_journal(journal)
    blocks = [block for block in range(-(-len(clips) // _BLOCK)) if block not in done]
    # Spawned, not forked: a fork of a process that has run torch may hang.
    with (
        ProcessPoolExecutor(min(processes, max(1, len(blocks))), mp_context=get_context("spawn")) as pool,
        journal.open("a", encoding="utf-8") as log,
        tqdm(None, "decoding", len(clips), initial=len(done) * _BLOCK, unit="clip", disable=None) as progress,
    ):
        tasks = {}
        for block in blocks:
            paths = [clip.path for clip in clips[block * _BLOCK : (block + 1) * _BLOCK]]
            tasks[pool.submit(_decode_block, path, len(clips), block * _BLOCK, paths)] = block
        try:
            for task in as_completed(tasks):
                done[tasks[task]] = task.result()
                log.write(json.dumps([tasks[task], done[tasks[task]]]) + "\n")
                log.flush()
                progress.update(min(_BLOCK, len(clips) - tasks[task] * _BLOCK))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    unreadable = {row: text for block in done.values() for row, text in block.items()}
    (partial / "unreadable.json").write_text(json.dumps(unreadable), encoding="utf-8")
    journal.unlink()
    try:
        partial.rename(target)
    except OSError:  # another process built the same cache meanwhile
        shutil.rmtree(partial)


def _reserve(path: Path, size: int) -> None:
    """Claim the disk space first: a full disk found through a memory map would kill the process."""
    try:
        with path.open("ab") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:  # a system without it grows the file, and may leave holes
                file.truncate(size)
    except OSError as error:
        raise DataError(
            f"The cache of the recordings needs {size / 1e6:.0f} MB in {path.parent.parent} "
            f"({error.strerror}): free some space, or set SAYSO_CACHE to another folder."
        ) from error


def _read_journal(journal: Path) -> dict[int, dict[str, str]]:
    """Finished blocks; a last line cut off by an interruption is ignored."""
    done: dict[int, dict[str, str]] = {}
    if journal.is_file():
        for line in journal.read_text(encoding="utf-8").splitlines():
            try:
                block, unreadable = json.loads(line)
            except ValueError:
                break
            done[block] = unreadable
    return done


def _decode_block(path: Path, clips: int, first: int, paths: Sequence[Path]) -> dict[str, str]:
    """Decode some recordings into their rows; return a sentence for each unreadable one, by row."""
    samples = np.memmap(path, dtype=np.int16, mode="r+", shape=(clips, WINDOW_SAMPLES))
    unreadable = {}
    for row, source in enumerate(paths, start=first):
        try:
            decoded = audio.decode(source, SAMPLE_RATE, max_seconds=MAX_SECONDS)
        except SilentAudio:
            decoded = np.zeros(WINDOW_SAMPLES, np.float32)  # still a clip of the split: it counts as a miss
        except AudioError as error:
            unreadable[str(row)] = f"{source}: {error}"
            continue
        window = audio.fit_window(decoded, WINDOW_SAMPLES)
        samples[row] = np.clip(np.rint(window * 32768), -32768, 32767).astype(np.int16)
    samples.flush()
    return unreadable
