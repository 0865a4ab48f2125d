r"""How well taught words are heard: words that the model's training left out, many draws of recordings.

    python benchmarks/teaching.py new_words.onnx path/to/speech_commands \
        --strangers data/held_out_strangers --strangers data/synthetic_strangers \
        -o results/teaching/new_words.json

The model is trained by `recipes/new_words.toml` and exported with its memory; what is taught and judged with
is by people whom its training did not hear. A draw takes recordings of each word and teaches; what is left
judges. Intervals are 95 % of the draws' means, by a bootstrap over draws.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sayso.evaluation import metrics, openset
from sayso.recognizer import Recognizer
from sayso.teaching import recordings
from sayso.teaching.hearing import Heard
from sayso.teaching.lesson import Learnt, Lesson
from sayso.teaching.model_file import Head, ModelFile
from sayso.training.cache import ClipSet, load_folder

Numbers = NDArray[np.float64]
BATCH = 100


@dataclasses.dataclass(frozen=True)
class Pool:
    """Embedded clips to draw from."""

    words: tuple[str, ...]
    labels: NDArray[np.int64]  # (N,)
    speakers: NDArray[np.str_]  # (N,)
    embeddings: Numbers  # (N, variants, E)

    def heard(self, chosen: NDArray[np.int64]) -> Heard:
        """The recordings of these indices, as a lesson wants them."""
        names = tuple(f"recording {index}" for index in chosen)
        return Heard(self.words, names, self.labels[chosen], self.embeddings[chosen])

    def of_words(self, words: tuple[str, ...]) -> "Pool":
        """Only these words."""
        own = np.isin(self.labels, [self.words.index(word) for word in words])
        labels = np.array([words.index(self.words[label]) for label in self.labels[own]])
        return Pool(words, labels, self.speakers[own], self.embeddings[own])


def embed(recognizer: Recognizer, clips: ClipSet, *, vary: bool) -> Numbers:
    """Embeddings `(N, variants, E)` of clips; without variants, `(N, E)`."""
    rate, done = recognizer.card.sample_rate, []
    for start in range(0, len(clips), BATCH):
        windows = clips.waveforms(slice(start, start + BATCH))
        if vary:
            windows = np.concatenate([recordings.vary(window, rate) for window in windows])
        done.append(recognizer.embed(windows))
    flat = np.concatenate(done).astype(np.float64)
    return flat.reshape(len(clips), len(recordings.VARIANTS), -1) if vary else flat


def draw(
    pool: Pool, shots: int, random: np.random.Generator, *, same: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Recordings to teach with, each by another speaker, and recordings to judge by.

    With `same`, these are further recordings of the word by those who taught it; otherwise all by others.
    """
    taught, judged = [], []
    for label in range(len(pool.words)):
        own = random.permutation(np.flatnonzero(pool.labels == label))
        names, first, counts = np.unique(pool.speakers[own], return_index=True, return_counts=True)
        able = np.flatnonzero(counts >= (2 if same else 1))
        chosen = random.permutation(able)[:shots]
        taught += own[first[chosen]].tolist()
        by_chosen = np.isin(pool.speakers[own], names[chosen])
        left = ~np.isin(own, own[first[chosen]])
        judged += own[(by_chosen if same else ~by_chosen) & left].tolist()
    return np.array(taught), np.array(judged)


def probabilities(learnt: Learnt, embeddings: Numbers) -> Numbers:
    """What the taught model answers: words first."""
    rows, temperature = learnt.head, learnt.calibration.temperature
    return metrics.softmax(rows.scores(embeddings), temperature)


def word_columns(rows: Head, words: tuple[str, ...]) -> list[int]:
    """Where the words stand among the rows."""
    return [rows.labels.index(word) for word in words]


def judge_draw(
    opened: ModelFile,
    pool: Pool,
    strangers: dict[str, Numbers],
    shots: int,
    random: np.random.Generator,
    *,
    same: bool,
) -> dict[str, float]:
    """Teach once, and judge."""
    assert opened.memory is not None
    taught, judged = draw(pool, shots, random, same=same)
    started = time.process_time()
    learnt = Lesson(opened, opened.memory, pool.heard(taught), beside=False).learn()
    seconds = time.process_time() - started
    columns = word_columns(learnt.head, pool.words)
    answers = probabilities(learnt, pool.embeddings[judged, 0])
    right = np.argmax(answers[:, columns], axis=1) == pool.labels[judged]
    by_word = [right[pool.labels[judged] == label].mean() for label in np.unique(pool.labels[judged])]
    sure = answers[:, columns].max(axis=1)
    threshold = learnt.calibration.threshold
    heard = np.argmax(answers, axis=1)
    full = np.where(np.isin(heard, columns), sure, 0.0)  # what is taken for another word is not accepted
    figures = {
        "closed set": float(np.mean(by_word)),
        "calibration error": metrics.expected_calibration_error(
            np.concatenate(
                [answers[:, columns], 1 - answers[:, columns].sum(1, keepdims=True)], axis=1
            ).astype(np.float32),
            pool.labels[judged],
        ),
        "held-out accuracy by the report": learnt.report.accuracy,
        "accepted by the report": learnt.report.accepted,
        "accepted at the card's threshold": float((right & (full >= threshold)).mean()),
        "seconds of a lesson, embedding apart": seconds,
    }
    for name, embeddings in strangers.items():
        others = probabilities(learnt, embeddings)
        confidence = others[:, columns].max(axis=1)
        figures[f"AUROC, {name}"] = openset.auroc(sure, confidence)
        for rate in (0.01, 0.05):
            least = openset.threshold_for(confidence, rate)
            figures[f"right at {rate:.0%} false accepts, {name}"] = float((right & (sure >= least)).mean())
        passing = np.isin(np.argmax(others, axis=1), columns) & (confidence >= threshold)
        figures[f"false accepts at the card's threshold, {name}"] = float(passing.mean())
    return figures


def summarise(draws: list[dict[str, float]]) -> dict[str, Any]:
    """Mean and 95 % interval of each figure over the draws."""
    summary = {}
    for name in draws[0]:
        values = np.array([each[name] for each in draws])
        interval = metrics.bootstrap(values, [str(index) for index in range(len(values))])
        summary[name] = {key: round(getattr(interval, key), 4) for key in ("value", "low", "high")}
        summary[name]["least"] = round(float(values.min()), 4)
    return summary


def beside(
    opened: ModelFile,
    pool: Pool,
    known: Numbers,
    labels: NDArray[np.int64],
    shots: int,
    random: np.random.Generator,
) -> dict[str, float]:
    """What the model's own words lose when ten are added, and how the new ones are heard among them."""
    assert opened.memory is not None
    taught, judged = draw(pool, shots, random, same=False)
    learnt = Lesson(opened, opened.memory, pool.heard(taught), beside=True).learn()
    before = opened.head.scores(known).argmax(axis=1)
    after = learnt.head.scores(known).argmax(axis=1)
    index = np.array([learnt.head.labels.index(label) for label in opened.card.labels])
    columns = np.array(word_columns(learnt.head, pool.words))
    new = learnt.head.scores(pool.embeddings[judged, 0]).argmax(axis=1)
    return {
        "own words before": float((before == labels).mean()),
        "own words after": float((after == index[labels]).mean()),
        "own words lost": float((before == labels).mean() - (after == index[labels]).mean()),
        "new words among all": float((new == columns[pool.labels[judged]]).mean()),
    }


def judge_synthetic(
    opened: ModelFile, pool: Pool, voices: Pool, shots: int, random: np.random.Generator
) -> dict[str, float]:
    """Teach with synthetic voices, and some recordings if wanted, and judge by people."""
    assert opened.memory is not None
    taught, judged = draw(pool, shots, random, same=False)
    people = pool.heard(taught.astype(np.int64))
    spoken = voices.heard(np.arange(len(voices.labels)))
    heard = Heard(
        pool.words,
        people.names + spoken.names,
        np.concatenate([people.labels, spoken.labels]),
        np.concatenate([people.embeddings, spoken.embeddings]),
    )
    learnt = Lesson(opened, opened.memory, heard, beside=False).learn()
    columns = word_columns(learnt.head, pool.words)
    answers = probabilities(learnt, pool.embeddings[judged, 0])
    right = np.argmax(answers[:, columns], axis=1) == pool.labels[judged]
    by_word = [right[pool.labels[judged] == label].mean() for label in range(len(pool.words))]
    accepted = np.isin(np.argmax(answers, axis=1), columns) & right
    return {"closed set": float(np.mean(by_word)), "accepted at the card's threshold": float(accepted.mean())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--strangers", type=Path, action="append", default=[])
    parser.add_argument("--synthetic", type=Path, help="the same words, by `sayso synthesize`")
    parser.add_argument("--split", default="testing")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--cache", type=Path, help="keeps the embeddings here between calls")
    parser.add_argument("-o", "--output", type=Path)
    chosen = parser.parse_args()
    opened, recognizer = ModelFile.read(chosen.model.read_bytes()), Recognizer(chosen.model)
    assert opened.memory is not None, "give the model a memory first: sayso remember"
    known_words = opened.card.words
    if chosen.cache and chosen.cache.exists():
        found = dict(np.load(chosen.cache))
    else:
        clips = load_folder(chosen.folder)
        clips = clips.select([clip.split == chosen.split for clip in clips.clips])
        is_new = np.array([clip.word not in known_words for clip in clips.clips])
        found = {}
        for name, part in (("new", clips.select(is_new)), ("known words", clips.select(~is_new))):
            found[name] = embed(recognizer, part, vary=name == "new")
            found[f"{name} said"] = np.array([clip.word for clip in part.clips])
            found[f"{name} by"] = np.array([clip.speaker for clip in part.clips])
        for folder in chosen.strangers:
            found[folder.name] = embed(recognizer, load_folder(folder), vary=False)
        if chosen.synthetic:
            clips = load_folder(chosen.synthetic)
            found["synthetic"] = embed(recognizer, clips, vary=True)
            found["synthetic said"] = np.array([clip.word for clip in clips.clips])
        if chosen.cache:
            np.savez(chosen.cache, **found)
    words = tuple(np.unique(found["new said"]).tolist())
    pool = Pool(
        words, np.array([words.index(word) for word in found["new said"]]), found["new by"], found["new"]
    )
    strangers = {folder.name: found[folder.name] for folder in chosen.strangers}
    strangers["known words"] = found["known words"]
    half = np.array([opened.card.labels.index(word) for word in found["known words said"]])
    result: dict[str, Any] = {
        "model": recognizer.digest,
        "split": chosen.split,
        "words": words,
        "draws": chosen.draws,
    }
    for title, shots, same in (
        ("5 recordings, same speakers", 5, True),
        ("10 recordings, other speakers", 10, False),
        ("5 recordings, other speakers", 5, False),
    ):
        result[title] = summarise(
            [
                judge_draw(opened, pool, strangers, shots, np.random.default_rng([shots, index]), same=same)
                for index in range(chosen.draws)
            ]
        )
    halves = []
    for index in range(chosen.draws):
        random = np.random.default_rng([2, index])
        first = tuple(random.permutation(words)[: len(words) // 2].tolist())
        rest = tuple(word for word in words if word not in first)
        unheard = {"unknown words": pool.of_words(rest).embeddings[:, 0]}
        halves.append(judge_draw(opened, pool.of_words(first), unheard, 10, random, same=False))
    result["5 words of 10 recordings, the other 5 strangers"] = summarise(halves)
    result["10 words beside the model's own"] = summarise(
        [
            beside(opened, pool, found["known words"], half, 10, np.random.default_rng([3, index]))
            for index in range(chosen.draws)
        ]
    )
    if chosen.synthetic:
        spoken = np.array([words.index(word) for word in found["synthetic said"]])
        voices = Pool(words, spoken, found["synthetic said"], found["synthetic"])
        for shots in (0, 3):
            title = f"synthetic voices and {shots} recordings, other speakers"
            draws = [
                judge_synthetic(opened, pool, voices, shots, np.random.default_rng([4, k])) for k in range(5)
            ]
            result[title] = summarise(draws)
    for title, figures in result.items():
        if isinstance(figures, dict):
            print(title)
            for name, figure in figures.items():
                print(f"  {name:55} {figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})")
    if chosen.output:
        chosen.output.parent.mkdir(parents=True, exist_ok=True)
        chosen.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
