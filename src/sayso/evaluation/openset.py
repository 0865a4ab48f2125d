"""Strangers: how well a model that must answer words keeps quiet at all other speech.

What stands for a clip is its *confidence*, the highest probability among the words; a clip is accepted when
that reaches a threshold. Words are to be accepted, strangers are not. Arrays in, values out.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sayso.card import is_rejection
from sayso.evaluation import metrics
from sayso.evaluation.metrics import Interval

FALSE_ACCEPT_RATES = (0.01, 0.05)
DET_POINTS = 200  # at most: more than a plot can show

Confidences = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class OperatingPoint:
    """What a model does at one threshold."""

    threshold: float
    false_accepts: float  # share of the strangers accepted
    correct: Interval  # share of the words accepted and answered rightly
    false_rejects: float  # share of the words not accepted


@dataclass(frozen=True)
class DetPoint:
    """The two errors at one threshold (detection error trade-off)."""

    threshold: float
    false_accepts: float
    false_rejects: float


def confidence(probabilities: Confidences, labels: Sequence[str]) -> NDArray[np.float64]:
    """The highest probability among the words, `(N,)`, given probabilities `(N, L)` and the labels' names."""
    words = [index for index, label in enumerate(labels) if not is_rejection(label)]
    result: NDArray[np.float64] = probabilities[:, words].max(axis=1).astype(np.float64)
    return result


def auroc(words: Confidences, strangers: Confidences) -> float:
    """Probability that a word's confidence is above a stranger's, equal ones counting half.

    Args:
        words: `(N,)` confidences of clips with a word.
        strangers: `(M,)` confidences of clips without one.

    """
    ordered = np.sort(strangers)
    below = np.searchsorted(ordered, words, "left")
    not_above = np.searchsorted(ordered, words, "right")
    return float((below + not_above).mean() / 2 / len(strangers))


def threshold_for(strangers: Confidences, false_accept_rate: float) -> float:
    """The lowest threshold at which no larger share of the strangers `(M,)` is accepted than wanted."""
    ordered = np.sort(np.asarray(strangers, dtype=np.float64))[::-1]
    accepted = int(np.floor(false_accept_rate * len(ordered) + 1e-9))  # 0.05 · 1000 may be just below 50
    if accepted >= len(ordered):
        return 0.0
    # A stranger exactly at the threshold would be accepted.
    return float(np.nextafter(ordered[accepted], np.inf))


def threshold_for_each(
    strangers: Confidences, sources: Sequence[str] | NDArray[Any], false_accept_rate: float
) -> float:
    """The lowest threshold at which no source's strangers `(M,)` are accepted more often than wanted.

    Strangers of one kind, such as synthetic voices, shall not make up for those of another.
    """
    where = np.asarray(sources)
    return max(threshold_for(strangers[where == source], false_accept_rate) for source in np.unique(where))


def operate(
    words: Confidences,
    right: NDArray[np.bool_],
    speakers: Sequence[str] | NDArray[Any],
    strangers: Confidences,
    threshold: float,
) -> OperatingPoint:
    """Say what happens at a threshold.

    Args:
        words: `(N,)` confidences of clips with a word.
        right: `(N,)`, whether the surest word is theirs.
        speakers: `(N,)`, who spoke them; the interval is a bootstrap over them, the threshold held.
        strangers: `(M,)` confidences of clips without a word.
        threshold: from which confidence on a clip is accepted.

    """
    accepted = words >= threshold
    return OperatingPoint(
        threshold=threshold,
        false_accepts=float((strangers >= threshold).mean()),
        correct=metrics.bootstrap(accepted & right, speakers),
        false_rejects=float((~accepted).mean()),
    )


def det_curve(words: Confidences, strangers: Confidences, points: int = DET_POINTS) -> tuple[DetPoint, ...]:
    """Both errors at thresholds from the lowest confidence to above the highest, `points` at most."""
    thresholds = np.unique(np.concatenate([words, strangers]).astype(np.float64))
    thresholds = np.append(thresholds, np.nextafter(thresholds[-1], np.inf))
    accepts = 1 - np.searchsorted(np.sort(strangers), thresholds, "left") / len(strangers)
    rejects = np.searchsorted(np.sort(words), thresholds, "left") / len(words)
    # Evenly along the curve, not along the thresholds, most of which lie close to 1.
    way = np.cumsum(np.abs(np.diff(accepts, prepend=accepts[0])) + np.diff(rejects, prepend=rejects[0]))
    chosen = np.unique(np.searchsorted(way, np.linspace(0, way[-1], points)).clip(max=len(way) - 1))
    return tuple(
        DetPoint(float(thresholds[index]), float(accepts[index]), float(rejects[index])) for index in chosen
    )


@dataclass(frozen=True)
class Heard:
    """Strangers a model has heard: its probabilities `(M, L)`, and what is known of each of them."""

    probabilities: Confidences
    words: Sequence[str]
    speakers: Sequence[str]
    sources: Sequence[str]


def judge(
    probabilities: Confidences,
    truths: NDArray[np.integer[Any]],
    speakers: Sequence[str],
    setting: Heard | None,
    judging: Heard,
    *,
    labels: Sequence[str],
    covered: NDArray[np.bool_],
    own_threshold: float,
) -> dict[str, Any]:
    """All figures of a model among strangers, plain values ready for JSON.

    Each wanted false-accept rate has a threshold set on some strangers and judged by others, which is what a
    user would meet; and one set on the very strangers it is judged by, as published figures are. The model's
    own threshold comes last.

    Args:
        probabilities: `(N, L)` of clips with a word.
        truths: `(N,)`, their labels.
        speakers: `(N,)`, who spoke them.
        setting: strangers with whom thresholds are set; without any, the first kind of point is left out.
        judging: strangers with whom the model is judged.
        labels: the `L` labels' names.
        covered: `(N,)`, whether the clip's word had enough training clips.
        own_threshold: the one the model ships with.

    """
    words, others = confidence(probabilities, labels), confidence(judging.probabilities, labels)
    right, who = metrics.is_right(probabilities, truths), np.asarray(speakers)
    sources = np.asarray(judging.sources)
    thresholds: list[tuple[float | None, str, float]] = []
    if setting is not None:
        others_set = confidence(setting.probabilities, labels)
        thresholds += [
            (rate, "other strangers", threshold_for_each(others_set, setting.sources, rate))
            for rate in FALSE_ACCEPT_RATES
        ]
    thresholds += [(rate, "these strangers", threshold_for(others, rate)) for rate in FALSE_ACCEPT_RATES]
    thresholds.append((None, "the card", own_threshold))
    points = []
    for rate, set_on, threshold in thresholds:
        accepted = others >= threshold
        point: dict[str, Any] = {"wanted_false_accepts": rate, "set_on": set_on}
        point |= dataclasses.asdict(operate(words, right, who, others, threshold))
        point["false_accepts_interval"] = dataclasses.asdict(metrics.bootstrap(accepted, judging.speakers))
        point["false_accepts_by_source"] = {
            str(source): dataclasses.asdict(
                metrics.bootstrap(
                    accepted[sources == source], np.asarray(judging.speakers)[sources == source]
                )
            )
            for source in np.unique(sources)
        }
        point["correct_covered"] = None
        if covered.any():
            of_covered = operate(words[covered], right[covered], who[covered], others, threshold)
            point["correct_covered"] = dataclasses.asdict(of_covered.correct)
        points.append(point)
    said = np.asarray(judging.words)
    return {
        "strangers": len(others),
        "setting_strangers": 0 if setting is None else len(setting.words),
        "speakers": len(set(judging.speakers)),
        "speakers_known": len(set(judging.speakers)) < len(others),
        "auroc": auroc(words, others),
        "auroc_covered": auroc(words[covered], others) if covered.any() else None,
        "auroc_by_source": {
            str(source): auroc(words, others[sources == source]) for source in np.unique(sources)
        },
        "points": points,
        "accepted_by_word": {  # at the highest wanted rate
            str(word): float((others[said == word] >= points[-2]["threshold"]).mean())
            for word in np.unique(said)
        },
        "det": [dataclasses.asdict(point) for point in det_curve(words, others)],
    }
