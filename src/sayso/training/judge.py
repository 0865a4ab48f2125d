"""A model file against the clips of a folder."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sayso.evaluation import closed_set
from sayso.recognizer import bundled, load
from sayso.training.atomic import write_atomically
from sayso.training.cache import ClipSet, load_folder
from sayso.training.dataset import Split

BATCH = 256


def evaluate(model: str, folder: Path, split: Split, *, write_card: bool = False) -> dict[str, Any]:
    """Judge a model on one split of a folder of words.

    Args:
        model: name of a model that ships, or a model file.
        folder: a folder of words with the model's words.
        split: which split.
        write_card: put the figures into the file's card, in place of earlier ones of that split.

    Returns:
        plain values, ready for JSON.

    Raises:
        ModelError: the model cannot be loaded.
        DataError: the folder cannot be read.

    """
    path = bundled().get(model, Path(model))
    recognizer = load(model)
    card = recognizer.card
    clips = load_folder(folder)
    clips = clips.select([clip.split == split and clip.word in card.words for clip in clips.clips])
    labels = clips.labels(card.labels)
    logits = closed_set.score_all(recognizer.score, batches(clips))
    judged = closed_set.judge(
        logits,
        labels,
        [clip.speaker for clip in clips.clips],
        split=split,
        words=card.labels,
        training_clips=card.training_clips,
        temperature=card.calibration.temperature,
    )
    figures = judged.figures()
    if write_card:
        from sayso.training.model_file import with_card

        kept = tuple(figure for figure in card.figures if figure.split != split)
        write_atomically(
            path, with_card(path.read_bytes(), dataclasses.replace(card, figures=kept + figures))
        )
    return {
        "model": card.name,
        "data": f"{folder.name}, {split} split",
        "figures": [dataclasses.asdict(figure) for figure in figures],
        "balanced_accuracy": judged.balanced_accuracy,
        "calibration_error": judged.calibration_error,
        "words": [dataclasses.asdict(word) for word in judged.words],
        "milliseconds": closed_set.milliseconds_per_clip(recognizer.score, clips.waveforms(slice(0, 200))),
        "bytes": path.stat().st_size,
        "parameters": card.parameters,
        "training_minutes": card.training_minutes,
        "recipe_digest": card.recipe_digest,
    }


def batches(clips: ClipSet) -> Iterator[NDArray[np.float32]]:
    """The clips' waveforms `(B, T)`, with a progress bar."""
    with tqdm(total=len(clips), unit="clip", desc="scoring", disable=None) as progress:
        for start in range(0, len(clips), BATCH):
            waveforms = clips.waveforms(slice(start, start + BATCH))
            yield waveforms
            progress.update(len(waveforms))
