"""What a run is worth: all its figures, measured once and kept in its folder as `figures.json`.

Everything is measured on the validation split, for decisions are made with these figures; the test split is
for the one that is published (`judge.evaluate`). The scores are those of the exported graph.
"""

import base64
import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sayso.card import is_rejection
from sayso.errors import RunError
from sayso.evaluation import closed_set, metrics
from sayso.evaluation.metrics import Interval, WordFigures
from sayso.recognizer import Recognizer
from sayso.training.atomic import write_atomically
from sayso.training.cache import ClipSet
from sayso.training.export import PROOF_CLIPS, proved_model
from sayso.training.held_out_noise import judge_in_noise
from sayso.training.judge import batches
from sayso.training.macs import count_macs
from sayso.training.models import Network, parameter_count
from sayso.training.run import Run
from sayso.training.splits import load_splits

FORMAT = 1  # changes when the same run would be measured otherwise
NEW_CLIPS_LIST = "new_in_v0.02.txt"  # recorded later, on other devices: what a model is chosen by
WORST_WORDS = 5
TIMED_CLIPS = 200


def measure(run: Run, folder: Path) -> dict[str, Any]:
    """Measure a run's best network, or read what was measured of the same network and data before.

    Args:
        run: a run with at least one finished epoch.
        folder: the data it was trained on.

    Returns:
        plain values, as they stand in `figures.json`. `right` says of each validation clip whether it was
        recognised, see `unpack_right`.

    Raises:
        RunError: nothing trained yet.
        DataError: the folder cannot be read.

    """
    path = run.folder / "figures.json"
    source = {"format": FORMAT, "data": folder.name, "checkpoint": _digest(run.folder / "best.pt")}
    try:
        figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        figures = {}
    if figures.get("source") != source:
        figures = {"source": source, **_measure(run, folder)}
    lines = run.metrics()  # always read anew: training may have gone on beyond the kept epoch
    figures |= {
        "training_minutes": round(lines[-1]["seconds"] / 60, 2),
        "epochs": lines[-1]["epoch"],
        "best_epoch": run.kept()["epoch"],
    }
    write_atomically(path, json.dumps(figures, indent=2).encode())
    return figures


def unpack_right(figures: dict[str, Any]) -> NDArray[np.bool_]:
    """Which of the validation clips were recognised, `(clips,)`, in the order of their names."""
    packed = np.frombuffer(base64.b64decode(figures["right"]), np.uint8)
    return np.unpackbits(packed, count=figures["accuracy"]["clips"]).astype(bool)


def _measure(run: Run, folder: Path) -> dict[str, Any]:
    network, _ = run.network()
    # Words are covered by honest training clips, whatever else a leaking recipe trained on.
    honest = dataclasses.replace(run.recipe, data=dataclasses.replace(run.recipe.data, leak=False))
    training, validation, _ = load_splits(honest, folder)
    # Judged on words alone: runs with and without labels for silence and strangers hear the same clips.
    validation = validation.select([not is_rejection(clip.word) for clip in validation.clips])
    some = validation.waveforms(slice(0, PROOF_CLIPS))
    content, recognizer = proved_model(run, folder, training, some)
    return {
        "name": run.recipe.name,
        "network": run.recipe.network.name,
        "frontend": run.recipe.network.frontend,
        "recipe_digest": run.recipe.digest(),
        "seed": run.recipe.seed,
        **_judge(recognizer, validation, folder),
        "noise": judge_in_noise(recognizer, validation, folder, run.recipe.data.held_out_noises),
        **_cost(network, recognizer, some),
        "bytes": len(content),
    }


def _judge(recognizer: Recognizer, validation: ClipSet, folder: Path) -> dict[str, Any]:
    """How often it is right: over all clips, over covered words, over the new clips, word by word."""
    card = recognizer.card
    labels = validation.labels(card.labels)
    logits = closed_set.score_all(recognizer.score, batches(validation))
    speakers = np.array([clip.speaker for clip in validation.clips])
    judged = closed_set.judge(
        logits,
        labels,
        list(speakers),
        split="validation",
        words=card.labels,
        training_clips=[
            0 if is_rejection(label) else count
            for label, count in zip(card.labels, card.training_clips, strict=True)
        ],
        temperature=metrics.fit_temperature(logits, labels),
    )
    right = metrics.is_right(closed_set.among_words(logits, card.labels), labels)
    new = _new_clips(validation, folder)
    heard = [word for word in judged.words if word.recall is not None]
    return {
        "accuracy": dataclasses.asdict(judged.accuracy),
        "new_clips_accuracy": _interval(right[new], speakers[new]),
        "covered_accuracy": dataclasses.asdict(judged.covered) if judged.covered else None,
        "covered_words": judged.covered_words,
        "balanced_accuracy": judged.balanced_accuracy,
        "calibration_error": judged.calibration_error,
        "worst_words": [dataclasses.asdict(word) for word in sorted(heard, key=_recall)[:WORST_WORDS]],
        "words": [dataclasses.asdict(word) for word in judged.words],
        "clips_digest": hashlib.sha256("\n".join(clip.key for clip in validation.clips).encode()).hexdigest(),
        "right": base64.b64encode(np.packbits(right).tobytes()).decode(),
    }


def _new_clips(clips: ClipSet, folder: Path) -> NDArray[np.bool_]:
    """Which clips the folder lists as recorded later, `(clips,)`."""
    path = folder / NEW_CLIPS_LIST
    lines = path.read_text(encoding="utf-8").split() if path.is_file() else []
    listed = {str(Path(line).with_suffix("")) for line in lines}
    return np.array([clip.key in listed for clip in clips.clips], dtype=bool)


def _cost(network: Network, recognizer: Recognizer, some: NDArray[np.float32]) -> dict[str, Any]:
    """What recognising costs: size, multiplications of one window, milliseconds on one thread."""
    macs, body_macs = count_macs(network, some.shape[1])
    return {
        "parameters": parameter_count(network),
        "macs": macs,
        "body_macs": body_macs,
        "milliseconds": closed_set.milliseconds_per_clip(recognizer.score, some[:TIMED_CLIPS]),
    }


def _interval(right: NDArray[np.bool_], speakers: Sequence[str] | NDArray[Any]) -> dict[str, Any] | None:
    interval: Interval | None = metrics.bootstrap(right, speakers) if len(right) else None
    return dataclasses.asdict(interval) if interval else None


def _recall(word: WordFigures) -> float:
    return word.recall if word.recall is not None else 1.0


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RunError(
            f"{path.parent} has no trained network yet: let `sayso train` finish an epoch."
        ) from error
