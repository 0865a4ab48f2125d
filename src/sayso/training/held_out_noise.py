"""How a model fares in noise that it never trained with: recordings that its recipe held out."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sayso.evaluation import metrics
from sayso.recognizer import Recognizer
from sayso.training.augment import read_noises
from sayso.training.cache import ClipSet
from sayso.training.dataset import AUDIO_ENDINGS, NOISE_FOLDER
from sayso.training.judge import batches

SNRS_DB = (10.0, 0.0)


def judge_in_noise(
    recognizer: Recognizer, clips: ClipSet, folder: Path, held_out: Sequence[str]
) -> list[dict[str, Any]]:
    """Accuracy in held-out background recordings at each of `SNRS_DB`.

    Every model hears the same noise in the same clip.

    Args:
        recognizer: the model.
        clips: of one split.
        folder: the folder of words with the background recordings.
        held_out: their names without ending; where there are none, nothing is measured.

    """
    if not held_out:
        return []
    found = [path for path in (folder / NOISE_FOLDER).glob("*") if path.suffix.lower() in AUDIO_ENDINGS]
    others = [path.stem for path in found if path.stem not in held_out and path.name not in held_out]
    noise = read_noises(folder / NOISE_FOLDER, exclude=others).numpy()  # (N,)
    labels = clips.labels(recognizer.card.labels)
    speakers = [clip.speaker for clip in clips.clips]
    rows = []
    for snr_db in SNRS_DB:
        random = np.random.default_rng(0)
        logits = [recognizer.score(mix(batch, noise, snr_db, random)) for batch in batches(clips)]
        interval = metrics.accuracy_interval(np.concatenate(logits), labels, speakers)
        row = {"snr_db": snr_db, "recordings": list(held_out), "accuracy": dataclasses.asdict(interval)}
        rows.append(row)
    return rows


def mix(
    waveforms: NDArray[np.float32], noise: NDArray[np.float32], snr_db: float, random: np.random.Generator
) -> NDArray[np.float32]:
    """Put a random stretch of noise under each waveform, clipped to ±1.

    The ratio is that of the mean powers over the whole clip. Silent clips stay silent.

    Args:
        waveforms: `(B, T)`.
        noise: `(N,)`, repeated where it is shorter than a clip.
        snr_db: the ratio.
        random: draws the stretches.

    Returns:
        `(B, T)`.

    """
    samples = waveforms.shape[1]
    long = np.tile(noise, -(-samples // len(noise)))
    firsts = random.integers(len(long) - samples + 1, size=len(waveforms))
    stretches = np.stack([long[first : first + samples] for first in firsts])  # (B, T)
    speech, found = (np.square(each).mean(axis=1, keepdims=True) for each in (waveforms, stretches))
    scale = np.sqrt(speech / np.maximum(found, 1e-12) / 10 ** (snr_db / 10))
    mixed: NDArray[np.float32] = np.clip(waveforms + scale * stretches, -1, 1).astype(np.float32)
    return mixed
