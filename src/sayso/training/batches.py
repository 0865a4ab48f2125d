"""The batches of a run: any step's clips, augmented, from the seed and the step alone."""

import os
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sayso.errors import RecipeError
from sayso.training.augment import Augmentation, Batch
from sayso.training.cache import ClipSet
from sayso.training.distributed import Team

GROUP = 32  # clips augmented together, from one seed: the same whatever the number of processes


class Batches:
    """Every step's clips, of which this process gets its share.

    Args:
        clips: what to train on.
        words: in label order.
        augment: what happens to the clips.
        size: of a batch, over all processes.
        seed: of the run.
        team: the processes that share the work.

    Raises:
        RecipeError: batches that cannot be shared among the processes.

    """

    def __init__(
        self, clips: ClipSet, words: tuple[str, ...], augment: Augmentation, size: int, seed: int, team: Team
    ) -> None:
        if team.size > 1 and size % (GROUP * team.size):
            raise RecipeError(
                f"On {team.size} processes, `batch_size` must be a multiple of {GROUP * team.size}."
            )
        self.clips, self.augment, self.size, self.seed, self.team = clips, augment, size, seed, team
        self.labels, self.classes = torch.from_numpy(clips.labels(words)), len(words)
        self.an_epoch = len(clips) // size
        self.groups = list(range(team.rank, -(-size // GROUP), team.size))  # of each batch, this process's
        self.order, self.order_epoch = np.arange(len(clips)), -1  # the clips as that epoch takes them
        # On a core that nothing else uses, the next batch is made ready while the network learns from one.
        has_core = (os.cpu_count() or 1) > torch.get_num_threads() * team.size
        self.maker = ThreadPoolExecutor(1) if has_core and team.device.type == "cpu" else None
        self.coming: tuple[int, Future[Batch]] | None = None

    def take(self, step: int) -> Batch:
        """The batch of a step; that of the next one is begun."""
        if self.maker is None:
            return self.make(step)
        if self.coming is None or self.coming[0] != step:
            self.coming = step, self.maker.submit(self.make, step)
        ready = self.coming[1].result()
        self.coming = step + 1, self.maker.submit(self.make, step + 1)
        return ready

    def make(self, step: int) -> Batch:
        """The clips of a step, augmented group by group."""
        epoch, place = divmod(step, self.an_epoch)
        if epoch != self.order_epoch:
            self.order = np.random.default_rng([self.seed, epoch]).permutation(len(self.clips))
            self.order_epoch = epoch
        step_clips = self.order[place * self.size : (place + 1) * self.size]
        batches = []
        for group in self.groups:
            chosen = step_clips[group * GROUP : (group + 1) * GROUP]
            waveforms = torch.from_numpy(self.clips.waveforms(chosen)).to(self.team.device)
            targets = functional.one_hot(self.labels[chosen], self.classes).float().to(self.team.device)
            batches.append(self.augment.waveforms(Batch(waveforms, targets), self._generator(step, group, 1)))
        return Batch(
            torch.cat([batch.waveforms for batch in batches]), torch.cat([batch.targets for batch in batches])
        )

    def mask(self, features: Tensor, step: int) -> Tensor:
        """Features `(B, C, F)` of the step's batch, augmented group by group."""
        return torch.cat(
            [
                self.augment.features(part, self._generator(step, group, 2))
                for part, group in zip(features.split(GROUP), self.groups, strict=True)
            ]
        )

    def _generator(self, step: int, group: int, purpose: int) -> torch.Generator:
        generator = torch.Generator(self.team.device)
        return generator.manual_seed(seed_of(self.seed, step, 3 * group + purpose))


def seed_of(seed: int, step: int, stream: int) -> int:
    """One seed for each (run, step, stream), far apart from its neighbours."""
    return int(np.random.SeedSequence([seed, step, stream]).generate_state(1, np.uint64)[0] >> 1)
