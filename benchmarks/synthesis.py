"""What synthetic recordings bring to the scarce words, by the runs of recipes/experiments/g_*.toml.

    python benchmarks/synthesis.py runs/experiments/g_* [--data FOLDER]

Prints recalls by word and writes results/synthesis.json, from which `make docs` makes the table.
"""

import argparse
import json
import os
from pathlib import Path

from sayso.training.run import Run
from sayso.training.synthesis_figures import compare_words

ROOT = Path(__file__).parent.parent
SCARCE = "bird dog follow house learn nine seven sheila tree visual wow".split()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--data", type=Path, default=os.environ.get("SAYSO_DATA", "data/speech_commands"))
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "synthesis.json")
    arguments = parser.parse_args()
    found = compare_words([Run.open(folder) for folder in arguments.runs], Path(arguments.data), SCARCE)
    for run in found["runs"]:
        recalls = {word: round(each["value"], 3) for word, each in run["testing"]["recall"].items()}
        print(run["name"], recalls)
    arguments.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
