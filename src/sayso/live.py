"""What `sayso listen` does besides listening: a live line on the terminal, and programs started by words."""

import json
import math
import os
import shlex
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import Any, Self, TextIO

import numpy as np
from numpy.typing import NDArray

from sayso.audio_stream import read_file, read_raw
from sayso.errors import SettingsError
from sayso.listener import Detection, ListenerSettings
from sayso.listening import listen
from sayso.microphone import open_microphone
from sayso.recognizer import Recognizer

TOLD = ("word", "confidence", "start_s", "end_s")  # of a detection, as JSON
METER_CELLS = 20
METER_FLOOR_DBFS = -60.0
MAX_RUNNING = 8  # programs at once: one that hangs must not fill the machine


def listen_and_print(
    recognizer: Recognizer,
    *,
    file: str | None,
    sample_rate: int,
    settings: ListenerSettings,
    command: str | None,
    as_json: bool,
) -> None:
    """Print each word as it is heard, until the sound ends or Ctrl-C is pressed.

    Args:
        recognizer: who listens.
        file: a recording of any length; `-` for raw samples on stdin; the microphone where left out.
        sample_rate: of raw samples, in hertz.
        settings: how eagerly words are reported.
        command: see `Programs`.
        as_json: JSON lines also on a terminal; elsewhere they always are.

    Raises:
        AudioError: the recording, or the microphone, cannot be heard.
        SettingsError: the command cannot be run, or the settings do not fit the model.

    """
    line = None if as_json or not sys.stdout.isatty() else LiveLine(sys.stdout)
    own_rate = recognizer.card.sample_rate
    with ExitStack() as stack:
        programs = stack.enter_context(Programs(command)) if command is not None else None
        chunks: Iterator[NDArray[np.float32]]
        if file is None:
            chunks, rate = stack.enter_context(open_microphone())
        elif file == "-":
            chunks, rate = read_raw(sys.stdin.buffer, sample_rate), sample_rate
        else:
            chunks, rate = read_file(file, own_rate), own_rate
        if line:
            stack.callback(line.clear)
            chunks = line.watch(chunks)
        with suppress(KeyboardInterrupt):
            for detection in listen(recognizer, chunks, sample_rate=rate, settings=settings):
                if line:
                    line.show(detection)
                else:
                    told = {field: getattr(detection, field) for field in TOLD}
                    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
                sys.stdout.flush()
                if programs:
                    programs.start(detection)


class LiveLine:
    """One line that is painted over and over: the level, and the last words."""

    def __init__(self, stream: TextIO) -> None:
        """Paint on a terminal."""
        self._stream = stream
        self._words: deque[str] = deque(maxlen=5)

    def watch(self, chunks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Pass chunks on, and show how loud they are."""
        for chunk in chunks:
            self._paint(meter(chunk))
            yield chunk

    def show(self, detection: Detection) -> None:
        """Leave a detection on the screen, above the live line."""
        word = f"{detection.word} {detection.confidence:.0%}"
        self._words.append(detection.word)
        self._stream.write(f"\r\033[K{detection.start_s:8.1f} s  {word}\n")

    def clear(self) -> None:
        """Leave the terminal as it was."""
        self._stream.write("\r\033[K")
        self._stream.flush()

    def _paint(self, level: str) -> None:
        self._stream.write(f"\r\033[K{level}  {' '.join(self._words)}")
        self._stream.flush()


def meter(samples: NDArray[np.float32]) -> str:
    """The level of samples `(n,)` as a bar."""
    power = float(np.mean(np.square(samples))) if len(samples) else 0.0
    level_dbfs = 10 * math.log10(max(power, 1e-12))
    cells = round(METER_CELLS * float(np.clip(1 - level_dbfs / METER_FLOOR_DBFS, 0, 1)))
    return "█" * cells + "░" * (METER_CELLS - cells)


class Programs:
    """Starts a program for each detection, never through a shell, and does not wait for it."""

    def __init__(self, command: str) -> None:
        """Check a command line.

        Args:
            command: split as a shell would split it, but nothing in it is expanded. The program finds the
                word and the confidence in its environment: SAYSO_WORD, SAYSO_CONFIDENCE.

        Raises:
            SettingsError: it cannot be split, or there is no such program.

        """
        try:
            self._arguments = shlex.split(command)
        except ValueError as error:
            raise SettingsError(f"The command {command!r} cannot be read: {error}.") from error
        if not self._arguments or shutil.which(self._arguments[0]) is None:
            raise SettingsError(f"There is no program for the command {command!r}: check its name and path.")
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, detection: Detection) -> None:
        """Start the program. What it prints goes to stderr, so that stdout holds detections alone."""
        self._running = [program for program in self._running if program.poll() is None]
        if len(self._running) >= MAX_RUNNING:
            sys.stderr.write(f"{self._arguments[0]} is not started: {MAX_RUNNING} are still running.\n")
            return
        environment = {
            **os.environ,
            "SAYSO_WORD": detection.word,
            "SAYSO_CONFIDENCE": f"{detection.confidence:.4f}",
        }
        try:
            program = subprocess.Popen(self._arguments, stdin=subprocess.DEVNULL, stdout=2, env=environment)
        except OSError as error:
            raise SettingsError(f"{self._arguments[0]} cannot be started: {error.strerror}.") from error
        self._running.append(program)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        """Wait for those still running."""
        for program in self._running:
            program.wait()
