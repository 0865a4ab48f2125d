"""Training: a recipe and a folder of words become a run.

Everything random is drawn from the seed and the step, and everything else a run needs is in its checkpoint,
so a run that was killed goes on to the very weights it would have reached.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from sayso.errors import DataError
from sayso.evaluation import metrics
from sayso.training import run as runs
from sayso.training.augment import Augmentation, Batch, build, read_noises
from sayso.training.cache import ClipSet, load_folder
from sayso.training.curves import Curves
from sayso.training.dataset import NOISE_FOLDER, words_of
from sayso.training.optimization import AveragedWeights, learning_rate, make_optimizer
from sayso.training.recipe import Recipe

JUDGE_BATCH = 512
GROUP = 32  # clips augmented together, from one seed: the same whatever the number of processes
CHECKPOINT_SECONDS = 60.0


def train(recipe: Recipe, folder: Path, out: Path) -> runs.Run:
    """Train a recipe on a folder of words, or go on where an interrupted run stands.

    Only the training split is trained on; the validation split says which epoch was best.

    Args:
        recipe: what to train.
        folder: a folder of words; the recipe's `extra` folders lie beside it.
        out: the run folder.

    Raises:
        DataError: the folder cannot be trained on.
        RunError: `out` holds another run, or cannot be written.

    """
    run = runs.Run.start(out, recipe)
    training, validation, words = load_splits(recipe, folder)
    run.describe_environment(
        {"training_clips": len(training), "validation_clips": len(validation), "words": len(words)}
    )
    noises = read_noises(folder / NOISE_FOLDER) if (folder / NOISE_FOLDER).is_dir() else None
    Trainer(run, training, validation, words, build(recipe.augment, noises)).fit()
    return run


def load_splits(recipe: Recipe, folder: Path) -> tuple[ClipSet, ClipSet, tuple[str, ...]]:
    """The clips to train on, the clips to validate on, and the words in label order."""
    clips = load_folder(folder, words=recipe.data.words or None)
    words = words_of(clips.clips)
    validation = clips.select([clip.split == "validation" for clip in clips.clips])
    training = clips if recipe.data.leak else clips.select([clip.split == "training" for clip in clips.clips])
    for name in recipe.data.extra:
        extra = load_folder(folder.parent / name)
        training = training.join(extra.select([clip.word in words for clip in extra.clips]))
    if len(training) < recipe.training.batch_size or not len(validation):
        raise DataError(
            f"{folder} gives {len(training)} training and {len(validation)} validation clips: too few for "
            f"batches of {recipe.training.batch_size}. Record more, or make `batch_size` smaller."
        )
    return training, validation, words


class Trainer:
    """One run under way."""

    def __init__(
        self,
        run: runs.Run,
        training: ClipSet,
        validation: ClipSet,
        words: tuple[str, ...],
        augment: Augmentation,
    ) -> None:
        self.run, self.training, self.validation, self.words, self.augment = (
            run,
            training,
            validation,
            words,
            augment,
        )
        self.recipe = run.recipe.training
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.labels = torch.from_numpy(training.labels(words))
        self.steps_per_epoch = len(training) // self.recipe.batch_size
        torch.manual_seed(run.recipe.seed)
        self.network = runs.build(run.recipe, len(words)).to(self.device)
        self.optimizer = make_optimizer(self.network, self.recipe)
        self.averaged = AveragedWeights(self.network, self.recipe.ema_decay)
        self.step = 0
        self.seconds = 0.0  # spent training, over all sessions
        self.best = -1.0  # accuracy on validation
        self.sums = [0.0, 0.0]  # loss and hits of the epoch so far, summed over its clips
        self._restore()

    def fit(self) -> None:
        """Train to the last epoch."""
        steps = self.recipe.epochs * self.steps_per_epoch
        if self.step >= steps:
            return
        progress = tqdm(
            total=steps,
            initial=self.step,
            unit="step",
            desc=self.run.recipe.name,
            disable=None,
            smoothing=0.05,
        )
        with progress, Curves(self.run.folder, self.step) as curves:
            started = saved = time.monotonic()
            while self.step < steps:
                self._train_step()
                self.step += 1
                progress.update()
                now = time.monotonic()
                if self.step % self.steps_per_epoch == 0:
                    self.seconds += now - started
                    line = self._end_epoch(curves)
                    progress.set_postfix(
                        validation=f"{line['validation_accuracy']:.3f}", loss=f"{line['loss']:.3f}"
                    )
                    started = saved = time.monotonic()
                elif now - saved > CHECKPOINT_SECONDS:
                    self.seconds += now - started
                    self._save("last")
                    started = saved = time.monotonic()

    def _train_step(self) -> None:
        self.network.train()
        torch.manual_seed(_seed(self.run.recipe.seed, self.step, 0))  # for dropout
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, self.step, self.steps_per_epoch)
        batch = self._batch()
        self.optimizer.zero_grad()
        bfloat16 = self.recipe.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            features = self.network.frontend(batch.waveforms)  # (B, C, F)
            generator = self._generator(self.step, -1)
            logits = self.network.head(self.network.body(self.augment.features(features, generator)))
            loss = torch.nn.functional.cross_entropy(
                logits, batch.targets, label_smoothing=self.recipe.label_smoothing
            )
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        if self.recipe.ema_decay:
            self.averaged.update(self.network, self.step)
        clips = len(batch.targets)
        self.sums[0] += float(loss) * clips
        self.sums[1] += float((logits.argmax(1) == batch.targets.argmax(1)).sum())

    def _batch(self) -> Batch:
        """The step's clips, augmented."""
        epoch, place = divmod(self.step, self.steps_per_epoch)
        order = np.random.default_rng([self.run.recipe.seed, epoch]).permutation(len(self.training))
        chosen = order[place * self.recipe.batch_size : (place + 1) * self.recipe.batch_size]
        waveforms = torch.from_numpy(self.training.waveforms(chosen)).to(self.device)
        targets = torch.nn.functional.one_hot(self.labels[chosen], len(self.words)).float().to(self.device)
        groups = [
            self.augment.waveforms(
                Batch(waveforms[start : start + GROUP], targets[start : start + GROUP]),
                self._generator(self.step, start // GROUP),
            )
            for start in range(0, len(chosen), GROUP)
        ]
        return Batch(
            torch.cat([group.waveforms for group in groups]), torch.cat([group.targets for group in groups])
        )

    def _generator(self, step: int, group: int) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(_seed(self.run.recipe.seed, step, group + 2))

    def _end_epoch(self, curves: Curves) -> dict[str, Any]:
        """Judge, write the epoch down and save."""
        epoch = self.step // self.steps_per_epoch
        labels = self.validation.labels(self.words)
        logits = self._score(self.validation)
        clips = self.steps_per_epoch * self.recipe.batch_size
        line = {
            "epoch": epoch,
            "loss": self.sums[0] / clips,
            "accuracy": self.sums[1] / clips,
            "validation_loss": metrics.negative_log_likelihood(metrics.softmax(logits), labels),
            "validation_accuracy": metrics.accuracy(logits, labels),
            "learning_rate": learning_rate(self.recipe, self.step - 1, self.steps_per_epoch),
            "seconds": self.seconds,
        }
        self.sums = [0.0, 0.0]
        self.run.log(line)
        curves.epoch(line, self.step)
        if line["validation_accuracy"] > self.best:
            self.best = line["validation_accuracy"]
            self._save("best")
        self._save("last")
        return line

    @torch.no_grad()
    def _score(self, clips: ClipSet) -> NDArray[np.float32]:
        """Logits `(clips, labels)` of the network that would be exported."""
        network = self._judged().eval()
        scores = []
        for start in range(0, len(clips), JUDGE_BATCH):
            waveforms = torch.from_numpy(clips.waveforms(slice(start, start + JUDGE_BATCH))).to(self.device)
            scores.append(network(waveforms)[0].float().cpu().numpy())
        return np.concatenate(scores)

    def _judged(self) -> torch.nn.Module:
        return self.averaged.network if self.recipe.ema_decay else self.network

    def _save(self, name: str) -> None:
        state = {
            "words": list(self.words),
            "judged": self._judged().state_dict(),
            "step": self.step,
            "best": self.best,
            "seconds": self.seconds,
            "sums": self.sums,
        }
        if name == "last":  # what only going on needs
            state["network"] = self.network.state_dict()
            state["optimizer"] = self.optimizer.state_dict()
        self.run.save(name, state)

    def _restore(self) -> None:
        state = self.run.load("last")
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.averaged.network.load_state_dict(state["judged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.best, self.seconds = state["step"], state["best"], state["seconds"]
        self.sums = list(state["sums"])


def _seed(seed: int, step: int, stream: int) -> int:
    """One seed for each (run, step, stream), far apart from its neighbours."""
    return int(np.random.SeedSequence([seed, step, stream]).generate_state(1, np.uint64)[0] >> 1)
