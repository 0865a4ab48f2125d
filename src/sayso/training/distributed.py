"""Several processes that train one network, started by `torchrun`.

Each process takes its share of every batch. Gradients are averaged, and so are the batch statistics of the
normalisations, also on CPUs, so that the weights are those one process would have found. (Only dropout
differs: each process draws its own masks.)
"""

import os
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

Result = TypeVar("Result")


class Team:
    """The processes of one training; alone, it does nothing at no cost."""

    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.device = torch.device("cpu")
        if torch.cuda.is_available():
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(self.device)
        if self.size > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")

    @property
    def leads(self) -> bool:
        """Whether this process judges, writes and speaks for all."""
        return self.rank == 0

    def leader_first(self, work: Callable[[], Result]) -> Result:
        """Do some work in the leader, then in the others, which find its results on the disk."""
        if not self.leads:
            self.wait()
        result = work()
        if self.leads:
            self.wait()
        return result

    def wait(self) -> None:
        """Wait for all."""
        if self.size > 1:
            dist.barrier()

    def total(self, values: list[float]) -> list[float]:
        """Sums over all processes."""
        if self.size == 1:
            return values
        sums = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(sums)
        return [float(value) for value in sums]

    def average_gradients(self, network: nn.Module) -> None:
        """Give every process the mean gradient."""
        if self.size == 1:
            return
        gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        for gradient, mean in zip(gradients, flat.split([one.numel() for one in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def share_statistics(self, network: nn.Module) -> None:
        """Make the network's batch normalisations use the statistics of all processes' clips."""
        if self.size == 1:
            return
        for parent in list(network.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                    setattr(parent, name, SharedBatchNorm.of(child))


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the clips of all processes (torch's own works on GPUs alone)."""

    @classmethod
    def of(cls, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> "SharedBatchNorm":
        """The same normalisation, with its weights and statistics."""
        shared = cls(norm.num_features, norm.eps, norm.momentum, norm.affine)
        shared.load_state_dict(norm.state_dict())
        return shared

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 (torch's name)
        """Any number of dimensions after the channels."""

    def forward(self, features: Tensor) -> Tensor:
        """`(B, C, …)`, normalised over all but C."""
        if not self.training:
            return super().forward(features)
        others = [axis for axis in range(features.dim()) if axis != 1]
        count = features.numel() / features.shape[1] * dist.get_world_size()
        mean = all_reduce(features.sum(others)) / count  # (C,)
        shape = [1, -1, *[1] * (features.dim() - 2)]
        centred = features - mean.view(shape)
        variance = all_reduce(centred.square().sum(others)) / count  # (C,)
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale = torch.rsqrt(variance + self.eps) * (self.weight if self.affine else 1)
        shifted = centred * scale.view(shape)
        result: Tensor = shifted + self.bias.view(shape) if self.affine else shifted
        return result

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        momentum = self.momentum or 0.0
        for kept, new in ((self.running_mean, mean), (self.running_var, variance)):
            if kept is not None:
                kept.lerp_(new, momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
