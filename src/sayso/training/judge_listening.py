"""A model file, listening to long recordings made of the clips of a folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sayso import audio
from sayso.errors import DataError
from sayso.evaluation import listening_exam
from sayso.evaluation.listening_exam import Material, Recording
from sayso.listener import ListenerSettings
from sayso.recognizer import Recognizer, load
from sayso.training.atomic import write_atomically
from sayso.training.cache import ClipSet
from sayso.training.dataset import NOISE_FOLDER, Split
from sayso.training.judge import known_clips, read_recordings
from sayso.training.strangers import read_strangers

MAX_STRANGER_SECONDS = 5.0


def write(model: str, folder: Path, split: Split, strangers: Sequence[Path], output: Path) -> dict[str, Any]:
    """Judge how a model listens, and write NAME.json and NAME.svg into a folder.

    Raises:
        ModelError, DataError: see `judge_listening`; also, the folder cannot be written.

    """
    from sayso.evaluation import listening_plot  # without matplotlib, say so before the work

    try:
        output.mkdir(parents=True, exist_ok=True)
        report = judge_listening(model, folder, split, strangers)
        content = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        name = Path(report["model"]).name  # a card may say anything
        write_atomically(output / f"{name}.json", content.encode())
        write_atomically(output / f"{name}.svg", listening_plot.draw(report).encode())
    except OSError as error:
        raise DataError(f"{output} cannot be written: {error.strerror}.") from error
    return report


def in_words(report: dict[str, Any]) -> str:
    """What was found, in lines for people."""
    words, strangers = report["words"], report["strangers"]
    lines = [
        f"all words: {_missed(words)}, {words['wrong']} taken for others, "
        f"{words['false_alarms_per_hour']:.1f} false alarms an hour beside them; "
        f"{strangers['false_alarms_per_hour']:.1f} in an hour of strangers",
    ]
    if "wake_word" in report:
        wake = report["wake_word"]
        lines.append(
            f"only {wake['word']}: {_missed(wake['words'])}; "
            f"{wake['strangers']['false_alarms_per_hour']:.1f} false alarms in an hour of strangers, "
            f"{wake['other_words']['false_alarms_per_hour']:.1f} in one of other words"
        )
    return "\n".join(lines)


def _missed(words: dict[str, Any]) -> str:
    latency = words["median_latency_s"]
    late = "" if latency is None else f", heard {1000 * latency:.0f} ms after their end"
    low, high = words["miss_rate_low"], words["miss_rate_high"]
    return f"{words['miss_rate']:.1%} of {words['spoken']} missed ({low:.1%}–{high:.1%}){late}"


def judge_listening(model: str, folder: Path, split: Split, strangers: Sequence[Path]) -> dict[str, Any]:
    """Judge how a model listens.

    Args:
        model: name of a model that ships, or a model file.
        folder: a folder of words with the model's words, and noise in its `_background_noise_`.
        split: which split's words; validation hears the strangers that set thresholds, testing the others.
        strangers: folders of words that the model is not to know.

    Returns:
        plain values, ready for JSON.

    Raises:
        ModelError: the model cannot be loaded.
        DataError: a folder cannot be read, or lacks noise or strangers.

    """
    recognizer = load(model)
    recordings = record(recognizer, folder, split, strangers)
    report = listening_exam.examine(recordings, ListenerSettings())
    return {
        "model": recognizer.card.name,
        "digest": recognizer.digest,
        "data": f"{folder.name}, {split} split",
        "strangers": [path.name for path in strangers],
        **report,
    }


def record(
    recognizer: Recognizer, folder: Path, split: Split, strangers: Sequence[Path]
) -> dict[str, Recording]:
    """The recordings that a model is to listen to. Raises as `judge_listening`."""
    card = recognizer.card
    clips = known_clips(folder, split, card.words)
    noises = list(read_recordings(folder / NOISE_FOLDER).values())
    if not noises:
        raise DataError(f"There is no noise in {folder / NOISE_FOLDER}: put recordings of noise there.")
    if not strangers:
        raise DataError("Name folders of words that the model is not to know: --strangers FOLDER.")
    setting, judging = read_strangers(strangers, lambda _, clip: clip.word not in card.words)
    heard = (judging if split == "testing" else setting).clips
    assert isinstance(heard, ClipSet)
    longest = round(MAX_STRANGER_SECONDS * card.sample_rate)
    material = Material(
        list(zip([clip.word for clip in clips.clips], clips.waveforms(slice(None)), strict=True)),
        noises,
        [audio.decode(clip.path, card.sample_rate, max_seconds=60)[:longest] for clip in heard.clips],
    )
    return listening_exam.record(material, recognizer.probabilities, card)
