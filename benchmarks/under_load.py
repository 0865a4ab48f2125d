"""A real server, what it takes of the machine, and recordings to send it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from clients import Clip

import sayso
from sayso import audio


@contextlib.contextmanager
def serving(
    *options: str,
    environment: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
    program: Sequence[str] = ("-m", "sayso", "serve", "--port", "0"),
) -> Iterator[tuple[int, int]]:
    """Start a server, by a command before its own perhaps; gives its process and its port."""
    process = subprocess.Popen(
        [*before, sys.executable, *program, *options],
        stdout=subprocess.PIPE,
        stderr=None if "sayso" in program else subprocess.DEVNULL,  # the other one logs each request
        text=True,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline().strip().rsplit(":", 1)[1])
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def workers(process: int) -> list[int]:
    """The server's workers."""
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def cpu_s(processes: list[int]) -> float:
    """Processor time that processes have taken, user and system, in seconds; ended threads included."""
    total = 0
    for process in processes:
        with contextlib.suppress(OSError):
            line = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(line[11]) + int(line[12])
    return total / os.sysconf("SC_CLK_TCK")


def resident_mib(processes: list[int]) -> float:
    """Memory of the fattest of several processes."""
    pages = [int(Path(f"/proc/{process}/statm").read_text().split()[1]) for process in processes]
    return max(pages) * os.sysconf("SC_PAGESIZE") / 2**20


def descriptors(processes: list[int]) -> int:
    """Open files of the process that has most."""
    return max(len(list(Path(f"/proc/{process}/fd").iterdir())) for process in processes)


def clips(model: str, count: int = 16) -> list[Clip]:
    """Noises of one second, each with its own answer."""
    recognizer = sayso.load(model)
    made = []
    for seed in range(count):
        noise = np.random.default_rng(seed).standard_normal(16_000).astype(np.float32)
        shaped = np.convolve(noise, np.ones(1 + 3 * seed) / (1 + 3 * seed), "same")
        content = audio.encode_wav(0.3 * shaped / np.abs(shaped).max(), 16_000)
        made.append(Clip(content, recognizer.recognize(content).word))
    return made
