"""The short forms of `make fuzz` and `make soak`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"


def run(script: str, *options: str, **environment: str) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, BENCHMARKS / script, *options],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=300,
    )
    assert ended.stdout, f"ended with {ended.returncode}: {ended.stderr[-2000:]}"
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_mutated_recordings_are_refused_or_heard_and_nothing_else() -> None:
    found = run("fuzzing.py", "--cases", "400", "--seed", "1")

    assert found["failures"] == []
    assert found["formats"] >= 20
    assert sum(found["statuses"].values()) == 400


def test_the_server_holds_when_the_clock_jumps_and_memory_is_full() -> None:
    found = run("breaking.py", "clock_jumps", "full_memory", SAYSO_BREAKING_S="2")

    assert found["failures"] == []
    assert found["clock_jumps"]["statuses"]["200"] > 0


def test_the_server_holds_under_load_kills_and_replaced_models() -> None:
    found = run("soaking.py", SAYSO_LOAD_S="3", SAYSO_LOAD_CLIENTS="60", SAYSO_FAULTS_S="5", SAYSO_SOAK_S="0")

    assert found["failures"] == []
    assert found["load"]["answered"] > 0
    assert found["faults"]["kills"] >= 1
