"""How fast the cache of a folder of words is built on two cores, against one.

    python benchmarks/caching.py [--quick] [--data FOLDER]

Prints a table and writes benchmarks/caching.json. Both sides take turns; finding the recordings, hashing them
and starting the processes counts. A process that is started imports this file, which is why it is not a part
of benchmarks/training.py: to import torch takes it as long as to decode six hundred recordings.
"""

import argparse
import dataclasses
import json
import os
import platform
import sys
import tempfile
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
from side_by_side import Line, Side, clips_per_second, compared, print_table

from sayso.training.cache import load_folder

HERE = Path(__file__).parent
CLIPS = 8_192  # a fifth of the shared data


def compare_caches(data: Path, clips: int, repetitions: int) -> Line:
    """Building the cache with two processes against one."""
    found = [path for path in sorted(data.glob("[a-z]*/*")) if path.is_file()]
    chosen = np.random.default_rng(0).permutation(len(found))[:clips]
    with tempfile.TemporaryDirectory() as scratch:
        small = Path(scratch) / "words"
        for index in chosen:
            link = small / found[index].parent.name / found[index].name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(found[index].absolute())
        builds = iter(range(1_000))

        def build_cache(processes: int) -> None:
            with mock.patch.dict(os.environ, SAYSO_CACHE=str(Path(scratch) / f"cache{next(builds)}")):
                load_folder(small, processes=processes)

        sides = {str(count): Side(partial(build_cache, count), len(chosen)) for count in (1, 2)}
        speed = clips_per_second(sides, repetitions)
    name = f"cache of {len(chosen):,} clips, two processes / one"
    return compared(name, speed["2"], speed["1"], 1.8, one_process=False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("SAYSO_DATA", "data/speech_commands"))
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: about a minute")
    parser.add_argument("--out", type=Path, default=HERE / "caching.json")
    arguments = parser.parse_args()
    busy_at_start = os.getloadavg()[0]
    line = compare_caches(Path(arguments.data), CLIPS, 1 if arguments.quick else 5)
    print_table([line])
    result = {
        "command": " ".join([Path(sys.executable).name, *sys.argv]),
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "load_before": round(busy_at_start, 2),  # with a busy process a core, two cannot win
        "lines": [dataclasses.asdict(line) | {"ratio": line.ratio}],
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
