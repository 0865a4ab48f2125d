"""From a run to a model file: one ONNX with the card inside, proved equal to torch before it is written."""

import dataclasses
import logging
import tempfile
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from sayso.card import UNKNOWN, Calibration, Figure, ModelCard, is_rejection
from sayso.errors import RunError
from sayso.evaluation import closed_set, metrics, openset
from sayso.evaluation.questions import Strangers
from sayso.recognizer import Recognizer
from sayso.training.atomic import write_atomically
from sayso.training.augment import build
from sayso.training.cache import ClipSet
from sayso.training.dataset import AUDIO_ENDINGS, NOISE_FOLDER, Clip
from sayso.training.judge import batches
from sayso.training.model_file import with_card, with_recipe
from sayso.training.models import Network, parameter_count
from sayso.training.noise import Noise
from sayso.training.quantization import MAX_LOSS, with_int8_weights
from sayso.training.recipe import DataRecipe, Recipe
from sayso.training.remembering import remember
from sayso.training.run import Run
from sayso.training.splits import beside, load_splits
from sayso.training.strangers import read_strangers

TOLERANCE = 1e-4  # greatest difference between a score in torch and in the file
OPSET = 18
PROOF_CLIPS = 256
FALSE_ACCEPT_RATE = 0.01  # of strangers' recordings, at the card's threshold


def export(
    run: Run, path: Path, folder: Path, strangers: Sequence[Path] = (), *, int8: bool = False
) -> ModelCard:
    """Write a run's best network as a model file.

    The temperature is fitted on the validation split, whose accuracy is the card's first figure; the
    threshold is the lowest at which, in no folder of strangers, more than one in a hundred of the recordings
    would pass for a word. It is set with half of the strangers; how many of the others it lets pass, further
    figures on the card say.

    Args:
        run: a run with at least one finished epoch.
        path: the file to write.
        folder: the data the run was trained on.
        strangers: folders of words; those the run knows or was trained on are left out. Without any, every
            answer is accepted.
        int8: round the weights, see `quantization`.

    Raises:
        RunError: nothing trained yet, or the file would score otherwise than torch does; or rounded weights
            would cost more than `quantization.MAX_LOSS`.
        DataError: a folder cannot be read.

    """
    training, validation, _ = load_splits(run.recipe, folder)
    content, recognizer = proved_model(run, folder, training, validation.waveforms(slice(0, PROOF_CLIPS)))
    card = dataclasses.replace(recognizer.card, **judge_on_validation(recognizer, validation))
    if int8:
        content = with_int8_weights(content)
        found = judge_on_validation(Recognizer(content), validation)
        loss = card.figures[0].value - found["figures"][0].value
        if loss > MAX_LOSS:
            raise RunError(f"Weights of eight bits cost {loss:.2%} on validation: not written.")
        card = dataclasses.replace(card, architecture=f"{card.architecture}, int8 weights", **found)
    if strangers:
        recognizer = Recognizer(with_card(content, card))
        card = dataclasses.replace(card, **calibrate(recognizer, run.recipe.data, strangers))
    met = [beside(folder, name) for name in run.recipe.data.unknown]
    write_atomically(path, remember(with_card(content, card), folder, [*met, *strangers]))
    return card


def proved_model(
    run: Run, folder: Path, training: ClipSet, waveforms: NDArray[np.float32]
) -> tuple[bytes, Recognizer]:
    """A run's best network as a model file with its card, proved on waveforms `(B, T)`, and loaded.

    Args:
        run: a run with at least one finished epoch.
        folder: the data it was trained on.
        training: the clips of it that it was trained on.
        waveforms: what the file's scores are compared on.

    Raises:
        RunError: nothing trained yet, or the file would score otherwise than torch does.

    """
    network, words = run.network()
    card = ModelCard(
        name=run.recipe.name,
        architecture=run.recipe.network.name,
        labels=words,
        trained_on=describe_data(training, run.recipe.data),
        training_clips=count_words(recordings(training, run.recipe.data), words),
        training_noises=noises_of(run.recipe, folder / NOISE_FOLDER),
        recipe_digest=run.recipe.digest(),
        parameters=parameter_count(network),
        training_minutes=round(run.seconds() / 60, 1),
    )
    content = with_recipe(with_card(to_onnx(network, waveforms[:2]), card), run.recipe)
    recognizer = Recognizer(content)
    prove_equal(network, recognizer, waveforms)
    return content, recognizer


def to_onnx(network: Network, example: NDArray[np.float32]) -> bytes:
    """The network as ONNX: input `waveform` `(batch, samples)`, outputs `logits` and `embedding`."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own use of torch
        path = Path(scratch) / "model.onnx"
        torch.onnx.export(
            network.with_whole_head().eval(),
            (torch.from_numpy(example),),
            path,
            input_names=["waveform"],
            output_names=["logits", "embedding"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=65_536)},),
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
        model = onnx.load(path)
    # The exporter notes on each node which lines of which files on this machine it is from.
    for part in (
        model.graph,
        *model.graph.node,
        *model.graph.value_info,
        *model.graph.input,
        *model.graph.output,
    ):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    content: bytes = model.SerializeToString()
    return content


def prove_equal(network: nn.Module, recognizer: Recognizer, waveforms: NDArray[np.float32]) -> None:
    """Refuse a file that scores real clips otherwise than torch does.

    Raises:
        RunError: a score differs by more than `TOLERANCE`.

    """
    with torch.no_grad():
        expected = network(torch.from_numpy(waveforms))[0].numpy()
    difference = float(np.abs(recognizer.score(waveforms) - expected).max())
    if not difference <= TOLERANCE:
        raise RunError(f"The exported file's scores differ from torch's by {difference:.2g}: not written.")


def judge_on_validation(recognizer: Recognizer, validation: ClipSet) -> dict[str, Any]:
    """The card's calibration and its first figure."""
    labels = validation.labels(recognizer.card.labels)
    logits = closed_set.score_all(recognizer.score, batches(validation))
    temperature = metrics.fit_temperature(logits, labels)
    interval = metrics.accuracy_interval(logits, labels, [clip.speaker for clip in validation.clips])
    figure = Figure("accuracy", interval.value, "validation", len(labels), interval.low, interval.high)
    return {"calibration": Calibration(temperature=temperature), "figures": (figure,)}


def calibrate(recognizer: Recognizer, data: DataRecipe, folders: Sequence[Path]) -> dict[str, Any]:
    """The card's calibration with a threshold for strangers, and figures that say what it does to others."""
    card = recognizer.card

    def is_stranger(folder: Path, clip: Clip) -> bool:
        met = folder.name in data.unknown and clip.word not in data.held_out_words
        return clip.word not in card.words and not met

    def hear(strangers: Strangers) -> NDArray[np.float64]:
        assert isinstance(strangers.clips, ClipSet)
        scores = closed_set.score_all(recognizer.probabilities, batches(strangers.clips))
        return openset.confidence(scores, card.labels)

    setting, judging = read_strangers(folders, is_stranger)
    threshold = openset.threshold_for_each(hear(setting), setting.sources, FALSE_ACCEPT_RATE)
    accepted, sources = hear(judging) >= threshold, np.asarray(judging.sources)
    figures = []
    for source in dict.fromkeys(judging.sources):
        who = np.asarray(judging.speakers)[sources == source]
        found = metrics.bootstrap(accepted[sources == source], who)
        figures.append(
            Figure(f"false accepts, {source}", found.value, "strangers", found.clips, found.low, found.high)
        )
    calibration = dataclasses.replace(
        card.calibration, threshold=threshold, false_accept_rate=FALSE_ACCEPT_RATE
    )
    return {"calibration": calibration, "figures": (*card.figures, *figures)}


def describe_data(training: ClipSet, data: DataRecipe) -> str:
    """What the card says of the data."""
    spoken = [clip for clip in recordings(training, data) if not is_rejection(clip.word)]
    speakers, words = len({clip.speaker for clip in spoken}), len({clip.word for clip in spoken})
    folders = [spoken[0].path.parent.parent.name, *data.extra]
    text = f"{len(spoken):,} recordings of {words} words by {speakers:,} speakers: {_listed(folders)}"
    if data.synthetic:
        machines = len(set(training.clips)) - len(recordings(training, data))
        text += f"; {machines:,} spoken by machines: {_listed(data.synthetic)}"
    if data.unknown:
        others = sum(clip.word == UNKNOWN for clip in training.clips)
        text += f"; {others:,} recordings of other words: {_listed(data.unknown)}"
    return text


def _listed(folders: Sequence[str]) -> str:
    names = [folder.replace("_", " ") for folder in folders]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def noises_of(recipe: Recipe, folder: Path) -> tuple[str, ...] | None:
    """The kinds of noise that a recipe trains with, recordings of the folder by their names.

    Further folders stand for their recordings.

    A run that started from another has heard that one's noises too; None where the other is gone.
    """
    names = {path.stem for path in folder.glob("*") if path.suffix.lower() in AUDIO_ENDINGS}
    left = names.difference(*([name, Path(name).stem] for name in recipe.data.held_out_noises))
    left |= set(recipe.data.noises)
    kinds: set[str] = set()
    for step in build(recipe.augment, torch.zeros(1)).steps:
        if isinstance(step, Noise):
            kinds |= {kind for kind in step.kinds if kind != "recorded"}
            kinds |= left if "recorded" in step.kinds else set()
    for start in filter(None, (recipe.training.start, *recipe.training.blend)):
        try:
            earlier = noises_of(Run.open(Path(start)).recipe, folder)
        except RunError:
            return None
        if earlier is None:
            return None
        kinds |= set(earlier)
    return tuple(sorted(kinds))


def recordings(training: ClipSet, data: DataRecipe) -> list[Clip]:
    """The clips that people spoke, each once."""
    return [
        clip for clip in dict.fromkeys(training.clips) if clip.path.parent.parent.name not in data.synthetic
    ]


def count_words(clips: Sequence[Clip], labels: Sequence[str]) -> tuple[int, ...]:
    """How many clips each label was trained on."""
    counts = Counter(clip.word for clip in clips)
    return tuple(counts[label] for label in labels)
