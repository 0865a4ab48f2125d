"""Choose the listener's settings, on an hour of words and an hour of strangers; and measure what it costs.

python benchmarks/listening.py                          what listening costs, of one core
python benchmarks/listening.py --strangers FOLDER…      and a table of settings, on validation
"""

import argparse
import dataclasses
import json
import os
import time
from pathlib import Path

import numpy as np

import sayso
from sayso.evaluation import streaming
from sayso.evaluation.listening_exam import Recording
from sayso.evaluation.stream_recordings import StreamRecording, build_recording
from sayso.listener import Listener, ListenerSettings
from sayso.training.dataset import NOISE_FOLDER
from sayso.training.judge import known_clips, read_recordings
from sayso.training.judge_listening import record

COST_SECONDS = 60.0
GRID = [
    {},
    *({"presence_threshold": level} for level in (0.0, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99)),
    *({"threshold": level} for level in (0.3, 0.4, 0.6, 0.7, 0.8, 0.9)),
    {"smoothing_seconds": 0.1, "minimum_count": 1},
    *({"smoothing_seconds": seconds} for seconds in (0.2, 0.4, 0.5)),
    *({"minimum_count": count} for count in (1, 3)),
    *({"edge_seconds": seconds} for seconds in (0.0, 0.1, 0.3)),
    *({"contrast_db": decibels} for decibels in (0.0, 2.0, 4.0, 6.0)),
    {"hop_seconds": 0.05},
]
NEW_WINDOWS = {"contrast_db", "edge_seconds", "hop_seconds"}  # they change which windows are asked


def cost(recognizer: sayso.Recognizer, recording: StreamRecording) -> float:
    """Processor time of listening in chunks of 0.1 s, as a share of the recording's length."""
    card = recognizer.card
    listener = Listener(
        recognizer.probabilities,
        card.labels,
        sample_rate=card.sample_rate,
        window_samples=card.window_samples,
    )
    streaming.run(listener, dataclasses.replace(recording, samples=recording.samples[: card.sample_rate]))
    started = time.process_time()
    streaming.run(listener, recording)
    return (time.process_time() - started) / recording.seconds


def row(changed: dict[str, float], recordings: dict[str, Recording]) -> dict[str, object]:
    settings = dataclasses.replace(ListenerSettings(), **changed)  # type: ignore[arg-type]
    words, strangers = recordings["words"].judge(settings), recordings["strangers"].judge(settings)
    return {
        "changed": changed,
        "miss_rate": words.miss_rate,
        "wrong": words.wrong,
        "false_alarms_per_hour": words.false_alarms_per_hour,
        "median_latency_s": words.median_latency,
        "strangers_false_alarms_per_hour": strangers.false_alarms_per_hour,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("SAYSO_DATA", "data/speech_commands"))
    )
    parser.add_argument("--strangers", type=Path, nargs="*", default=[])
    parser.add_argument("--json", type=Path, help="write the figures here too")
    chosen = parser.parse_args()

    recognizer = sayso.load(chosen.model)
    card = recognizer.card
    clips = known_clips(chosen.data, "validation", card.words)
    noises = list(read_recordings(chosen.data / NOISE_FOLDER).values())
    costs = {}
    for name, words_per_minute, level_dbfs in (("noise and words", 10, -36.0), ("a quiet room", 10, -75.0)):
        some = np.random.default_rng(0).permutation(len(clips))[:20]
        words = list(zip([clips.clips[index].word for index in some], clips.waveforms(some), strict=True))
        recording = build_recording(
            words, noises, sample_rate=card.sample_rate, seconds=COST_SECONDS, snr_db=-16 - level_dbfs,
            background_dbfs=level_dbfs, words_per_minute=words_per_minute,
        )  # fmt: skip
        costs[name] = cost(recognizer, recording)
        print(f"{card.name}, listening to {name}: {costs[name]:.2%} of real time on one core", flush=True)
    rows = []
    if chosen.strangers:
        recordings = record(recognizer, chosen.data, "validation", chosen.strangers)
        print("\nmissed  wrong  false/h  latency   strangers' false/h")
        for changed in GRID:
            asked = recordings
            if NEW_WINDOWS & set(changed):
                names = ("words", "strangers")
                asked = {
                    name: Recording(recordings[name].recording, recognizer.probabilities, card)
                    for name in names
                }
            found = row(changed, asked)
            rows.append(found)
            print(
                f"{found['miss_rate']:6.1%} {found['wrong']:6} {found['false_alarms_per_hour']:8.1f} "
                f"{found['median_latency_s']:6.2f} s {found['strangers_false_alarms_per_hour']:12.1f}   "
                f"{changed or 'the defaults'}",
                flush=True,
            )
    if chosen.json:
        content = {"model": card.name, "digest": recognizer.digest, "cost": costs, "validation": rows}
        chosen.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
