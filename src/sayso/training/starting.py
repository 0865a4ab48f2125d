"""Weights to start from: those of runs that were trained before."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from sayso.errors import RunError
from sayso.training.models import Network
from sayso.training.run import Run

_STIR = 0.05  # of the weights' deviation: copies of a channel must not stay copies


@torch.no_grad()
def copy_weights(runs: Sequence[Run], network: Network, words: Sequence[str]) -> None:
    """Start a network from a run's best weights, or several runs' blended, as far as they fit.

    The head is taken by its words. A network that is several times as wide as the run's has each of its
    channels so many times, and says what the narrow one said; a residual block that the run lacks adds
    nothing at first (T. Chen, I. Goodfellow and J. Shlens, "Net2Net", ICLR 2016, arXiv:1511.05641).

    Raises:
        RunError: a run has none, or none that fit, or see `blended`.

    """
    source, known = blended(runs)
    own, given = network.state_dict(), source.state_dict()
    head = _widened(source.head.weight, (len(known), network.head.in_features))
    fitting = {}
    for name in own:
        if name in given and not name.startswith("head.") and _like_groups(name, network, source):
            fitting[name] = _widened(given[name], own[name].shape)
    found = {name: weight for name, weight in fitting.items() if weight is not None}
    if any(2 * _count(whole, found) < _count(whole, whole) for whole in (own, given)):
        raise RunError(f"{runs[0].folder} is a run of another network: its weights do not fit this recipe's.")
    for name, weight in found.items():
        own[name].copy_(weight)
    for name, module in network.named_modules():
        if hasattr(module, "add_nothing") and not any(other.startswith(f"{name}.") for other in found):
            module.add_nothing()
    if head is not None:
        for label, word in enumerate(words):
            if word in known:
                network.head.weight[label] = head[known.index(word)]
                network.head.bias[label] = source.head.bias[known.index(word)]


@torch.no_grad()
def blended(runs: Sequence[Run]) -> tuple[Network, tuple[str, ...]]:
    """The mean of the best weights of runs that came from one another, and their words.

    It has much of what each was good at (M. Wortsman et al., "Model soups", ICML 2022, arXiv:2203.05482).

    Raises:
        RunError: a run has no weights, or is of another network or other words than the first.

    """
    found = [run.network() for run in runs]
    network, words = found[0]
    shapes = [{name: own.shape for name, own in each.state_dict().items()} for each, _ in found]
    for run, (_, known), shape in zip(runs, found, shapes, strict=True):
        if known != words or shape != shapes[0]:
            raise RunError(f"{run.folder} and {runs[0].folder} cannot be blended: they are unlike.")
    for name, own in network.state_dict().items():
        own.copy_(torch.stack([each.state_dict()[name].float() for each, _ in found]).mean(0))
    return network, words


def _count(weights: Mapping[str, Tensor], names: Iterable[str]) -> int:
    return sum(weights[name].numel() for name in names)


def _like_groups(name: str, network: nn.Module, source: nn.Module) -> bool:
    """Whether a weight's inputs are grouped alike in both: a channel's copies lie beside it."""
    module = name.rpartition(".")[0]
    groups = [getattr(each.get_submodule(module), "groups", 1) for each in (network, source)]
    return groups[0] == groups[1] or source.get_parameter(name).shape[1:2] == (1,)


def _widened(weight: Tensor, shape: Sequence[int]) -> Tensor | None:
    """A weight with each output several times, and its inputs shared out; None where that cannot be."""
    if weight.shape == torch.Size(shape):
        return weight
    if len(shape) != weight.dim() or any(new % old for new, old in zip(shape, weight.shape, strict=True)):
        return None
    times = [new // old for new, old in zip(shape, weight.shape, strict=True)]
    if max(times[2:], default=1) > 1:
        return None
    for dimension, count in enumerate(times):
        weight = weight.repeat_interleave(count, dimension)
    if weight.dim() == 1:
        return weight
    wide = weight / times[1]
    return wide + _STIR * wide.std() * torch.randn_like(wide)
