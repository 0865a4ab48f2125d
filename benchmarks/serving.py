"""What serving costs beyond recognising, and how it holds when too much is asked.

`python benchmarks/serving.py` writes serving.json. Two workers, and in turn with them: `recognize()` of the
same clips in this process, and a stand-in of the predecessor (`predecessor.py`). Shares and multiples are of
processor time, which other work on the machine changes less than the clock; even so, compare figures of one
run only. Latencies and rates are by the clock, and mean something only on a machine that does nothing else:
`idle_share_of_machine` says whether it did.
"""

import contextlib
import json
import os
import select
import socket
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from clients import Clip, Tally, bombard, request_bytes
from under_load import clips, cpu_s, serving, workers

import sayso

SECONDS = float(os.environ.get("SAYSO_BENCH_S", "6"))
ROUNDS = int(os.environ.get("SAYSO_BENCH_ROUNDS", "5"))
CLIENTS = 100  # fewer than two workers let wait, so that none is refused
CROWD = 256
IDLE = 0.8  # share of the machine; with less, figures by the clock say nothing
WAITING = 60  # fewer than one worker lets wait
PREDECESSOR = str(Path(__file__).with_name("predecessor.py"))


def recognising_ms(recognizer: sayso.Recognizer, recordings: list[Clip]) -> float:
    """Processor time of one recognition, in this process."""
    began = time.process_time()
    ends = time.monotonic() + SECONDS / 3
    count = 0
    while time.monotonic() < ends:
        recognizer.recognize(recordings[count % len(recordings)].content)
        count += 1
    return 1000 * (time.process_time() - began) / count


def asked(processes: list[int], port: int, recordings: list[Clip], **how: Any) -> tuple[float, Tally]:
    """The server's processor time for each recording it answered, in milliseconds; and what clients saw."""
    before = cpu_s(processes)
    tally = bombard(port, recordings, seconds=SECONDS, **how)
    return 1000 * (cpu_s(processes) - before) / max(1, len(tally.seconds)), tally


def waiting_ms(processes: list[int], port: int, recordings: list[Clip]) -> float:
    """The same for requests that all wait already: no client takes the machine between two answers."""
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", port)
        connections = [stack.enter_context(socket.create_connection(address)) for _ in range(WAITING)]
        before, count = cpu_s(processes), 0
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            for number, connection in enumerate(connections):
                connection.sendall(request_bytes(recordings[number % len(recordings)], "/audio"))
            while len(select.select(connections, [], [], 0)[0]) < WAITING:
                time.sleep(0.05)
            for connection in connections:
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            count += WAITING
        return 1000 * (cpu_s(processes) - before) / count


def idle_share() -> float:
    """How much of the machine nothing else takes, looked at for a second."""

    def looked() -> tuple[int, int]:
        figures = [int(each) for each in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        return figures[3], sum(figures[:8])

    (idle, everything), _ = looked(), time.sleep(1)
    later = looked()
    return round((later[0] - idle) / max(1, later[1] - everything), 2)


def measure(model: str) -> dict[str, Any]:
    """One model's figures; the sides take turns."""
    recognizer = sayso.load(model)
    recordings = clips(model)
    idle = idle_share()
    alone, ours, waiting, theirs, our_rates, their_rates = [], [], [], [], [], []
    with (
        serving("--model", model, "--workers", "2") as (process, port),
        serving(program=[PREDECESSOR]) as (old, old_port),
    ):
        for each in (port, old_port):
            bombard(each, recordings, clients=4, seconds=1)
        pair = workers(process)
        for _ in range(ROUNDS):
            alone.append(recognising_ms(recognizer, recordings))
            waiting.append(waiting_ms(pair, port, recordings))
            cost, tally = asked(pair, port, recordings, clients=CLIENTS)
            ours.append(cost)
            our_rates.append(tally.rate())
            cost, tally = asked([old], old_port, recordings, clients=16, keep_alive=False)
            theirs.append(cost)
            their_rates.append(tally.rate())
        saturated = statistics.median(our_rates)
        unloaded = bombard(port, recordings, clients=1, seconds=SECONDS)
        half = bombard(port, recordings, clients=CROWD, seconds=SECONDS, rate=saturated / 2)
        over_cost, over = asked(pair, port, recordings, clients=CROWD, rate=4 * saturated)
    asked_at_all = sum(over.statuses.values())

    def ratio(above: list[float], below: list[float]) -> float:
        return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 2)

    return {
        "idle_share_of_machine": idle,
        "recognise_cpu_ms": round(statistics.median(alone), 3),
        "post_audio_cpu_ms": round(statistics.median(ours), 3),
        "post_audio_in_bursts_cpu_ms": round(statistics.median(waiting), 3),
        "predecessor_cpu_ms": round(statistics.median(theirs), 3),
        "share_of_recognising": ratio(alone, ours),
        "share_of_recognising_in_bursts": ratio(alone, waiting),
        "times_predecessor_by_cpu": ratio(theirs, ours),
        "times_predecessor_by_clock": ratio(our_rates, their_rates),
        "saturated_per_second": round(saturated, 1),
        "unloaded_p50_ms": unloaded.percentile_ms(50),
        "half_rate_p99_ms": half.percentile_ms(99),
        "overload": {
            "wanted_per_second": round(4 * saturated),
            "asked_per_second": round(asked_at_all / over.lasted_s),
            "goodput_by_clock": round(over.rate() / saturated, 2),
            "goodput_by_cpu": round(statistics.median(ours) / over_cost, 2),
            "statuses": over.statuses,
            "refused_p50_ms": over.refused_ms(50),
            "refused_p99_ms": over.refused_ms(99),
            "lost": len(over.lost),
        },
    }


def missed(figures: dict[str, Any]) -> list[str]:
    """The bars that a model's figures miss; those by the clock only where the machine was idle."""
    over = figures["overload"]
    bars = {"70 % of recognising alone": figures["share_of_recognising"] >= 0.7}
    if figures["idle_share_of_machine"] >= IDLE:
        bars |= {
            "5 times the predecessor": figures["times_predecessor_by_clock"] >= 5,
            "p99 at half the rate within 4 medians": figures["half_rate_p99_ms"]
            <= 4 * figures["unloaded_p50_ms"],
            "90 % of the answers under fourfold load": over["goodput_by_clock"] >= 0.9,
            "refusals within 50 ms": (over["refused_p99_ms"] or 0) < 50,
        }
    return [name for name, is_reached in bars.items() if not is_reached]


def main() -> None:
    report = {model: measure(model) for model in sys.argv[1:] or ("default", "m5")}
    for figures in report.values():
        figures["missed"] = missed(figures)
    text = json.dumps(report, indent=1)
    print(text)
    Path(__file__).with_suffix(".json").write_text(text + "\n")


if __name__ == "__main__":
    main()
