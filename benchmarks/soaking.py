"""Does it hold? `make soak`: many clients, workers killed, models replaced, and long mixed traffic.

How long each part takes stands in the environment: SAYSO_LOAD_S, SAYSO_FAULTS_S, SAYSO_SOAK_S (0: left out),
SAYSO_LOAD_CLIENTS. Prints what it saw as JSON; ends with 1 if something failed that must not.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from clients import Tally, bombard
from under_load import clips, descriptors, resident_mib, serving, workers

from sayso.recognizer import bundled

MODEL = "m5"
GROWTH_MIB = 50.0
LOAD_S = float(os.environ.get("SAYSO_LOAD_S", "120"))
FAULTS_S = float(os.environ.get("SAYSO_FAULTS_S", "60"))
SOAK_S = float(os.environ.get("SAYSO_SOAK_S", "1800"))
CLIENTS = int(os.environ.get("SAYSO_LOAD_CLIENTS", "200"))
KILL_EVERY_S = min(5.0, FAULTS_S / 3)

failures: list[str] = []


def demand(is_so: bool, text: str) -> None:
    if not is_so:
        failures.append(text)


def seen(tally: Tally) -> dict[str, Any]:
    return {
        "answered": len(tally.seconds),
        "per_second": round(tally.rate(), 1),
        "statuses": tally.statuses,
        "wrong": tally.wrong,
        "lost": len(tally.lost),
        "p50_ms": tally.percentile_ms(50),
        "p99_ms": tally.percentile_ms(99),
    }


def load() -> dict[str, Any]:
    """All clients at once: each is answered with its own word, or told that the server is busy."""
    with serving("--model", MODEL, "--workers", "2") as (process, port):
        recordings = clips(MODEL)
        bombard(port, recordings, clients=8, seconds=min(3.0, LOAD_S))
        before = resident_mib(workers(process))
        tally = bombard(port, recordings, clients=CLIENTS, seconds=LOAD_S)
        growth = resident_mib(workers(process)) - before
    demand(tally.wrong == 0, f"load: {tally.wrong} wrong answers")
    demand(not tally.lost, f"load: {len(tally.lost)} requests without an answer")
    demand(set(tally.statuses) <= {200, 429, 503}, f"load: statuses {tally.statuses}")
    demand(len(tally.seconds) > 0, "load: nothing was answered")
    demand(growth < GROWTH_MIB, f"load: memory grew by {growth:.0f} MiB")
    return seen(tally) | {"clients": CLIENTS, "growth_mib": round(growth, 1)}


def faults() -> dict[str, Any]:
    """Workers are killed and the model's file replaced, by broken ones too."""
    kills: list[float] = []
    replaced = 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mine.onnx"
        shutil.copy(bundled()[MODEL], file)
        environment = {"SAYSO_MODELS_FOLDER": folder}
        with serving("--model", "mine", "--workers", "2", environment=environment) as (process, port):
            recordings = clips(MODEL)
            ends = time.monotonic() + FAULTS_S - 1
            next_kill = time.monotonic() + KILL_EVERY_S / 2

            def disturb() -> None:
                nonlocal next_kill, replaced
                time.sleep(0.2)
                if time.monotonic() > ends:
                    return
                beside = file.with_suffix(".new")
                shutil.copy(bundled()[MODEL], beside)
                beside.replace(file)  # a new file of the same model, so that answers stay comparable
                replaced += 1
                alive = workers(process)
                if time.monotonic() > next_kill and len(alive) == 2:
                    next_kill += KILL_EVERY_S
                    os.kill(alive[len(kills) % 2], signal.SIGKILL)
                    kills.append(time.monotonic())

            tally = bombard(
                port, recordings, clients=8, seconds=FAULTS_S, keep_alive=False, meanwhile=disturb
            )
    unexplained = [
        (began, ended)
        for began, ended in tally.lost
        if not any(began - 0.5 <= kill <= ended + 0.5 for kill in kills)
    ]
    demand(tally.wrong == 0, f"faults: {tally.wrong} wrong answers")
    demand(not unexplained, f"faults: {len(unexplained)} requests lost that were not in flight at a kill")
    demand(len(tally.lost) <= 8 * len(kills), f"faults: {len(tally.lost)} lost at {len(kills)} kills")
    demand(set(tally.statuses) <= {200, 503}, f"faults: statuses {tally.statuses}")
    demand(bool(kills) and len(tally.seconds) > 0, "faults: nothing was killed, or nothing answered")
    return seen(tally) | {"kills": len(kills), "model_replaced": replaced}


def soak() -> dict[str, Any]:
    """Mixed traffic for long: memory and descriptors stay flat."""
    samples = []
    with serving("--model", MODEL, "--workers", "2") as (process, port):
        recordings = clips(MODEL)
        paths = ("/audio", "/api/v1/recognitions?top=5", "/api/v1/recognitions?scan=true&model=default")
        statuses: dict[int, int] = {}
        wrong = lost = 0
        ends = time.monotonic() + SOAK_S
        while time.monotonic() < ends:
            for path in paths:
                seconds = min(10.0, SOAK_S / 9)
                tally = bombard(port, recordings, clients=8, seconds=seconds, path=path)
                wrong, lost = wrong + tally.wrong, lost + len(tally.lost)
                for status, count in tally.statuses.items():
                    statuses[status] = statuses.get(status, 0) + count
            now = workers(process)
            samples.append((round(resident_mib(now), 1), descriptors(now)))
    settled = samples[len(samples) // 5 :]  # the first fifth loads models and fills pools
    growth = settled[-1][0] - settled[0][0]
    demand(not wrong and not lost, f"soak: {wrong} wrong, {lost} lost")
    demand(set(statuses) <= {200, 503}, f"soak: statuses {statuses}")
    demand(growth < GROWTH_MIB, f"soak: memory grew by {growth:.0f} MiB")
    demand(settled[-1][1] <= settled[0][1] + 8, f"soak: descriptors {settled[0][1]} -> {settled[-1][1]}")
    return {"statuses": statuses, "wrong": wrong, "lost": lost, "resident_mib_and_descriptors": samples[-5:]}


def main() -> None:
    parts = {"load": (LOAD_S, load), "faults": (FAULTS_S, faults), "soak": (SOAK_S, soak)}
    report: dict[str, Any] = {name: part() for name, (seconds, part) in parts.items() if seconds > 0}
    print(json.dumps(report | {"failures": failures}, indent=1))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
