"""The training loop.

Everything random is drawn from the seed and the step, and everything else a run needs is in its checkpoint,
so a run that was killed goes on to the very weights it would have reached.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from tqdm import tqdm

from sayso.evaluation import metrics
from sayso.training.augment import Augmentation
from sayso.training.batches import Batches, seed_of
from sayso.training.cache import ClipSet
from sayso.training.curves import Curves
from sayso.training.distillation import Teachers
from sayso.training.distributed import Team
from sayso.training.optimization import AveragedWeights, learning_rate, make_optimizer
from sayso.training.run import Run, build
from sayso.training.starting import copy_weights

JUDGE_BATCH = 512
CHECKPOINT_SECONDS = 60.0


class Trainer:
    """One run under way.

    Raises:
        RecipeError: see `Batches`.

    """

    def __init__(
        self,
        run: Run,
        training: ClipSet,
        validation: ClipSet,
        words: tuple[str, ...],
        augment: Augmentation,
        team: Team,
    ) -> None:
        self.run, self.recipe, self.seed = run, run.recipe.training, run.recipe.seed
        self.validation, self.words, self.team, self.device = validation, words, team, team.device
        self.batches = Batches(training, words, augment, self.recipe.batch_size, self.seed, team)
        self.steps_per_epoch = self.batches.an_epoch
        self.steps = self.recipe.epochs * self.steps_per_epoch
        torch.manual_seed(self.seed)
        self.network = build(run.recipe, len(words)).to(self.device)
        if self.recipe.start:
            runs = [Run.open(Path(folder)) for folder in (self.recipe.start, *self.recipe.blend)]
            copy_weights(runs, self.network, words)
        self.averaged = AveragedWeights(self.network, self.recipe.ema_decay)
        team.share_statistics(self.network)
        self.optimizer = make_optimizer(self.network, self.recipe)
        self.teachers = Teachers(run.recipe, words, self.device)
        self.step = 0
        self.seconds = 0.0  # spent training, over all sessions
        self.best = -1.0  # accuracy on validation
        self.sums = [0.0, 0.0]  # loss and hits of the epoch so far, summed over this process's clips
        self._restore()

    def fit(self) -> None:
        """Train to the last epoch."""
        if self.step >= self.steps:
            return
        name, hidden = self.run.recipe.name, None if self.team.leads else True
        with (
            tqdm(None, name, self.steps, initial=self.step, unit="step", disable=hidden) as progress,
            Curves(self.run.folder if self.team.leads else None, self.step) as curves,
        ):
            started = time.monotonic()
            while self.step < self.steps:
                self._train_step()
                self.step += 1
                progress.update()
                spent = time.monotonic() - started
                ends = self.step % self.steps_per_epoch == 0
                if ends or (spent > CHECKPOINT_SECONDS and self.team.size == 1):
                    self.seconds += spent
                    if ends:
                        progress.set_postfix(self._end_epoch(curves))
                    else:
                        self._save("last")
                    started = time.monotonic()

    def _train_step(self) -> None:
        self.network.train()
        torch.manual_seed(seed_of(self.seed, self.step, 0))  # for dropout
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = learning_rate(self.recipe, self.step, self.steps_per_epoch)
        batch = self.batches.take(self.step)
        self.optimizer.zero_grad()
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16", cache_enabled=False
        ):
            features = self.network.frontend(batch.waveforms)  # (B, C, F)
            logits, _ = self.network.answer(self.batches.mask(features, self.step))
        logits = logits.float()
        loss = functional.cross_entropy(logits, batch.targets, label_smoothing=self.recipe.label_smoothing)
        loss = self.teachers.loss(loss, logits, batch.waveforms, features.detach())
        loss.backward()
        self.team.average_gradients(self.network)
        self.optimizer.step()
        if self.recipe.ema_decay:
            self.averaged.update(self.network, self.step)
        self.sums[0] += float(loss.detach()) * len(logits)
        self.sums[1] += float((logits.argmax(1) == batch.targets.argmax(1)).sum())

    def _end_epoch(self, curves: Curves) -> dict[str, str]:
        """Judge, write the epoch down and save; say the two figures that matter."""
        clips = self.steps_per_epoch * self.recipe.batch_size
        loss, hits = self.team.total(self.sums)
        self.sums = [0.0, 0.0]
        if not self.team.leads:
            return {}
        labels = self.validation.labels(self.words)
        logits = self._score(self.validation)
        line: dict[str, Any] = {
            "epoch": self.step // self.steps_per_epoch,
            "loss": loss / clips,
            "accuracy": hits / clips,
            "validation_loss": metrics.negative_log_likelihood(metrics.softmax(logits), labels),
            "validation_accuracy": metrics.accuracy(logits, labels),
            "learning_rate": learning_rate(self.recipe, self.step - 1, self.steps_per_epoch),
            "seconds": self.seconds,
        }
        self.run.log(line)
        curves.epoch(line, self.step)
        if self.step == self.steps:
            curves.mistakes(logits, self.validation, self.words, self.step)
        if line["validation_accuracy"] > self.best or self.recipe.keep == "last":
            self.best = line["validation_accuracy"]
            self._save("best")
        self._save("last")
        return {"validation": f"{line['validation_accuracy']:.3f}", "loss": f"{line['loss']:.3f}"}

    @torch.no_grad()
    def _score(self, clips: ClipSet) -> NDArray[np.float32]:
        """Logits `(clips, labels)` of the network that would be exported."""
        network = self._judged().eval()
        scores = []
        for start in range(0, len(clips), JUDGE_BATCH):
            waveforms = torch.from_numpy(clips.waveforms(slice(start, start + JUDGE_BATCH))).to(self.device)
            scores.append(network(waveforms)[0].cpu().numpy())
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
