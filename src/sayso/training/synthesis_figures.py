"""What synthetic recordings bring to words that hardly anyone recorded: runs side by side, word by word."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sayso.evaluation import closed_set, metrics
from sayso.training.cache import ClipSet
from sayso.training.dataset import Split
from sayso.training.judge import batches, known_clips
from sayso.training.run import Run

SPLITS: tuple[Split, ...] = ("validation", "testing")


def compare_words(runs: Sequence[Run], folder: Path, words: Sequence[str]) -> dict[str, Any]:
    """Recall of some words with each run's best network, and what became of all the others.

    Args:
        runs: with at least one finished epoch, all with the same words.
        folder: the folder of words they were trained on; its validation and test splits are heard.
        words: those that are scarce.

    Returns:
        plain values: for each run and split a `recall` for each scarce word that the split holds, the
        `accuracy` of all other words, and how many of their clips were `taken` for a scarce word.

    Raises:
        RunError: a run has no finished epoch.
        DataError: the folder cannot be read.

    """
    return {"words": list(words), "runs": [_of_run(run, folder, words) for run in runs]}


def _of_run(run: Run, folder: Path, words: Sequence[str]) -> dict[str, Any]:
    network, labels = run.network()

    @torch.no_grad()
    def score(waveforms: NDArray[np.float32]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = network(torch.from_numpy(waveforms))[0].numpy()
        return logits

    splits: dict[str, Any] = {}
    for split in SPLITS:
        clips = known_clips(folder, split, labels)
        splits[split] = _of_split(closed_set.score_all(score, batches(clips)), clips, labels, words)
    return {"name": run.recipe.name, "recipe_digest": run.recipe.digest(), **splits}


def _of_split(
    logits: NDArray[np.float32], clips: ClipSet, labels: Sequence[str], words: Sequence[str]
) -> dict[str, Any]:
    said, speakers = (np.array([getattr(clip, of) for clip in clips.clips]) for of in ("word", "speaker"))
    right = metrics.is_right(logits, clips.labels(labels))
    scarce = np.isin(said, words)
    taken = ~scarce & np.isin(np.asarray(labels)[logits.argmax(1)], words)
    return {
        "recall": {
            word: dataclasses.asdict(metrics.bootstrap(right[said == word], speakers[said == word]))
            for word in words
            if (said == word).any()
        },
        "all_scarce": dataclasses.asdict(metrics.bootstrap(right[scarce], speakers[scarce])),
        "accuracy": dataclasses.asdict(metrics.bootstrap(right[~scarce], speakers[~scarce])),
        "taken": int(taken.sum()),
    }
