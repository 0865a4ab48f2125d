"""How fast training goes, against what it could be at best and against the usual way.

    python benchmarks/training.py [--quick] [--data FOLDER]

Prints a table and writes benchmarks/training.json. All figures are ratios of medians of repetitions that take
turns in one process, so that a busy machine slows both sides. Beside the ratio of the clock stands that of
processor time: where the next batch is made on a second core, the clock says what is gained by it.
"""

import argparse
import dataclasses
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np
import torch
from side_by_side import Line, Side, clips_per_second, compared, print_table
from torch.nn import functional

from sayso.audio import decode, fit_window
from sayso.training.allocator import keep_freed_memory
from sayso.training.augment import build as build_augmentation
from sayso.training.augment import read_noises
from sayso.training.cache import SAMPLE_RATE, WINDOW_SAMPLES, ClipSet
from sayso.training.dataset import NOISE_FOLDER
from sayso.training.distributed import Team
from sayso.training.optimization import make_optimizer
from sayso.training.recipe import DataRecipe, Recipe
from sayso.training.run import Run, build
from sayso.training.splits import load_splits
from sayso.training.trainer import Trainer

HERE = Path(__file__).parent
RECIPES = HERE.parent / "recipes"
LIGHT = ({"step": "shift"}, {"step": "gain"}, {"step": "noise"})
LOOP_CLIPS = 64  # decoded by the usual loop in each repetition


def real_trainer(recipe: Recipe, training: ClipSet, folder: Path, data: Path) -> Trainer:
    """The trainer that `sayso train` would use."""
    noises = read_noises(data / NOISE_FOLDER)
    words = tuple(sorted({clip.word for clip in training.clips}))
    augment = build_augmentation(recipe.augment, noises)
    return Trainer(Run.start(folder, recipe), training, training, words, augment, Team())


def in_memory(recipe: Recipe, training: ClipSet) -> Callable[[], None]:
    """A training step of the same network on one batch that lies in memory: nothing is read or augmented."""
    words = tuple(sorted({clip.word for clip in training.clips}))
    settings, size = recipe.training, recipe.training.batch_size
    network = build(recipe, len(words)).train()
    optimizer = make_optimizer(network, settings)
    waveforms = torch.from_numpy(training.waveforms(slice(0, size)))
    targets = functional.one_hot(torch.from_numpy(training.labels(words)[:size]), len(words)).float()

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(
            "cpu", torch.bfloat16, enabled=settings.precision == "bfloat16", cache_enabled=False
        ):
            logits = network(waveforms)[0]
        loss = functional.cross_entropy(logits.float(), targets, label_smoothing=settings.label_smoothing)
        loss.backward()
        optimizer.step()
        float(loss.detach())

    return step


def usual_loop(training: ClipSet, clips: int) -> Callable[[], object]:
    """The tutorial's input side: each clip decoded, resampled to 8 kHz, padded and collated, every time."""
    import soxr

    chosen = np.random.default_rng(0).permutation(len(training))[:clips]

    def load() -> torch.Tensor:
        batch = []
        for index in chosen:
            samples = decode(training.clips[index].path, SAMPLE_RATE)
            low = np.asarray(
                soxr.resample(fit_window(samples, WINDOW_SAMPLES), SAMPLE_RATE, SAMPLE_RATE // 2)
            )
            batch.append(torch.from_numpy(low))
        return torch.nn.utils.rnn.pad_sequence(batch, batch_first=True)

    return load


def compare_steps(data: Path, repetitions: int) -> Iterator[Line]:
    """The real training step against a tensor in memory; its input side against the usual loop."""
    for stem, augment, bar in (("m5", LIGHT, 0.75), ("default", None, 0.85)):
        recipe = Recipe.read(RECIPES / f"{stem}.toml")
        if augment is not None:
            recipe = dataclasses.replace(recipe, augment=augment)
        # The folder alone, from fresh weights: what else the recipe names may not be here.
        settings = dataclasses.replace(recipe.training, start="", teachers=())
        recipe = dataclasses.replace(recipe, data=DataRecipe(), training=settings)
        size = recipe.training.batch_size
        training, _, _ = load_splits(recipe, data)
        training = training.in_memory()  # as `sayso train` does
        # The averaged weights are part of the recipe, not of the input: neither side has them.
        plain = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, ema_decay=0.0))
        with tempfile.TemporaryDirectory() as folder:
            trainer = real_trainer(plain, training, Path(folder) / stem, data)

            def train_step(trainer: Trainer = trainer) -> None:
                trainer._train_step()
                trainer.step += 1

            others = count(trainer.steps)  # steps of which none is being made ready

            def input_side(trainer: Trainer = trainer, others: Iterator[int] = others) -> None:
                trainer.batches.make(next(others))

            speed = clips_per_second(
                {
                    "ours": Side(train_step, size),
                    "memory": Side(in_memory(plain, training), size),
                    "input": Side(input_side, size),
                    "loop": Side(usual_loop(training, LOOP_CLIPS), LOOP_CLIPS),
                },
                repetitions,
            )
        steps = "shift, gain, noise" if augment else "all of its augmentation"
        yield compared(f"{stem} with {steps} / on a tensor in memory", speed["ours"], speed["memory"], bar)
        yield compared(f"{stem}'s input with {steps} / the usual loop", speed["input"], speed["loop"], 10)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("SAYSO_DATA", "data/speech_commands"))
    parser.add_argument("--quick", action="store_true", help="few repetitions: about a minute")
    parser.add_argument("--out", type=Path, default=HERE / "training.json")
    arguments = parser.parse_args()
    data = Path(arguments.data)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))  # beside it, the other core is free
    keep_freed_memory()  # as `sayso train` does, for both sides
    busy_at_start = os.getloadavg()[0]
    lines = list(compare_steps(data, 5 if arguments.quick else 25))
    print_table(lines)
    result = {
        "command": " ".join([Path(sys.executable).name, *sys.argv]),
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "load_before": round(busy_at_start, 2),  # processes already busy: the second core should be free
        "lines": [dataclasses.asdict(line) | {"ratio": line.ratio} for line in lines],
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
