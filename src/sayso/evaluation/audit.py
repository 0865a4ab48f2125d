"""The rows of the own-microphone audit, asked and judged."""

import dataclasses
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sayso.evaluation import closed_set, metrics, robustness
from sayso.evaluation.parts import Parts, digest_of
from sayso.evaluation.questions import Candidate, Questions, batches
from sayso.evaluation.robustness import Condition

CLIPS = 1_500  # asked in each row, unless told otherwise
SEED = 0  # of the draw of clips

_VOICES = 300  # of which babble is made


def draw(clips: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw the clips of the audit, and others whose voices become babble, by their indices.

    Where the audit takes all clips, the voices are some of them, and a clip may meet itself in the babble.
    """
    drawn = np.random.default_rng(SEED).permutation(clips)
    voices = drawn[wanted:] if clips > wanted else drawn
    return np.sort(drawn[:wanted]), np.sort(voices[:_VOICES])


def audit(candidate: Candidate, questions: Questions, parts: Parts, *, clips: int = CLIPS) -> dict[str, Any]:
    """Ask the drawn clips under every condition.

    Args:
        candidate: who is asked.
        questions: the clips to draw from, and the background noises.
        parts: keeps the scores of each finished row.
        clips: how many clips each row asks.

    Returns:
        plain values: a row for each condition, with its accuracy over all and over the covered words, and its
        paired difference from the unchanged clips, the set being closed, and the share that it would have
        refused otherwise; the worst row that is not `Condition.is_hard`; and for each signal-to-noise ratio
        the mean over the kinds of noise that the model was not trained with.

    """
    chosen, voices = draw(len(questions.clips), clips)
    babble = questions.clips.waveforms(voices)
    asked = digest_of(chosen.tobytes())
    noises = digest_of(questions.digest_of_recordings().encode(), babble.tobytes())
    clean: NDArray[np.bool_] | None = None
    rows = []
    unheard: dict[float, dict[str, NDArray[np.bool_]]] = {}
    asked_of = questions, candidate, chosen
    conditions = robustness.conditions(questions.recordings, babble)
    with tqdm(conditions, "audit", unit="row", disable=None) as progress:
        for condition in progress:
            progress.set_postfix_str(condition.name)
            if condition.missing:
                rows.append(_row(condition, None, *asked_of))
                continue
            changed = map(condition, batches(questions.clips, chosen))
            logits = parts.array(
                f"audit {condition.name}",
                partial(closed_set.score_all, candidate.score, changed),
                depends=asked + (noises if condition.group == "noise" else ""),
            )
            labels = candidate.card.labels
            right = metrics.is_right(closed_set.among_words(logits, labels), questions.labels[chosen])
            clean = right if clean is None else clean
            if condition.snr_db is not None and condition.noise is not None:
                heard = robustness.was_heard(condition.noise, candidate.card.training_noises)
                if heard is False:
                    unheard.setdefault(condition.snr_db, {})[condition.noise] = right
            refused = float(closed_set.refuses(logits, labels).mean())
            rows.append(_row(condition, (right, clean, refused), *asked_of))
    fair = [row for row in rows if row["accuracy"] and not row["hard"]]
    worst = min(fair, key=lambda row: float((row["covered"] or row["accuracy"])["value"]))
    return {
        "clips": len(chosen),
        "worst": worst["name"],
        "rows": rows,
        "unheard_noise": [
            {
                "snr_db": snr_db,
                "kinds": list(kinds),
                **_figures(np.mean(list(kinds.values()), axis=0), *asked_of),
            }
            for snr_db, kinds in unheard.items()
        ],
    }


def _row(
    condition: Condition,
    found: tuple[NDArray[np.bool_], NDArray[np.bool_], float] | None,
    questions: Questions,
    candidate: Candidate,
    chosen: NDArray[np.int64],
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": condition.name,
        "group": condition.group,
        "noise": condition.noise,
        "snr_db": condition.snr_db,
        "hard": condition.is_hard,
        "missing": condition.missing,
        "trained_with": None,
        "accuracy": None,
        "covered": None,
        "change": None,
        "refused": None,
    }
    if condition.noise is not None:
        row["trained_with"] = robustness.was_heard(condition.noise, candidate.card.training_noises)
    if found is None:
        return row
    right, clean, row["refused"] = found
    who = np.asarray(questions.speakers)[chosen]
    row["change"] = dataclasses.asdict(metrics.bootstrap(right * 1.0 - clean, who))
    return row | _figures(right, questions, candidate, chosen)


def _figures(
    right: NDArray[np.bool_] | NDArray[np.float64],
    questions: Questions,
    candidate: Candidate,
    chosen: NDArray[np.int64],
) -> dict[str, Any]:
    """The mean over all and over the covered words of `right` `(B,)`, in [0, 1]."""
    who, covered = np.asarray(questions.speakers)[chosen], questions.covered(candidate.card)[chosen]
    of_covered = metrics.bootstrap(right[covered], who[covered]) if covered.any() else None
    return {
        "accuracy": dataclasses.asdict(metrics.bootstrap(right, who)),
        "covered": dataclasses.asdict(of_covered) if of_covered else None,
    }
