"""A BERT sentence encoder as an ONNX graph, put together from its weights; neither torch nor an export is needed.

The graph holds no numbers: they are handed to the session beside it, or stand in a file that the session maps into
memory (``tools/embeddings/exported.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = Mapping[str, NDArray[Any]]

_OPSET = 20  # the first with Gelu
_IR_VERSION = 10  # what readers of that opset understand
_MASKED = -1e9  # added to the attention of padding, which leaves it none
_PAGE = 4096  # bytes; what is mapped into memory begins at a multiple

FORMAT = 1
"""Version of what ``build`` makes; another one means that exported graphs are made anew."""

NUMBERS = "numbers.bin"
"""Name of the file in which a graph looks for its numbers, unless its session is handed them."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a BERT model, as in its config.json."""

    hidden: int
    heads: int
    layers: int
    layer_norm_epsilon: float


def build(weights: Weights, shape: Shape) -> tuple[bytes, dict[str, NDArray[np.float32]]]:
    """The encoder with mean pooling and unit length at its end.

    Inputs of the graph: ``input_ids`` and ``attention_mask``, int64, batch x length. Output: ``vectors``, float32,
    batch x hidden.

    Returns:
        The serialised graph, and the numbers that its session needs as external initialisers; a file of them
        (``layout``) serves as well.

    Raises:
        KeyError: a tensor is missing.
    """
    builder = _Builder(weights, shape)
    builder.embed()
    for layer in range(shape.layers):
        builder.attend(f"encoder.layer.{layer}.attention.")
        builder.feed_forward(f"encoder.layer.{layer}.")
    builder.pool()
    return builder.serialise(), builder.numbers


def layout(numbers: Mapping[str, NDArray[Any]]) -> dict[str, tuple[int, int]]:
    """Where each of the numbers stands in the file ``NUMBERS``: first byte and length."""
    places = {}
    end = 0
    for name, values in numbers.items():
        start = -(-end // _PAGE) * _PAGE
        end = start + values.nbytes
        places[name] = start, values.nbytes
    return places


@dataclass(slots=True)
class _Builder:
    weights: Weights
    shape: Shape
    nodes: list[Any] = field(default_factory=list)
    numbers: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    constants: list[Any] = field(default_factory=list)
    state: str = ""  # the name of the hidden states so far, batch x length x hidden

    def node(self, operator: str, inputs: Sequence[str], *, name: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def number(self, name: str, values: NDArray[Any]) -> str:
        self.numbers[name] = np.ascontiguousarray(values, np.float32)
        return name

    def constant(self, values: int | float | Sequence[int]) -> str:
        from onnx import numpy_helper

        kind = np.float32 if isinstance(values, float) else np.int64
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def embed(self) -> None:
        word = self.number("words", self.weights["embeddings.word_embeddings.weight"])
        # There is one sentence only, so its token type is a part of the position.
        positions = self.weights["embeddings.position_embeddings.weight"]
        position = self.number("positions", positions + self.weights["embeddings.token_type_embeddings.weight"][0])
        length = self.node("Shape", ["input_ids"], start=1, end=2)
        position = self.node("Slice", [position, self.constant([0]), length])
        self.state = self.node("Add", [self.node("Gather", [word, "input_ids"]), position])
        self.normalise("embeddings.LayerNorm")
        self.node("Cast", ["attention_mask"], name="mask", to=1)  # 1 is float32
        missing = self.node("Sub", [self.constant(1.0), "mask"])
        bias = self.node("Mul", [missing, self.constant(_MASKED)])
        self.node("Unsqueeze", [bias, self.constant([1, 2])], name="attention_bias")

    def linear(self, state: str, name: str, scale: float = 1.0) -> str:
        weight = self.number(f"{name}.weight", self.weights[f"{name}.weight"].T * np.float32(scale))
        bias = self.number(f"{name}.bias", self.weights[f"{name}.bias"] * np.float32(scale))
        return self.node("Add", [self.node("MatMul", [state, weight]), bias])

    def normalise(self, name: str) -> None:
        scale = self.number(f"{name}.weight", self.weights[f"{name}.weight"])
        bias = self.number(f"{name}.bias", self.weights[f"{name}.bias"])
        epsilon = self.shape.layer_norm_epsilon
        self.state = self.node("LayerNormalization", [self.state, scale, bias], axis=-1, epsilon=epsilon)

    def heads(self, state: str, order: Sequence[int]) -> str:
        width = self.shape.hidden // self.shape.heads
        parts = self.node("Reshape", [state, self.constant([0, 0, self.shape.heads, width])])
        return self.node("Transpose", [parts], perm=list(order))

    def attend(self, prefix: str) -> None:
        scale = (self.shape.hidden // self.shape.heads) ** -0.5
        query = self.heads(self.linear(self.state, f"{prefix}self.query", scale), (0, 2, 1, 3))
        key = self.heads(self.linear(self.state, f"{prefix}self.key"), (0, 2, 3, 1))
        value = self.heads(self.linear(self.state, f"{prefix}self.value"), (0, 2, 1, 3))
        scores = self.node("Add", [self.node("MatMul", [query, key]), "attention_bias"])
        mixed = self.node("MatMul", [self.node("Softmax", [scores], axis=-1), value])
        joined = self.node("Transpose", [mixed], perm=[0, 2, 1, 3])
        joined = self.node("Reshape", [joined, self.constant([0, 0, self.shape.hidden])])
        self.state = self.node("Add", [self.linear(joined, f"{prefix}output.dense"), self.state])
        self.normalise(f"{prefix}output.LayerNorm")

    def feed_forward(self, prefix: str) -> None:
        inner = self.node("Gelu", [self.linear(self.state, f"{prefix}intermediate.dense")])
        self.state = self.node("Add", [self.linear(inner, f"{prefix}output.dense"), self.state])
        self.normalise(f"{prefix}output.LayerNorm")

    def pool(self) -> None:
        mask = self.node("Unsqueeze", ["mask", self.constant([2])])
        total = self.node("ReduceSum", [self.node("Mul", [self.state, mask]), self.constant([1])], keepdims=0)
        count = self.node("ReduceSum", [mask, self.constant([1])], keepdims=0)
        mean = self.node("Div", [total, count])
        length = self.node("ReduceL2", [mean, self.constant([1])], keepdims=1)
        self.node("Div", [mean, self.node("Max", [length, self.constant(1e-12)])], name="vectors")

    def serialise(self) -> bytes:
        from onnx import TensorProto, helper

        size = ["batch", "length"]
        inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, size) for n in ("input_ids", "attention_mask")]
        output = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", self.shape.hidden])
        external = []
        for name, (start, length) in layout(self.numbers).items():
            tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=self.numbers[name].shape)
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", NUMBERS), ("offset", str(start)), ("length", str(length))):
                tensor.external_data.add(key=key, value=value)
            external.append(tensor)
        graph = helper.make_graph(self.nodes, "sentence_encoder", inputs, [output], [*external, *self.constants])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        return bytes(model.SerializeToString())
