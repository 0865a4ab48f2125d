"""A stand-in for the predecessor, to measure against: `python benchmarks/predecessor.py` prints its address.

What is known of it is what it said of itself: Flask's development server, recordings resampled to 8 kHz, the
M5 network in PyTorch, and one file that every upload goes through. Where it left a choice, the faster one is
taken here: the model is loaded once, torch keeps to one thread and takes no gradients, soxr resamples.
"""

import signal
import tempfile
from pathlib import Path

import soundfile
import soxr
import torch
from flask import Flask, request
from werkzeug.serving import make_server

from sayso.training.models import create

RATE = 8_000


def app(folder: Path) -> Flask:
    torch.set_num_threads(1)
    words = [f"word-{number}" for number in range(35)]
    network = create("m5_narrow", len(words)).eval()  # untrained, which takes as long
    made = Flask(__name__)
    upload = folder / "upload.wav"

    @made.post("/audio")
    def audio() -> str:
        upload.write_bytes(request.get_data())
        samples, rate = soundfile.read(upload, dtype="float32")
        waveform = torch.from_numpy(soxr.resample(samples, rate, RATE))[None]
        with torch.no_grad():
            logits, _ = network(waveform)
            best = logits[0].topk(3).indices.tolist()
        return "Did you say : " + " ".join(f"{rank}) {words[at]}" for rank, at in enumerate(best, start=1))

    return made


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have background programs ignore it
    with tempfile.TemporaryDirectory() as folder:
        server = make_server("127.0.0.1", 0, app(Path(folder)), threaded=True)  # as `flask run` does
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
