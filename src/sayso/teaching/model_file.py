"""A model file, opened to be taught: its card, its head and its memory, and the same graph with others.

A graph ends in rows, `embedding · Wᵀ + b`. Where each label has one row, these are the logits. Where
`_unknown_`, the last label, has several (one for each other word the model knows), they are merged by
their log-sum-exp, as a softmax would weigh them. Teaching replaces the rows, the card and the memory;
everything before stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sayso.card import METADATA_KEY, ModelCard
from sayso.errors import ModelError
from sayso.teaching import wire
from sayso.teaching.memory import MEMORY_KEY, Memory

Array = NDArray[np.float32]

# Numbers of the fields in onnx.proto.
_GRAPH, _METADATA = 7, 14  # of a model
_NODE, _INITIALIZER, _OUTPUT = 1, 5, 12  # of a graph
_INPUTS, _OUTPUTS, _OPERATOR, _ATTRIBUTE = 1, 2, 4, 5  # of a node
_DIMS, _DATA_TYPE, _NAME, _RAW = 1, 2, 8, 9  # of a tensor
_FLOAT32, _INT64 = 1, 7

_WEIGHT, _BIAS = "head.weight", "head.bias"  # in every file that is written here
_SIZES, _AXIS = "head.sizes", "head.axis"


@dataclass(frozen=True)
class Head:
    """The rows a graph ends in.

    Attributes:
        labels: `(R,)`, the label of each row, in the card's order; `_unknown_`, the last, may have several.
        weight: `(R, features)`.
        bias: `(R,)`.

    """

    labels: tuple[str, ...]
    weight: Array
    bias: Array

    def scores(self, embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rows' scores `(N, R)` of embeddings `(N, features)`."""
        result: NDArray[np.float64] = embeddings @ self.weight.T.astype(np.float64) + self.bias
        return result

    def take(self, chosen: Sequence[int]) -> "Head":
        """The rows of these indices."""
        rows = list(chosen)
        return Head(tuple(self.labels[row] for row in rows), self.weight[rows], self.bias[rows])


@dataclass(frozen=True)
class ModelFile:
    """What teaching reads in a model file and writes into it.

    Attributes:
        content: the file's bytes.
        card: what it says of itself.
        head: the rows its graph ends in.
        memory: embeddings of what it was trained on and of strangers; None where the file holds none.

    """

    content: bytes
    card: ModelCard
    head: Head
    memory: Memory | None

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Open a model file.

        Raises:
            ModelError: no model, no card, or a graph that does not end in rows.

        """
        metadata = {
            wire.text(field.content, 1): wire.first(field.content, 2)
            for field in wire.fields(content)
            if field.number == _METADATA
        }
        if METADATA_KEY not in metadata:
            raise ModelError("This file has no sayso card: make it with `sayso export`.")
        card = ModelCard.from_json(metadata[METADATA_KEY].decode(errors="replace"))
        graph = wire.first(content, _GRAPH)
        inputs = _rows_node(graph)[1]
        weight, bias = _tensor(graph, inputs[1]), _tensor(graph, inputs[2])
        merged = len(bias) - len(card.labels)
        if weight.ndim != 2 or bias.shape != weight.shape[:1] or merged < 0:
            raise ModelError("This model's head does not fit its card: export it again.")
        memory = Memory.from_json(metadata[MEMORY_KEY].decode()) if MEMORY_KEY in metadata else None
        head = Head(card.labels + card.labels[-1:] * merged, weight, bias)
        return cls(content, card, head, memory)

    def write(self, card: ModelCard, head: Head, memory: Memory | None) -> bytes:
        """The same graph with another card, head and memory."""
        texts = {METADATA_KEY: card.to_json()}
        if memory is not None:
            texts[MEMORY_KEY] = memory.to_json()
        parts = []
        for field in wire.fields(self.content):
            if field.number == _GRAPH:
                parts.append(wire.bytes_field(_GRAPH, _with_head(field.content, head, len(card.labels))))
            elif field.number != _METADATA or wire.text(field.content, 1) not in (METADATA_KEY, MEMORY_KEY):
                parts.append(field.raw)
        for key, value in texts.items():
            entry = wire.bytes_field(1, key.encode()) + wire.bytes_field(2, value.encode())
            parts.append(wire.bytes_field(_METADATA, entry))
        return b"".join(parts)


def _rows_node(graph: bytes) -> tuple[bytes, list[str]]:
    """The node that computes the rows, and the names of its inputs."""
    for field in wire.fields(graph):
        if field.number == _NODE and wire.text(field.content, _OPERATOR) == "Gemm":
            inputs = [part.content.decode() for part in wire.fields(field.content) if part.number == _INPUTS]
            if inputs[0] == "embedding" and len(inputs) == 3:
                return field.content, inputs
    raise ModelError("This model does not end in a linear head, and so cannot be taught: export it again.")


def _tensor(graph: bytes, name: str) -> Array:
    """A float32 initialiser of a graph."""
    for field in wire.fields(graph):
        if field.number != _INITIALIZER or wire.text(field.content, _NAME) != name:
            continue
        parts = list(wire.fields(field.content))
        shape: list[int] = []
        for part in parts:
            if part.number == _DIMS:  # either one by one, or packed into one field
                shape += wire.varints(part.content) if part.content else [part.value]
        kind = next((part.value for part in parts if part.number == _DATA_TYPE), 0)
        raw = wire.first(field.content, _RAW)
        if kind == _FLOAT32 and len(raw) == 4 * int(np.prod(shape)):
            return np.frombuffer(raw, "<f4").reshape(shape)
    raise ModelError("This model's head is not stored as float32 numbers: export it again.")


def _with_head(graph: bytes, head: Head, labels: int) -> bytes:
    """A graph that ends in other rows."""
    rows_node, inputs = _rows_node(graph)
    old = {*inputs[1:], _SIZES, _AXIS}
    parts, tensors = [], {_WEIGHT: head.weight, _BIAS: head.bias}
    for field in wire.fields(graph):
        if field.number == _NODE:
            outputs = {part.content for part in wire.fields(field.content) if part.number == _OUTPUTS}
            if field.content == rows_node or outputs & {b"logits", b"head.words", b"head.merged"}:
                continue
        elif field.number == _INITIALIZER and wire.text(field.content, _NAME) in old:
            continue
        elif field.number == _OUTPUT and wire.text(field.content, 1) == "logits":
            parts.append(wire.bytes_field(_OUTPUT, _encode_output(labels)))
            continue
        parts.append(field.raw)
    transposed = _attribute("transB", 1)
    rows, merged = ("embedding", _WEIGHT, _BIAS), len(head.labels) - labels + 1
    if merged == 1:
        nodes = [_encode_node("Gemm", rows, ("logits",), transposed)]
    else:
        nodes = [
            _encode_node("Gemm", rows, ("head.rows",), transposed),
            _encode_node(
                "Split", ("head.rows", _SIZES), ("head.words", "head.others"), _attribute("axis", 1)
            ),
            _encode_node("ReduceLogSumExp", ("head.others", _AXIS), ("head.merged",)),
            _encode_node("Concat", ("head.words", "head.merged"), ("logits",), _attribute("axis", 1)),
        ]
        tensors |= {_SIZES: np.array([labels - 1, merged]), _AXIS: np.array([1])}
    parts += [wire.bytes_field(_NODE, node) for node in nodes]
    parts += [wire.bytes_field(_INITIALIZER, _encode_tensor(*item)) for item in tensors.items()]
    return b"".join(parts)


def _encode_node(
    operator: str, inputs: Sequence[str], outputs: Sequence[str], attribute: bytes = b""
) -> bytes:
    named = b"".join(wire.bytes_field(_INPUTS, name.encode()) for name in inputs)
    named += b"".join(wire.bytes_field(_OUTPUTS, name.encode()) for name in outputs)
    return named + wire.bytes_field(_OPERATOR, operator.encode()) + attribute


def _attribute(name: str, value: int) -> bytes:
    """A node's attribute that is a whole number."""
    kind = wire.varint_field(20, 2)
    return wire.bytes_field(
        _ATTRIBUTE, wire.bytes_field(1, name.encode()) + wire.varint_field(3, value) + kind
    )


def _encode_tensor(name: str, tensor: NDArray[np.float32] | NDArray[np.int64]) -> bytes:
    kind, stored = (_INT64, "<i8") if tensor.dtype.kind == "i" else (_FLOAT32, "<f4")
    dims = b"".join(wire.varint_field(_DIMS, size) for size in tensor.shape)
    raw = np.ascontiguousarray(tensor, stored).tobytes()
    return (
        dims
        + wire.varint_field(_DATA_TYPE, kind)
        + wire.bytes_field(_NAME, name.encode())
        + wire.bytes_field(_RAW, raw)
    )


def _encode_output(labels: int) -> bytes:
    """The description of the output `logits`: float32 `(batch, labels)`."""
    batch = wire.bytes_field(1, wire.bytes_field(2, b"batch"))  # a dimension known by its name
    label = wire.bytes_field(1, wire.varint_field(1, labels))
    tensor = wire.varint_field(1, _FLOAT32) + wire.bytes_field(2, batch + label)
    return wire.bytes_field(1, b"logits") + wire.bytes_field(2, wire.bytes_field(1, tensor))
