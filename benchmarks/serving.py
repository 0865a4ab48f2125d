"""What serving costs beyond recognising: `python benchmarks/serving.py [MODEL…]`; writes serving.json.

The server's processor time for each `POST /audio` against that of one `recognize()` of the same clips, in
turn, and against a constant Flask route. Processor time, because other work on the machine changes the clock;
it too grows when caches are shared, so compare figures of one run only.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from clients import Clip, Tally, bombard
from under_load import clips, cpu_s, serving, workers

import sayso

SECONDS = float(os.environ.get("SAYSO_BENCH_S", "6"))
ROUNDS = int(os.environ.get("SAYSO_BENCH_ROUNDS", "5"))
CLIENTS = 16


def recognising_ms(recognizer: sayso.Recognizer, recordings: list[Clip]) -> float:
    """Processor time of one recognition, in this process."""
    began = time.process_time()
    ends = time.monotonic() + SECONDS / 3
    count = 0
    while time.monotonic() < ends:
        recognizer.recognize(recordings[count % len(recordings)].content)
        count += 1
    return 1000 * (time.process_time() - began) / count


def request_ms(process: int, port: int, recordings: list[Clip], path: str) -> tuple[float, Tally]:
    """The workers' processor time of one request, saturated."""
    before = cpu_s(workers(process))
    tally = bombard(port, recordings, clients=CLIENTS, seconds=SECONDS, path=path)
    count = sum(tally.statuses.values())
    return 1000 * (cpu_s(workers(process)) - before) / count, tally


def measure(model: str) -> dict[str, Any]:
    """One model's figures; the sides take turns."""
    recognizer = sayso.load(model)
    recordings = clips(model)
    alone, whole, constant, rates = [], [], [], []
    with serving("--model", model, "--workers", "2") as (process, port):
        bombard(port, recordings, clients=4, seconds=1)
        for _ in range(ROUNDS):
            alone.append(recognising_ms(recognizer, recordings))
            cost, tally = request_ms(process, port, recordings, "/audio")
            whole.append(cost)
            rates.append(tally.rate())
            constant.append(request_ms(process, port, recordings, "/healthz")[0])  # POST: 405, constant
        saturated = statistics.median(rates)
        unloaded = bombard(port, recordings, clients=1, seconds=SECONDS)
        half = bombard(port, recordings, clients=CLIENTS, seconds=SECONDS, rate=saturated / 2)
        over = bombard(port, recordings, clients=200, seconds=SECONDS, rate=4 * saturated)
    ratios = [mine / theirs for mine, theirs in zip(alone, whole, strict=True)]
    return {
        "recognise_cpu_ms": round(statistics.median(alone), 3),
        "post_audio_cpu_ms": round(statistics.median(whole), 3),
        "constant_route_cpu_ms": round(statistics.median(constant), 3),
        "share_of_recognising": round(statistics.median(ratios), 2),
        "share_by_round": [round(ratio, 2) for ratio in ratios],
        "saturated_per_second": round(saturated, 1),
        "unloaded_p50_ms": unloaded.percentile_ms(50),
        "half_rate_p99_ms": half.percentile_ms(99),
        "overload": {
            "asked_per_second": round(4 * saturated),
            "answered_share_of_saturated": round(over.rate() / saturated, 2),
            "refused": sum(count for status, count in over.statuses.items() if status == 503),
            "refused_median_ms": round(1000 * statistics.median(over.refused_seconds), 1)
            if over.refused_seconds
            else None,
            "statuses": over.statuses,
            "lost": len(over.lost),
        },
    }


def main() -> None:
    report = {model: measure(model) for model in sys.argv[1:] or ("default", "m5")}
    report["load_average"] = os.getloadavg()[0]  # type: ignore[assignment]
    text = json.dumps(report, indent=1)
    print(text)
    Path(__file__).with_suffix(".json").write_text(text + "\n")


if __name__ == "__main__":
    main()
