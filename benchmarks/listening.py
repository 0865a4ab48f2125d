"""Choose and judge the settings of the listener, on long recordings made from clips of one split.

python benchmarks/listening.py --strangers FOLDER       the table, on validation (decide by this)
python benchmarks/listening.py --split testing --only-defaults
"""

import argparse
import dataclasses
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import sayso
from sayso import audio
from sayso.evaluation import streaming
from sayso.evaluation.stream_recordings import StreamRecording, build_recording
from sayso.listener import Listener, ListenerSettings
from sayso.training.cache import load_folder
from sayso.training.dataset import AUDIO_ENDINGS, NOISE_FOLDER

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
SMOOTHINGS = ((0.1, 1), (0.2, 2), (0.3, 2), (0.4, 3))  # seconds, minimum count
EDGES = (0.0, 0.1, 0.3)  # seconds


def waveforms(folder: Path, rate: int, most: int | None = None) -> list[np.ndarray]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_ENDINGS)
    chosen = np.random.default_rng(0).permutation(len(paths))[:most]
    return [audio.decode(paths[index], rate, max_seconds=600) for index in chosen]


def listener(score: Any, card: Any, settings: ListenerSettings) -> Listener:
    return Listener(
        score,
        card.labels,
        sample_rate=card.sample_rate,
        window_samples=card.window_samples,
        settings=settings,
    )


def outcomes(
    scores: list[streaming.RememberedScore], recordings: list[StreamRecording], card: Any, settings: Any
) -> Iterator[tuple[streaming.Outcome, streaming.TensorFlowOutcome]]:
    for score, recording in zip(scores, recordings, strict=True):
        score.rewind()
        heard = streaming.run(listener(score, card, settings), recording)
        yield (
            streaming.judge(recording.spoken, heard, recording.seconds),
            streaming.judge_as_tensorflow(recording.spoken, heard),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default=None)
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("SAYSO_DATA", "data/speech_commands"))
    )
    parser.add_argument("--split", default="validation", choices=["validation", "testing"])
    parser.add_argument("--strangers", type=Path, help="folder of recordings that hold none of the words")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--words-per-minute", type=float, default=10)
    parser.add_argument("--snr-db", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only-defaults", action="store_true")
    parser.add_argument("--json", type=Path, help="write the table here too")
    chosen = parser.parse_args()

    recognizer = sayso.load(chosen.model)
    card = recognizer.card
    clips = load_folder(chosen.data)
    clips = clips.select([clip.split == chosen.split and clip.word in card.words for clip in clips.clips])
    spoken = list(zip([clip.word for clip in clips.clips], clips.waveforms(slice(None)), strict=True))
    noises = waveforms(chosen.data / NOISE_FOLDER, card.sample_rate)
    strangers = waveforms(chosen.strangers, card.sample_rate, 200) if chosen.strangers else []
    common: dict[str, Any] = {
        "sample_rate": card.sample_rate, "seconds": 60 * chosen.minutes, "snr_db": chosen.snr_db,
        "seed": chosen.seed,
    }  # fmt: skip
    recordings = [build_recording(spoken, noises, words_per_minute=chosen.words_per_minute, **common)]
    if strangers:
        recordings.append(
            build_recording([], noises, strangers, words_per_minute=0, strangers_per_minute=10, **common)
        )
    scores = [streaming.RememberedScore(recognizer.probabilities) for _ in recordings]
    started = time.process_time()
    defaults = list(outcomes(scores, recordings, card, ListenerSettings()))
    share = (time.process_time() - started) / sum(recording.seconds for recording in recordings)

    beside = f", and as much of {len(strangers)} strangers' recordings" if strangers else ""
    said = f"{chosen.minutes:g} min of {len(recordings[0].spoken)} words ({chosen.split})"
    print(f"{card.name}: {said} at {chosen.snr_db:g} dB{beside}")
    print(f"listening in chunks of 0.1 s: {share:.2%} of real time\n")
    print("smoothing count  edge threshold | missed  wrong  false/h  latency | strangers: false/h")
    rows, default = [], ListenerSettings()
    grid = [default]
    if not chosen.only_defaults:
        grid += [
            dataclasses.replace(
                default, smoothing_seconds=smoothing, minimum_count=count, threshold=threshold
            )
            for smoothing, count in SMOOTHINGS
            for threshold in THRESHOLDS
        ]
        grid += [dataclasses.replace(default, edge_seconds=edge) for edge in EDGES]
    for settings in grid:
        if settings.edge_seconds != default.edge_seconds:  # other windows are asked for
            scores = [streaming.RememberedScore(recognizer.probabilities) for _ in recordings]
        (words, tensorflow), *rest = outcomes(scores, recordings, card, settings)
        latency = words.median_latency
        print(
            f"{settings.smoothing_seconds:9} {settings.minimum_count:5} {settings.edge_seconds:5} "
            f"{settings.threshold:9} | {words.miss_rate:6.1%} {words.wrong:6} "
            f"{words.false_alarms_per_hour:8.1f} {np.nan if latency is None else latency:6.2f} s |"
            + "".join(f" {other.false_alarms_per_hour:8.1f}" for other, _ in rest),
            flush=True,
        )
        rows.append(
            {
                "settings": dataclasses.asdict(settings),
                "words": words.spoken,
                "minutes": chosen.minutes,
                "misses": words.misses,
                "wrong": words.wrong,
                "false_alarms": words.false_alarms,
                "median_latency_s": latency,
                "tensorflow": dataclasses.asdict(tensorflow),
                "strangers_false_alarms_per_hour": [other.false_alarms_per_hour for other, _ in rest],
            }
        )
    print(f"\nthe defaults (first row) by TensorFlow's protocol: {defaults[0][1]}")
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
