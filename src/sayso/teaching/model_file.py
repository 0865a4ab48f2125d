"""A model file, opened to be taught: its card, its head and its memory, and the same graph with others.

A graph ends in rows, `features · Wᵀ + b`, where the features are the embedding or what a `Measure` makes of
it. Where each label has one row, these are the logits. Where `_unknown_`, the last label, has several (one
for each other word that is remembered), they are merged by their log-sum-exp, as a softmax would weigh them.
Teaching replaces the measure, the rows, the card and the memory; everything before stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sayso.card import METADATA_KEY, ModelCard
from sayso.errors import ModelError
from sayso.teaching import wire
from sayso.teaching.measure import Measure
from sayso.teaching.memory import MEMORY_KEY, Memory

Array = NDArray[np.floating[Any]]

# Numbers of the fields in onnx.proto.
_GRAPH, _METADATA = 7, 14  # of a model
_NODE, _INITIALIZER, _OUTPUT = 1, 5, 12  # of a graph
_INPUTS, _OUTPUTS, _OPERATOR, _ATTRIBUTE = 1, 2, 4, 5  # of a node
_DIMS, _DATA_TYPE, _NAME, _RAW = 1, 2, 8, 9  # of a tensor
_FLOAT32, _INT64 = 1, 7
_STORED = {_FLOAT32: "<f4", _INT64: "<i8"}

_WEIGHT, _BIAS = "head.weight", "head.bias"  # in every file that is written here
_SIZES, _AXIS = "head.sizes", "head.axis"
_CENTRE, _UNLIKE, _FEATURES = "head.centre", "head.unlike", "head.features"
_FIRST, _END = "head.first", "head.end"
_BEYOND = 2**31 - 1  # the end of any embedding


@dataclass(frozen=True)
class Head:
    """The rows a graph ends in.

    Attributes:
        labels: `(R,)`, the label of each row, in the card's order; `_unknown_`, the last, may have several.
        weight: `(R, F)`.
        bias: `(R,)`.
        measure: makes features of embeddings; None where these are the features.

    """

    labels: tuple[str, ...]
    weight: Array
    bias: Array
    measure: Measure | None = None

    @property
    def first_unread(self) -> int:
        """The first of the embedding's values that the model's own words do not read; 0 where they read all.

        They are those of the row that reads the fewest, for words that were taught beside them read all.
        """
        if self.measure is not None:
            return self.measure.first
        reads = self.weight != 0
        unread = int(reads[:, ::-1].argmax(axis=1).max())  # at the ends of rows
        size = int(self.weight.shape[1])
        return (size - unread) % size

    def features(self, embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the rows stand on, `(N, F)`, of embeddings `(N, E)`."""
        return embeddings if self.measure is None else self.measure.features(embeddings)

    def scores(self, embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rows' scores `(N, R)` of embeddings `(N, E)`."""
        result: NDArray[np.float64] = self.features(embeddings) @ self.weight.T.astype(np.float64) + self.bias
        return result

    def take(self, chosen: Sequence[int]) -> "Head":
        """The rows of these indices."""
        rows = list(chosen)
        labels = tuple(self.labels[row] for row in rows)
        return replace(self, labels=labels, weight=self.weight[rows], bias=self.bias[rows])

    def scaled(self, factor: float) -> "Head":
        """Rows whose scores are so many times larger."""
        return replace(self, weight=self.weight * factor, bias=self.bias * factor)

    def joined(self, other: "Head") -> "Head":
        """These rows, then others on the same features."""
        weight = np.concatenate([self.weight, other.weight])
        bias = np.concatenate([self.bias, other.bias])
        return replace(self, labels=self.labels + other.labels, weight=weight, bias=bias)


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
        measure = None
        if inputs[0] == _FEATURES:
            centre, unlike = _tensor(graph, _CENTRE), _tensor(graph, _UNLIKE)
            first = int(_tensor(graph, _FIRST)[0]) if _holds(graph, _FIRST) else 0  # in older files
            measure = Measure(centre, unlike, first=first)
        merged = len(bias) - len(card.labels)
        if weight.ndim != 2 or bias.shape != weight.shape[:1] or merged < 0:
            raise ModelError("This model's head does not fit its card: export it again.")
        memory = Memory.from_json(metadata[MEMORY_KEY].decode()) if MEMORY_KEY in metadata else None
        head = Head(card.labels + card.labels[-1:] * merged, weight, bias, measure)
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
            if inputs[0] in ("embedding", _FEATURES) and len(inputs) == 3:
                return field.content, inputs
    raise ModelError("This model does not end in a linear head, and so cannot be taught: export it again.")


def _holds(graph: bytes, name: str) -> bool:
    """Whether a graph has an initialiser of that name."""
    return any(
        field.number == _INITIALIZER and wire.text(field.content, _NAME) == name
        for field in wire.fields(graph)
    )


def _tensor(graph: bytes, name: str) -> NDArray[Any]:
    """An initialiser of a graph: float32, or int64 where we wrote it."""
    for field in wire.fields(graph):
        if field.number != _INITIALIZER or wire.text(field.content, _NAME) != name:
            continue
        parts = list(wire.fields(field.content))
        shape: list[int] = []
        for part in parts:
            if part.number == _DIMS:  # either one by one, or packed into one field
                shape += wire.varints(part.content) if part.content else [part.value]
        kind = next((part.value for part in parts if part.number == _DATA_TYPE), 0)
        raw, stored = wire.first(field.content, _RAW), _STORED.get(kind)
        if stored and len(raw) == np.dtype(stored).itemsize * int(np.prod(shape)):
            return np.frombuffer(raw, stored).reshape(shape)
    raise ModelError("This model's head is not stored as float32 numbers: export it again.")


def _with_head(graph: bytes, head: Head, labels: int) -> bytes:
    """A graph that ends in other rows."""
    rows_node, inputs = _rows_node(graph)
    parts = []
    for field in wire.fields(graph):
        if field.number == _NODE:
            outputs = {part.content for part in wire.fields(field.content) if part.number == _OUTPUTS}
            ours = any(name == b"logits" or name.startswith(b"head.") for name in outputs)
            if field.content == rows_node or ours:
                continue
        elif field.number == _INITIALIZER:
            name = wire.text(field.content, _NAME)
            if name in inputs or name.startswith("head."):
                continue
        elif field.number == _OUTPUT and wire.text(field.content, 1) == "logits":
            parts.append(wire.bytes_field(_OUTPUT, _encode_output(labels)))
            continue
        parts.append(field.raw)
    nodes, tensors = _head_nodes(head, labels)
    parts += [wire.bytes_field(_NODE, node) for node in nodes]
    parts += [wire.bytes_field(_INITIALIZER, _encode_tensor(*item)) for item in tensors.items()]
    return b"".join(parts)


def _head_nodes(head: Head, labels: int) -> tuple[list[bytes], dict[str, NDArray[Any]]]:
    """The nodes from `embedding` to `logits`, and their initialisers."""
    nodes: list[bytes] = []
    tensors: dict[str, NDArray[Any]] = {_WEIGHT: head.weight, _BIAS: head.bias}
    across, merged = _attribute("axis", 1), len(head.labels) - labels + 1
    if head.measure is not None:
        nodes = [
            _encode_node("Slice", ("embedding", _FIRST, _END, _AXIS), ("head.part",)),
            _encode_node("Sign", ("head.part",), ("head.sign",)),
            _encode_node("Abs", ("head.part",), ("head.size",)),
            _encode_node("Sqrt", ("head.size",), ("head.root",)),
            _encode_node("Mul", ("head.sign", "head.root"), ("head.roots",)),
            _encode_node("Sub", ("head.roots", _CENTRE), ("head.centred",)),
            _encode_node("MatMul", ("head.centred", _UNLIKE), ("head.turned",)),
            _encode_node("Mul", ("head.turned", "head.centred"), ("head.products",)),
            _encode_node("ReduceSum", ("head.products", _AXIS), ("head.sum",)),
            _encode_node("Concat", ("head.centred", "head.sum"), (_FEATURES,), across),
        ]
        tensors |= {_CENTRE: head.measure.centre, _UNLIKE: head.measure.unlike, _AXIS: np.array([1])}
        tensors |= {_FIRST: np.array([head.measure.first]), _END: np.array([_BEYOND])}
    rows = ("embedding" if head.measure is None else _FEATURES, _WEIGHT, _BIAS)
    transposed = _attribute("transB", 1)
    if merged == 1:
        return [*nodes, _encode_node("Gemm", rows, ("logits",), transposed)], tensors
    nodes += [
        _encode_node("Gemm", rows, ("head.rows",), transposed),
        _encode_node("Split", ("head.rows", _SIZES), ("head.words", "head.others"), across),
        _encode_node("ReduceLogSumExp", ("head.others", _AXIS), ("head.merged",)),
        _encode_node("Concat", ("head.words", "head.merged"), ("logits",), across),
    ]
    return nodes, tensors | {_SIZES: np.array([labels - 1, merged]), _AXIS: np.array([1])}


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


def _encode_tensor(name: str, tensor: NDArray[Any]) -> bytes:
    kind = _INT64 if tensor.dtype.kind == "i" else _FLOAT32
    dims = b"".join(wire.varint_field(_DIMS, size) for size in tensor.shape)
    raw = np.ascontiguousarray(tensor, _STORED[kind]).tobytes()
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
