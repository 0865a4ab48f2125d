"""Weights of eight bits: a model file of about a third of the size.

Only the weights of the network's body are rounded, each output channel by a scale of its own; the graph turns
them back into floats before it uses them. So the front end stays exact, and the file scores alike in every
runtime; with activations rounded too, two runtimes may fall on different sides of a rounding step.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from sayso.errors import RunError

MAX_LOSS = 0.003  # of accuracy on validation, for a tenth of a megabyte is not worth more

_BODY = "body."
_LEAST_WEIGHTS = 1_000  # smaller arrays gain nothing


def with_int8_weights(content: bytes) -> bytes:
    """The same model with the body's weights as int8.

    Raises:
        RunError: there are none that are worth it.

    """
    model = onnx.load_from_string(content)
    kept, restored = [], []
    for initializer in model.graph.initializer:
        weights = numpy_helper.to_array(initializer)
        name = initializer.name
        if not (name.startswith(_BODY) and weights.ndim >= 2 and weights.size >= _LEAST_WEIGHTS):
            kept.append(initializer)
            continue
        largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
        scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)  # (channels,)
        rounded = np.rint(weights / scale.reshape(-1, *[1] * (weights.ndim - 1))).astype(np.int8)
        kept.append(numpy_helper.from_array(rounded, f"{name}.int8"))
        kept.append(numpy_helper.from_array(scale, f"{name}.scale"))
        inputs = [f"{name}.int8", f"{name}.scale"]
        restored.append(helper.make_node("DequantizeLinear", inputs, [name], axis=0))
    if not restored:
        raise RunError("The network has no weights that eight bits would make smaller: export it as it is.")
    nodes = list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(restored + nodes)
    onnx.checker.check_model(model)
    result: bytes = model.SerializeToString()
    return result
