"""A real server and many clients, for measuring and for soaking."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import sayso
from sayso import audio


@contextlib.contextmanager
def serving(*options: str, environment: Mapping[str, str] | None = None) -> Iterator[tuple[int, int]]:
    """Start a server; gives its process and its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sayso", "serve", "--port", "0", *options],
        stdout=subprocess.PIPE,
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
    """Processor time that processes have taken, user and system, in seconds; ticks of 10 ms."""
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


@dataclass(frozen=True)
class Clip:
    """A recording and what the model hears in it."""

    content: bytes
    word: str


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


@dataclass
class Tally:
    """What clients saw."""

    seconds: list[float] = field(default_factory=list)  # of each request that was answered 200
    refused_seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    wrong: int = 0  # answers with another word than the clip's
    lost: list[tuple[float, float]] = field(default_factory=list)  # requests without an answer: from, to
    lasted_s: float = 0.0

    def percentile_ms(self, percent: float) -> float:
        """Latency of the requests that were answered."""
        return round(1000 * float(np.percentile(self.seconds, percent)), 1) if self.seconds else float("nan")

    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.lasted_s


def bombard(
    port: int,
    clips: list[Clip],
    *,
    clients: int,
    seconds: float,
    path: str = "/audio",
    keep_alive: bool = True,
    rate: float | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Tally:
    """Have clients ask for some time, each after its last answer, or at a rate for all together."""
    tally, lock = Tally(), threading.Lock()
    ends = time.monotonic() + seconds

    def one(number: int) -> None:
        clip = clips[number % len(clips)]
        connection: http.client.HTTPConnection | None = None
        due = time.monotonic() + (number / rate if rate else 0)
        while (now := time.monotonic()) < ends:
            if rate:
                time.sleep(max(0.0, due - now))
                due += clients / rate
            began = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request("POST", path, clip.content)
                response = connection.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException):
                connection = None
                with lock:
                    tally.lost.append((began, time.monotonic()))
                continue
            took = time.monotonic() - began
            if not keep_alive or response.getheader("Connection") == "close":
                connection.close()
                connection = None
            with lock:
                tally.statuses[response.status] = tally.statuses.get(response.status, 0) + 1
                if response.status == 200:
                    tally.seconds.append(took)
                    tally.wrong += path == "/audio" and json.loads(answer)["word"] != clip.word
                else:
                    tally.refused_seconds.append(took)
            if response.status == 503:
                time.sleep(0.01 if rate else 0.1)

    began = time.monotonic()
    threads = [threading.Thread(target=one, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    while meanwhile is not None and time.monotonic() < ends:
        meanwhile()
    for thread in threads:
        thread.join()
    tally.lasted_s = time.monotonic() - began
    return tally
