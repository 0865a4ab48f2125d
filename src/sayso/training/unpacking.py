"""A model file becomes a run again, so that its training can go on with other words."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from sayso.errors import RunError
from sayso.recognizer import Recognizer
from sayso.training.atomic import write_atomically
from sayso.training.cache import ClipSet
from sayso.training.model_file import recipe_of
from sayso.training.models import Network
from sayso.training.run import Run, build

TOLERANCE = 1e-3  # greatest difference between a score of the file and of what was unpacked
_CLIPS = 128  # that say how the network's inner values are spread


def unpack(content: bytes, clips: ClipSet, folder: Path) -> Run:
    """Make a run of a model file; one that is there already is opened.

    Args:
        content: the model file, as `export` writes it.
        clips: of the words to go on with.
        folder: the run folder.

    Raises:
        RunError: the file says nothing of how it was trained, or its weights cannot be read out of its graph.

    """
    if (folder / "best.pt").is_file():
        return Run.open(folder)
    recognizer, recipe = Recognizer(content), recipe_of(content)
    card = recognizer.card
    if recipe is None:
        raise RunError(
            f"The model {card.name} does not say how it was trained: name a run folder, or a file that "
            "`sayso export` of this version has written."
        )
    run = Run.start(folder, recipe)
    network = build(recipe, len(card.labels))
    chosen = np.random.default_rng(0).permutation(len(clips))[:_CLIPS]
    waveforms = clips.waveforms(np.sort(chosen))
    _load(network, _weights(content), waveforms)
    with torch.no_grad():
        scores = network.eval()(torch.from_numpy(waveforms))[0].numpy()
    difference = float(np.abs(scores - recognizer.score(waveforms)).max())
    if not difference <= TOLERANCE:
        raise RunError(
            f"The weights of {card.name} cannot be read out of its graph: name the run folder it is from."
        )
    figure = {"epoch": 0, "validation_accuracy": 0.0, "seconds": card.training_minutes * 60}
    write_atomically(folder / "metrics.jsonl", f"{json.dumps(figure)}\n".encode())
    run.save("best", {"words": list(card.labels), "judged": network.state_dict()})
    return run


def _weights(content: bytes) -> dict[str, NDArray[np.float32]]:
    """The initialisers of a graph by name, those of eight bits as what they stand for."""
    stored = onnx.load_from_string(content).graph.initializer
    found = {each.name: numpy_helper.to_array(each) for each in stored}
    for name in [name for name in found if name.endswith(".int8")]:
        values, scale = found[name], found[f"{name.removesuffix('.int8')}.scale"]
        shape = (-1, *[1] * (values.ndim - 1))
        found[name.removesuffix(".int8")] = values.astype(np.float32) * scale.reshape(shape)
    return found


@torch.no_grad()
def _load(network: Network, weights: dict[str, NDArray[np.float32]], waveforms: NDArray[np.float32]) -> None:
    """Fill a network with the weights of a graph.

    The exporter merges each normalisation of batches into the convolution before it. It is given the mean and
    the variance that it meets in some waveforms, and undoes both: in sum it changes nothing, and training,
    which normalises by each batch, starts from nearly the same values.
    """
    for name, own in network.state_dict().items():
        given = weights.get(name, np.empty(0, np.float32))
        if name == "head.weight":
            given = given[:, : own.shape[1]]  # beyond, the file has zeros, or what was taught
        if own.shape == given.shape:
            own.copy_(torch.from_numpy(given.copy()))
    for convolution, normalisation in _merged(network, weights):
        bias = weights.get(f"{convolution}.weight_bias")  # where the convolution had none to begin with
        if bias is not None:
            normalisation.bias.copy_(torch.from_numpy(bias.copy()))
        _measure(network, normalisation, waveforms)


def _merged(
    network: Network, weights: Mapping[str, NDArray[np.float32]]
) -> Iterator[tuple[str, nn.modules.batchnorm._BatchNorm]]:
    """The normalisations that the graph lacks, each with the name of the convolution right before it."""
    before = ""
    for name, module in network.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and f"{name}.running_mean" not in weights:
            yield before, module
        before = name


def _measure(
    network: Network, normalisation: nn.modules.batchnorm._BatchNorm, waveforms: NDArray[np.float32]
) -> None:
    """Set a normalisation to what it meets, and its weights so that it passes all on, moved by its bias."""
    met: list[Tensor] = []
    hook = normalisation.register_forward_pre_hook(lambda _, inputs: met.append(inputs[0]))
    network.eval()(torch.from_numpy(waveforms))
    hook.remove()
    values = met[0].transpose(0, 1).flatten(1)  # (C, everything else)
    assert normalisation.running_mean is not None
    assert normalisation.running_var is not None
    normalisation.running_mean.copy_(values.mean(dim=1))
    normalisation.running_var.copy_(values.var(dim=1))
    normalisation.weight.copy_((normalisation.running_var + normalisation.eps).sqrt())
    normalisation.bias.add_(normalisation.running_mean)
