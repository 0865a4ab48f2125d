"""What a server lives on, taken away while it answers: `python benchmarks/breaking.py`, part of `make soak`.

A full disk and a full memory file system need root and `unshare`, and Redis its server; what is not there is
left out, and said. Prints what it saw as JSON; ends with 1 if something failed.
"""

import contextlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import wave
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from clients import Tally, bombard
from under_load import clips, serving, workers

MODEL = "m5"
SECONDS = float(os.environ.get("SAYSO_BREAKING_S", "6"))  # of each part
CLIENTS = 8
DAY_S = 86_400
LYING_CLOCK = """
import pathlib, time
told, offset = time.time, pathlib.Path(__file__).with_name("offset")
time.time = lambda: told() + int(offset.read_text())
"""

failures: list[str] = []


def demand(is_so: bool, text: str) -> None:
    if not is_so:
        failures.append(text)


def with_small_disks(*places: str) -> list[str]:
    """A command before another, which then sees file systems of a few megabytes in its places."""
    mounts = [
        f"mount -t tmpfs -o size={size} tmpfs {place}"
        for place, size in (each.rsplit("=", 1) for each in places)
    ]
    return ["unshare", "--mount", "sh", "-c", " && ".join([*mounts, 'exec "$0" "$@"'])]


def fill(folder: Path) -> None:
    """Use a file system up."""
    with contextlib.suppress(OSError), (folder / "rubbish").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def get(port: int, path: str, body: bytes | None = None) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", body, timeout=60) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def held(what: str, tally: Tally) -> dict[str, Any]:
    """What a part saw; answers must go on, right and complete."""
    demand(not tally.lost and not tally.wrong, f"{what}: {len(tally.lost)} lost, {tally.wrong} wrong")
    demand(set(tally.statuses) == {200}, f"{what}: statuses {tally.statuses}")
    return {"statuses": tally.statuses, "lost": len(tally.lost), "p99_ms": tally.percentile_ms(99)}


def full_memory() -> dict[str, Any]:
    """/dev/shm, where figures and counts lie, is full before the workers start, or gets full."""
    seen = {}
    for when in ("while it runs", "from the start"):
        before = with_small_disks("/dev/shm=6m")
        if when == "from the start":
            before[4] = before[4].replace(
                "exec", "{ cat /dev/zero > /dev/shm/rubbish 2> /dev/null || true; } && exec"
            )
        environment = {"SAYSO_RATE_LIMIT": "1000000/minute"}
        with serving("--model", MODEL, "--workers", "2", before=before, environment=environment) as (
            process,
            port,
        ):
            recordings = clips(MODEL)
            bombard(port, recordings, clients=CLIENTS, seconds=1)
            at_first = workers(process)
            fill(Path(f"/proc/{process}/root/dev/shm"))
            for path in ("/audio", "/api/v1/recognitions", "/audio?new=route", "/nowhere"):
                get(port, path, b"nothing")  # figures that were not counted before
            seen[when] = held(
                f"full memory {when}", bombard(port, recordings, clients=CLIENTS, seconds=SECONDS)
            )
            for path in ("/healthz", "/readyz", "/metrics"):
                demand(get(port, path)[0] == 200, f"full memory {when}: {path} fails")
            demand(workers(process) == at_first, f"full memory {when}: workers were replaced")
    return seen


def spoken() -> bytes:
    """A zip of recordings to teach two words with."""
    file = io.BytesIO()
    chance = np.random.default_rng(0)
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(10):
            content = io.BytesIO()
            hertz = 300 if number % 2 else 900
            clock = np.arange(16_000) / 16_000
            sound = np.sin(2 * np.pi * hertz * clock) * (
                abs(clock - 0.5) < 0.25
            ) + 0.01 * chance.standard_normal(16_000)
            with wave.open(content, "wb") as recording:
                recording.setparams((1, 2, 16_000, 0, "NONE", ""))
                recording.writeframes(np.int16(10_000 * sound).tobytes())
            archive.writestr(f"{'low' if number % 2 else 'high'}/{number}.wav", content.getvalue())
    return file.getvalue()


def full_disk() -> dict[str, Any]:
    """The folder of models is full: nothing more is learnt, nothing is lost, everything else is answered."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"SAYSO_MODELS_FOLDER": folder, "SAYSO_TEACHING": "on"}
        before = with_small_disks(f"{folder}=4m")
        with serving("--workers", "2", before=before, environment=environment) as (process, port):
            inside = Path(f"/proc/{process}/root{folder}")
            first, why = get(port, "/api/v1/models?name=first", spoken())
            demand(first == 201, f"full disk: teaching answered {first} while there was room: {why!r}")
            fill(inside)
            statuses = [get(port, f"/api/v1/models?name={name}", spoken())[0] for name in ("second", "third")]
            demand(statuses == [507, 507], f"full disk: teaching answered {statuses}")
            left = sorted(each.name for each in inside.iterdir() if each.name != "rubbish")
            demand([each for each in left if each != ".lock"] == ["first.onnx"], f"full disk: {left} is left")
            demand(get(port, "/readyz")[0] == 200, "full disk: not ready")
            recording = clips("default")[0].content
            status, said = get(port, "/api/v1/recognitions?model=first", recording)
            demand(status == 200, f"full disk: the model taught before answers {status} {said!r}")
            (inside / "rubbish").unlink()
            again = get(port, "/api/v1/models?name=second", spoken())[0]
            demand(again == 201, f"full disk: with room again, teaching answered {again}")
    return {"taught": first, "while_full": statuses, "with_room_again": again}


@contextlib.contextmanager
def redis(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A Redis, until the end."""
    options = ("--port", str(port), "--save", "", "--bind", "127.0.0.1", "--dir", tempfile.gettempdir())
    process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


def redis_gone() -> dict[str, Any]:
    """The Redis that holds the counts ends under load, and comes back."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        redis_port = free.getsockname()[1]
    environment = {
        "SAYSO_RATE_LIMIT": "1000000/minute",
        "SAYSO_RATE_STORAGE": f"redis://127.0.0.1:{redis_port}",
    }
    seen = {}
    start = serving("--model", MODEL, "--workers", "2", environment=environment)
    with redis(redis_port) as first, start as (_, port):
        recordings = clips(MODEL)

        def asked(what: str, meanwhile: Callable[[], object] = lambda: time.sleep(0.2)) -> None:
            tally = bombard(port, recordings, clients=CLIENTS, seconds=SECONDS, meanwhile=meanwhile)
            seen[what] = held(f"redis {what}", tally)

        asked("there")
        asked("killed", lambda: (time.sleep(SECONDS / 3), first.kill()))
        asked("gone")
        with redis(redis_port):
            asked("back")
    return seen


def clock_jumps() -> dict[str, Any]:
    """The time of day jumps a day ahead and back: no limit, time limit or answer changes."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text(LYING_CLOCK)
        offset = Path(folder) / "offset"
        offset.write_text("0")
        environment = {"PYTHONPATH": folder, "SAYSO_RATE_LIMIT": "1000000/minute", "SAYSO_REQUEST_S": "5"}
        with serving("--model", MODEL, "--workers", "2", environment=environment) as (process, port):
            recordings = clips(MODEL)
            bombard(port, recordings, clients=CLIENTS, seconds=1)
            at_first = workers(process)
            jumps = iter((DAY_S, -DAY_S, 0))

            def jump() -> None:
                time.sleep(SECONDS / 4)
                beside = offset.with_suffix(".new")
                beside.write_text(str(next(jumps, 0)))
                beside.replace(offset)

            tally = bombard(port, recordings, clients=CLIENTS, seconds=SECONDS, meanwhile=jump)
            demand(get(port, "/readyz")[0] == 200, "clock: not ready")
            demand(workers(process) == at_first, "clock: workers were replaced")
    return held("clock", tally)


def can_mount() -> bool:
    tried = ["unshare", "--mount", "true"]
    return bool(shutil.which("unshare")) and subprocess.run(tried, stderr=subprocess.DEVNULL).returncode == 0


def main() -> None:
    parts: dict[str, tuple[Callable[[], dict[str, Any]], Callable[[], object], str]] = {
        "full_memory": (full_memory, can_mount, "root and unshare"),
        "full_disk": (full_disk, can_mount, "root and unshare"),
        "redis_gone": (redis_gone, lambda: shutil.which("redis-server"), "redis-server"),
        "clock_jumps": (clock_jumps, lambda: True, "nothing"),
    }
    chosen = sys.argv[1:] or list(parts)
    report: dict[str, Any] = {}
    for name in chosen:
        part, is_possible, needs = parts[name]
        report[name] = part() if is_possible() else {"left_out": f"needs {needs}"}
    print(json.dumps(report | {"failures": failures}, indent=1))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
