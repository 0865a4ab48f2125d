"""The exam that any model can sit: all figures of a model on the clips of one split, in one report.

A candidate is any `score(windows) -> logits` with a card that names its labels. Each section is kept when it
is finished, so an exam that was stopped goes on.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sayso.card import SILENCE
from sayso.evaluation import audit, closed_set, distortions, metrics, openset, twelve
from sayso.evaluation.distortions import Waveforms
from sayso.evaluation.parts import Parts, digest_of
from sayso.evaluation.questions import Candidate, Questions, Strangers

Logits = NDArray[np.float32]

_SILENCE_SEED = 0
_SILENCES_PER_RECORDING = 60


def examine(
    candidate: Candidate, questions: Questions, folder: Path, *, audit_clips: int = audit.CLIPS
) -> dict[str, Any]:
    """Ask everything, or what an earlier call has not.

    Args:
        candidate: who sits the exam.
        questions: what on.
        folder: where finished sections are kept.
        audit_clips: how many clips, drawn by seed, each row of the audit asks.

    Returns:
        the report, plain values ready for JSON.

    """
    card = candidate.card
    # The card too: an exam may be sat by any function with the same digest but another temperature.
    parts = Parts(folder, f"{candidate.digest} {digest_of(card.to_json().encode())} {questions.digest()}")
    logits = parts.array("scores", lambda: candidate.score_clips(questions.clips, "scoring"))
    return {
        "model": card.name,
        "digest": candidate.digest,
        "data": questions.name,
        "split": questions.split,
        "clips": len(questions.clips),
        "speakers": len(set(questions.speakers)),
        "labels": list(card.labels),
        "closed_set": parts.values("closed set", lambda: _closed_set(candidate, questions, logits)),
        "twelve": _twelve(candidate, questions, logits, parts),
        "calibration": parts.values("calibration", lambda: _calibration(candidate, questions, logits)),
        "open_set": _open_set(candidate, questions, logits, parts),
        "audit": audit.audit(candidate, questions, parts, clips=audit_clips),
        "speed": parts.values("speed", lambda: _speed(candidate, questions)),
    }


def _closed_set(candidate: Candidate, questions: Questions, logits: Logits) -> dict[str, Any]:
    judged = closed_set.judge(
        logits,
        questions.labels,
        questions.speakers,
        split=questions.split,
        words=candidate.card.labels,
        training_clips=candidate.card.training_clips,
        temperature=candidate.card.calibration.temperature,
    )
    return {**dataclasses.asdict(judged), "confusion": metrics.confusion(logits, questions.labels).tolist()}


def _twelve(
    candidate: Candidate, questions: Questions, logits: Logits, parts: Parts
) -> dict[str, Any] | None:
    labels = candidate.card.labels
    truths, speakers = [labels[label] for label in questions.labels], list(questions.speakers)
    depends = ""
    if SILENCE in labels and questions.recordings:
        depends = questions.digest_of_recordings()
        heard, recorded = silences(questions, candidate.card.window_samples)
        logits = np.concatenate(
            [logits, parts.array("silences", lambda: candidate.score(heard), depends=depends)]
        )
        truths, speakers = truths + [SILENCE] * len(heard), speakers + recorded

    def judge() -> dict[str, Any] | None:
        judged = twelve.judge(logits, truths, speakers, labels=labels)
        return None if judged is None else dataclasses.asdict(judged)

    result: dict[str, Any] | None = parts.values("twelve labels", judge, depends=depends)
    return result


def silences(questions: Questions, window_samples: int) -> tuple[Waveforms, list[str]]:
    """Windows `(B, T)` of the background recordings, at levels from nothing to their own; and their kinds."""
    random = np.random.default_rng(_SILENCE_SEED)
    heard, recorded = [], []
    for kind, recording in sorted(questions.recordings.items()):
        for _ in range(_SILENCES_PER_RECORDING):
            part = distortions.stretch(recording, window_samples, random)
            heard.append(part * np.float32(random.uniform()))
            recorded.append(kind)
    return np.stack(heard), recorded


def _calibration(candidate: Candidate, questions: Questions, logits: Logits) -> dict[str, Any]:
    def judge(temperature: float) -> dict[str, Any]:
        probabilities = metrics.softmax(logits, temperature)
        return {
            "temperature": temperature,
            "error": metrics.expected_calibration_error(probabilities, questions.labels),
            "negative_log_likelihood": metrics.negative_log_likelihood(probabilities, questions.labels),
            "bins": [
                dataclasses.asdict(each) for each in metrics.reliability(probabilities, questions.labels)
            ],
        }

    return {"before": judge(1.0), "after": judge(candidate.card.calibration.temperature)}


def _open_set(
    candidate: Candidate, questions: Questions, logits: Logits, parts: Parts
) -> dict[str, Any] | None:
    if questions.strangers is None:
        return None
    temperature = candidate.card.calibration.temperature

    def hear(strangers: Strangers, section: str) -> openset.Heard:
        scores = parts.array(
            section, lambda: candidate.score_clips(strangers.clips, "strangers"), depends=strangers.digest()
        )
        return openset.Heard(
            metrics.softmax(scores, temperature), strangers.words, strangers.speakers, strangers.sources
        )

    judging = hear(questions.strangers, "stranger scores")
    setting = hear(questions.setting, "setting stranger scores") if questions.setting else None

    def judge() -> dict[str, Any]:
        return openset.judge(
            metrics.softmax(logits, temperature),
            questions.labels,
            questions.speakers,
            setting,
            judging,
            labels=candidate.card.labels,
            covered=questions.covered(candidate.card),
            own_threshold=candidate.card.calibration.threshold,
        )

    asked = questions.strangers.digest() + (questions.setting.digest() if questions.setting else "")
    result: dict[str, Any] = parts.values("open set", judge, depends=asked)
    return result


def _speed(candidate: Candidate, questions: Questions) -> dict[str, Any]:
    windows = questions.clips.waveforms(np.arange(min(len(questions.clips), closed_set.TIMED_CLIPS)))
    return {
        "milliseconds": closed_set.milliseconds_per_clip(candidate.score, windows),
        "bytes": candidate.size_bytes,
        "parameters": candidate.card.parameters,
    }
