"""The exam that any model can sit: all figures of a model on the clips of one split, in one report.

A candidate is any `score(windows) -> logits` with a card that names its labels. Each section is kept when it
is finished, so an exam that was stopped goes on.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sayso.card import SILENCE, ModelCard
from sayso.evaluation import closed_set, distortions, metrics, openset, robustness, twelve
from sayso.evaluation.closed_set import Score
from sayso.evaluation.distortions import Waveforms
from sayso.evaluation.parts import Parts, digest_of
from sayso.evaluation.robustness import Condition

AUDIT_CLIPS = 1_500
BATCH = 128
SEED = 0  # of the clips drawn for the audit

_VOICES = 300  # of which babble is made
_SILENCES_PER_RECORDING = 60


class Clips(Protocol):
    """Recordings as windows, by index."""

    def __len__(self) -> int: ...

    def waveforms(self, chosen: NDArray[np.int64], /) -> Waveforms:
        """Waveforms `(B, T)` float32 at 16 kHz of the chosen clips."""
        ...


@dataclass(frozen=True)
class Candidate:
    """A model, as the exam sees it."""

    score: Score  # windows (B, T) -> logits (B, labels)
    card: ModelCard
    digest: str  # changes with the model; finished sections are kept under it
    size_bytes: int | None = None


@dataclass(frozen=True)
class Questions:
    """What a model is asked."""

    name: str  # of the data, for the reader
    split: str
    clips: Clips
    labels: NDArray[np.int64]  # (N,), in the candidate's order
    speakers: Sequence[str]  # (N,)
    strangers: Clips | None = None  # speech outside the vocabulary
    stranger_words: Sequence[str] = ()  # what each of them says, where known
    recordings: Mapping[str, Waveforms] = field(default_factory=dict)  # background noise (N,), by kind


def examine(
    candidate: Candidate, questions: Questions, folder: Path, *, audit_clips: int = AUDIT_CLIPS
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
    return _Sitting(candidate, questions, folder, audit_clips).report()


class _Sitting:
    """One candidate before one set of questions."""

    def __init__(self, candidate: Candidate, questions: Questions, folder: Path, audit_clips: int) -> None:
        self.candidate, self.questions, self.card = candidate, questions, candidate.card
        self.temperature = candidate.card.calibration.temperature
        drawn = np.random.default_rng(SEED).permutation(len(questions.clips))
        self.audit = np.sort(drawn[:audit_clips])
        self.voices = np.sort(drawn[audit_clips:][:_VOICES])
        if not len(self.voices):  # few clips: then babble may hold the clip itself
            self.voices = np.sort(drawn[:_VOICES])
        self.parts = Parts(folder, f"{candidate.digest} {_digest(questions.clips)} {self._asked()}")

    def _asked(self) -> str:
        asked = self.questions
        return digest_of(
            asked.labels.tobytes(), "\0".join(asked.speakers).encode(), asked.split.encode(),
            self.candidate.card.to_json().encode(),
        )  # fmt: skip

    def report(self) -> dict[str, Any]:
        """All sections."""
        asked = self.questions
        self.logits = self.parts.array("scores", lambda: self._score(asked.clips, "scoring"))
        return {
            "model": self.card.name,
            "digest": self.candidate.digest,
            "data": asked.name,
            "split": asked.split,
            "clips": len(asked.clips),
            "speakers": len(set(asked.speakers)),
            "labels": list(self.card.labels),
            "closed_set": self.parts.values("closed_set", self._closed_set),
            "twelve": self._twelve(),
            "calibration": self.parts.values("calibration", self._calibration),
            "open_set": self._open_set(),
            "audit": self._audit(),
            "speed": self.parts.values("speed", self._speed),
        }

    def _closed_set(self) -> dict[str, Any]:
        asked = self.questions
        judged = closed_set.judge(
            self.logits,
            asked.labels,
            asked.speakers,
            split=asked.split,
            words=self.card.labels,
            training_clips=self.card.training_clips,
            temperature=self.temperature,
        )
        confusion = metrics.confusion(self.logits, asked.labels).tolist()
        return {**dataclasses.asdict(judged), "confusion": confusion}

    def _twelve(self) -> dict[str, Any] | None:
        asked = self.questions
        silences = self._silences() if SILENCE in self.card.labels else None
        logits, truths, speakers = self.logits, [self.card.labels[i] for i in asked.labels], asked.speakers
        if silences is not None:
            heard, recorded = silences
            key = f"silence\0{digest_of(heard.tobytes())}"
            more = self.parts.array(key, lambda: self.candidate.score(heard))
            logits = np.concatenate([logits, more])
            truths, speakers = truths + [SILENCE] * len(more), [*speakers, *recorded]

        def judge() -> dict[str, Any] | None:
            judged = twelve.judge(logits, truths, speakers, labels=self.card.labels)
            return None if judged is None else dataclasses.asdict(judged)

        result: dict[str, Any] | None = self.parts.values(f"twelve\0{len(logits)}", judge)
        return result

    def _silences(self) -> tuple[Waveforms, list[str]] | None:
        """Seconds of the background recordings, at levels from nothing to their own, as the field has it."""
        random = np.random.default_rng(SEED)
        heard, recorded = [], []
        for kind, recording in sorted(self.questions.recordings.items()):
            for _ in range(_SILENCES_PER_RECORDING):
                part = distortions.stretch(recording, self.card.window_samples, random)
                heard.append(part * np.float32(random.uniform()))
                recorded.append(kind)
        return (np.stack(heard), recorded) if heard else None

    def _calibration(self) -> dict[str, Any]:
        def judge(temperature: float) -> dict[str, Any]:
            probabilities = metrics.softmax(self.logits, temperature)
            labels = self.questions.labels
            return {
                "temperature": temperature,
                "error": metrics.expected_calibration_error(probabilities, labels),
                "negative_log_likelihood": metrics.negative_log_likelihood(probabilities, labels),
                "bins": [dataclasses.asdict(each) for each in metrics.reliability(probabilities, labels)],
            }

        return {"before": judge(1.0), "after": judge(self.temperature)}

    def _open_set(self) -> dict[str, Any] | None:
        strangers = self.questions.strangers
        if strangers is None or not len(strangers):
            return None
        key = _digest(strangers)
        logits = self.parts.array(f"strangers\0{key}", lambda: self._score(strangers, "strangers"))
        result: dict[str, Any] = self.parts.values(f"open_set\0{key}", lambda: self._judge_strangers(logits))
        return result

    def _judge_strangers(self, logits: NDArray[np.float32]) -> dict[str, Any]:
        asked, covered = self.questions, self._covered()
        own = metrics.softmax(self.logits, self.temperature)
        words = openset.confidence(own, self.card.labels)
        others = openset.confidence(metrics.softmax(logits, self.temperature), self.card.labels)
        right = metrics.is_right(own, asked.labels)
        who = np.asarray(asked.speakers)

        def operate(threshold: float, chosen: NDArray[np.bool_]) -> dict[str, Any]:
            point = openset.operate(words[chosen], right[chosen], who[chosen], others, threshold)
            return dataclasses.asdict(point)

        everyone = np.ones(len(words), bool)
        points = []
        thresholds: list[tuple[float | None, float]] = [
            (rate, openset.threshold_for(others, rate)) for rate in openset.FALSE_ACCEPT_RATES
        ]
        thresholds.append((None, self.card.calibration.threshold))  # the one the model ships with
        for rate, threshold in thresholds:
            point = {"wanted_false_accepts": rate, **operate(threshold, everyone)}
            point["covered"] = operate(threshold, covered)["correct"] if covered.any() else None
            points.append(point)
        said = np.asarray(asked.stranger_words)
        threshold = points[-1]["threshold"]
        return {
            "strangers": len(others),
            "auroc": openset.auroc(words, others),
            "auroc_covered": openset.auroc(words[covered], others) if covered.any() else None,
            "points": points,
            "accepted_by_word": {
                str(word): float((others[said == word] >= threshold).mean()) for word in np.unique(said)
            },
            "det": [dataclasses.asdict(point) for point in openset.det_curve(words, others)],
        }

    def _audit(self) -> dict[str, Any]:
        asked = self.questions
        voices = asked.clips.waveforms(self.voices)
        rows = robustness.conditions(asked.recordings, voices)
        noises = digest_of(*(recording.tobytes() for _, recording in sorted(asked.recordings.items())))
        chosen = digest_of(self.audit.tobytes(), voices.tobytes())
        clean: NDArray[np.bool_] | None = None
        judged = []
        with tqdm(rows, "audit", unit="row", disable=None) as progress:
            for condition in progress:
                progress.set_postfix_str(condition.name)
                key = f"audit {condition.name}\0{chosen}\0{noises if condition.snr_db is not None else ''}"
                logits = None if condition.missing else self.parts.array(key, self._changed(condition))
                right = None if logits is None else metrics.is_right(logits, asked.labels[self.audit])
                clean = right if clean is None else clean
                judged.append(self._row(condition, right, clean))
        figures = [row for row in judged if row["accuracy"] and not row["hard"]]
        worst = min(figures, key=lambda row: (row["covered"] or row["accuracy"])["value"])
        return {"clips": len(self.audit), "worst": worst["name"], "rows": judged}

    def _changed(self, condition: Condition) -> Callable[[], NDArray[np.float32]]:
        def score() -> NDArray[np.float32]:
            batches = _batches(self.questions.clips, self.audit)
            return closed_set.score_all(self.candidate.score, map(condition, batches))

        return score

    def _row(
        self, condition: Condition, right: NDArray[np.bool_] | None, clean: NDArray[np.bool_] | None
    ) -> dict[str, Any]:
        row: dict[str, Any] = {
            "name": condition.name,
            "group": condition.group,
            "noise": condition.noise,
            "snr_db": condition.snr_db,
            "hard": condition.is_hard,
            "missing": condition.missing,
            "accuracy": None,
            "covered": None,
            "change": None,
        }
        if right is not None and clean is not None:
            who = np.asarray(self.questions.speakers)[self.audit]
            chosen = self._covered()[self.audit]
            row["accuracy"] = dataclasses.asdict(metrics.bootstrap(right, who))
            if chosen.any():
                row["covered"] = dataclasses.asdict(metrics.bootstrap(right[chosen], who[chosen]))
            row["change"] = dataclasses.asdict(metrics.bootstrap(right * 1.0 - clean, who))
        return row

    def _covered(self) -> NDArray[np.bool_]:
        """Which clips hold a word with enough training clips; none where the card does not say."""
        counts = np.asarray(self.card.training_clips or [0] * len(self.card.labels))
        covered: NDArray[np.bool_] = (counts >= closed_set.COVERED_CLIPS)[self.questions.labels]
        return covered

    def _speed(self) -> dict[str, Any]:
        windows = self.questions.clips.waveforms(self.audit[: closed_set.TIMED_CLIPS])
        return {
            "milliseconds": closed_set.milliseconds_per_clip(self.candidate.score, windows),
            "bytes": self.candidate.size_bytes,
            "parameters": self.card.parameters,
        }

    def _score(self, clips: Clips, what: str) -> NDArray[np.float32]:
        with tqdm(total=len(clips), desc=what, unit="clip", disable=None) as progress:

            def watched() -> Iterator[Waveforms]:
                for batch in _batches(clips, np.arange(len(clips))):
                    yield batch
                    progress.update(len(batch))

            return closed_set.score_all(self.candidate.score, watched())


def _batches(clips: Clips, chosen: NDArray[np.int64]) -> Iterator[Waveforms]:
    for first in range(0, len(chosen), BATCH):
        yield clips.waveforms(chosen[first : first + BATCH])


def _digest(clips: Clips) -> str:
    return digest_of(*(batch.tobytes() for batch in _batches(clips, np.arange(len(clips)))))
