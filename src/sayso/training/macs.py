"""How much a network multiplies, counted while it runs rather than taken from a paper."""

import warnings
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from sayso.training.models import Network


def count_macs(network: Network, samples: int) -> tuple[int, int]:
    """Multiplications with an addition that one window costs.

    The first figure is of the exported graph, front end included: its Fourier transform is a product of
    matrices there. The second is what papers count, the network behind the features. Both leave out what is
    done number by number: normalisation, activations, logarithms.

    Args:
        network: any network, in judging mode.
        samples: length of a window.

    Returns:
        MACs of the whole graph, and of body and head.

    """
    waveform = torch.zeros(1, samples)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of recurrent layers, the exporter warns about torch's own ways
        graph = torch.export.export(network, (waveform,)).module()
        features = network.frontend(waveform)
        return _count(graph, waveform), _count(network.answer, features)


def _count(module: Callable[[torch.Tensor], object], given: torch.Tensor) -> int:
    # Without mkldnn an LSTM is a loop of products, which are counted; as one call it would count nothing.
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        module(given)
    return int(counter.get_total_flops()) // 2
