"""A model file against the clips of a folder."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sayso import audio
from sayso.errors import DataError
from sayso.evaluation import closed_set
from sayso.evaluation.audit import CLIPS
from sayso.recognizer import bundled, load
from sayso.training.atomic import write_atomically
from sayso.training.cache import SAMPLE_RATE, ClipSet, load_folder
from sayso.training.dataset import AUDIO_ENDINGS, NOISE_FOLDER, Split
from sayso.training.strangers import read_strangers

BATCH = 256
MAX_NOISE_SECONDS = 3600.0


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
    clips = known_clips(folder, split, card.words)
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


def in_words(report: dict[str, Any]) -> str:
    """What `evaluate` found, in lines for people."""
    lines = [
        f"{figure['name']}: {figure['value']:.2%} ({figure['low']:.2%} to {figure['high']:.2%}, "
        f"{figure['clips']:,} clips, {figure['split']})"
        for figure in report["figures"]
    ]
    return "\n".join([*lines, f"{report['milliseconds']:.2f} ms a clip, {report['bytes']:,} bytes"])


def examine(
    model: str,
    folder: Path,
    split: Split,
    output: Path,
    strangers: Sequence[Path] = (),
    audit_clips: int | None = None,
) -> dict[str, Any]:
    """Let a model sit the exam, and write its report.

    Args:
        model: name of a model that ships, or a model file.
        folder: a folder of words with the model's words; noise for the audit in its `_background_noise_`.
        split: which split.
        output: folder for the report and for the finished sections, with which a second call goes on.
        strangers: folders of words that the model is not to know; those that it does know are left out. Half
            set the thresholds, the others judge.
        audit_clips: how many clips each row of the audit asks; `audit.CLIPS` by default.

    Returns:
        the report, plain values as in `report.json`.

    Raises:
        ModelError: the model cannot be loaded.
        DataError: a folder cannot be read, or holds nothing to ask.

    """
    from sayso.evaluation import report_plots  # noqa: F401  without matplotlib, say so before the work
    from sayso.evaluation.exam import examine as examine_candidate
    from sayso.evaluation.questions import Candidate, Questions
    from sayso.evaluation.report import write_report

    recognizer = load(model)
    card = recognizer.card
    clips = known_clips(folder, split, card.words)
    setting, judging = None, None
    if strangers:
        setting, judging = read_strangers(strangers, lambda _, clip: clip.word not in card.words)
    report = examine_candidate(
        Candidate(
            recognizer.score, card, recognizer.digest, bundled().get(model, Path(model)).stat().st_size
        ),
        Questions(
            name=folder.name,
            split=split,
            clips=clips,
            labels=clips.labels(card.labels),
            speakers=[clip.speaker for clip in clips.clips],
            strangers=judging,
            setting=setting,
            recordings=read_recordings(folder / NOISE_FOLDER),
        ),
        output / "parts",
        audit_clips=audit_clips or CLIPS,
    )
    write_report(report, output)
    return report


def known_clips(folder: Path, split: Split, words: Sequence[str]) -> ClipSet:
    """The clips of one split that hold one of the words.

    Raises:
        DataError: there are none, or the folder cannot be read.

    """
    clips = load_folder(folder)
    clips = clips.select([clip.split == split and clip.word in words for clip in clips.clips])
    if not len(clips):
        raise DataError(f"The {split} split of {folder} holds none of the model's words.")
    return clips


def read_recordings(folder: Path) -> dict[str, NDArray[np.float32]]:
    """The background recordings `(N,)` of a folder at 16 kHz, by name; none where there is no such folder."""
    return {
        path.stem: audio.decode(path, SAMPLE_RATE, max_seconds=MAX_NOISE_SECONDS)
        for path in sorted(folder.glob("*"))
        if path.suffix.lower() in AUDIO_ENDINGS
    }


def batches(clips: ClipSet) -> Iterator[NDArray[np.float32]]:
    """The clips' waveforms `(B, T)`, with a progress bar."""
    with tqdm(total=len(clips), unit="clip", desc="scoring", disable=None) as progress:
        for start in range(0, len(clips), BATCH):
            waveforms = clips.waveforms(slice(start, start + BATCH))
            yield waveforms
            progress.update(len(waveforms))
