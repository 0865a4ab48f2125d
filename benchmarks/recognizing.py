"""What recognising costs beyond its two unavoidable parts: `python benchmarks/recognizing.py [MODEL]`.

`recognize()` of one second of WAV bytes against a bare decode and a bare run of the same ONNX file, in turn,
in one process; and a fresh process that answers against one that only imports onnxruntime.
"""

import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

import sayso
from sayso import audio

ROUNDS = 300
STARTS = 7
START = "import sayso, sys; sayso.load(sys.argv[1]).recognize(sys.argv[2])"
IMPORT = "import onnxruntime"


def milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def python(*arguments: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, "-c", *arguments], check=True)


def in_turn(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> dict[str, float]:
    ours(), theirs()
    pairs = [(milliseconds(ours), milliseconds(theirs)) for _ in range(rounds)]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {"milliseconds": round(mine, 3), "against": round(other, 3), "ratio": round(mine / other, 2)}


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else sayso.recognizer.DEFAULT_MODEL
    recognizer = sayso.load(model)
    samples = 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    content = audio.encode_wav(samples, 16_000)

    def bare() -> object:
        decoded, _ = soundfile.read(io.BytesIO(content), dtype="float32")
        return recognizer.score(decoded[None])

    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.wav"
        clip.write_bytes(content)
        rows = {
            "recognize / bare decode and run": in_turn(lambda: recognizer.recognize(content), bare, ROUNDS),
            "start and answer / import onnxruntime": in_turn(
                python(START, model, str(clip)), python(IMPORT), STARTS
            ),
        }
    for name, row in rows.items():
        print(f"{name:38} {row['milliseconds']:8.2f} ms {row['against']:8.2f} ms   x {row['ratio']:.2f}")
    result = {"model": recognizer.card.name, "rows": rows}
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
