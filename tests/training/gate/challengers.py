"""Challengers made of the shipped encoder by editing its file, honest ones and sabotaged ones."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.models import SHIPPED

WEIGHT, BIAS = "encoder.project.weight.half", "encoder.project.bias.half"
Edit = Callable[[onnx.ModelProto], None]


def model(store: Path, name: str, *edits: Edit, **card: Any) -> Path:
    """The shipped encoder under another name, changed as said; its card names the new file."""
    graph = onnx.load(str(SHIPPED / ONNX_NAME))
    for edit in edits:
        edit(graph)
    data = graph.SerializeToString()
    folder = store / name
    folder.mkdir(parents=True)
    (folder / ONNX_NAME).write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    told = replace(ModelCard.read(SHIPPED), model=name, sha256=sha256, **card)
    (folder / CARD_NAME).write_text(told.to_json())
    return folder


def weights(graph: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    return {one.name: numpy_helper.to_array(one) for one in graph.graph.initializer}


def put(graph: onnx.ModelProto, name: str, values: NDArray[Any]) -> None:
    for one in graph.graph.initializer:
        if one.name == name:
            kind = helper.tensor_dtype_to_np_dtype(one.data_type)
            one.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values, kind), name))
            return
    raise KeyError(name)


def perturbed(share: float, seed: int = 0) -> Edit:
    """Every large weight moved by so much of its own spread: what ever so little training does."""

    def edit(graph: onnx.ModelProto) -> None:
        draw = np.random.default_rng(seed)
        for name, values in weights(graph).items():
            if values.dtype == np.float16:
                noise = draw.normal(0, share * float(values.astype(np.float32).std()), values.shape)
                put(graph, name, values + noise)

    return edit


def shuffled(seed: int = 0) -> Edit:
    """All convolutions keep their numbers, in another order."""

    def edit(graph: onnx.ModelProto) -> None:
        draw = np.random.default_rng(seed)
        for name, values in weights(graph).items():
            if values.dtype == np.float16 and values.ndim == 4:
                put(graph, name, draw.permutation(values.reshape(-1)).reshape(values.shape))

    return edit


def projection(change: Callable[[NDArray[Any]], NDArray[Any]]) -> Edit:
    """change: of (dimension, features) and, as one more column, the bias."""

    def edit(graph: onnx.ModelProto) -> None:
        found = weights(graph)
        both = np.column_stack([found[WEIGHT], found[BIAS]]).astype(np.float64)
        made = change(both)
        put(graph, WEIGHT, made[:, :-1])
        put(graph, BIAS, made[:, -1])

    return edit


def rotated(both: NDArray[Any]) -> NDArray[Any]:
    """Another basis: not one cosine changes."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(len(both), len(both))))[0]
    return turn @ both


def swapped(both: NDArray[Any]) -> NDArray[Any]:
    """The features in another order: one random map instead of another, and hardly worse on
    pictures, but with scores of its own."""
    order = np.random.default_rng(0).permutation(both.shape[1] - 1)
    return np.column_stack([both[:, order], both[:, -1]])


def fewer(dimensions: int) -> Edit:
    """All but the first dimensions are 0: an encoder that tells less apart."""
    kept = (np.arange(256) < dimensions)[:, None]
    return projection(lambda both: both * kept)


def ending(make: Callable[[onnx.ModelProto, str], list[onnx.NodeProto]]) -> Edit:
    """Nodes of `make` between the embedding and the output of that name."""

    def edit(graph: onnx.ModelProto) -> None:
        last = next(node for node in graph.graph.node if "embedding" in node.output)
        last.output[0] = "embedding.before"
        graph.graph.node.extend(make(graph, "embedding.before"))

    return edit


def not_a_number(graph: onnx.ModelProto, given: str) -> list[onnx.NodeProto]:
    """The logarithm of a number below 0."""
    return [
        helper.make_node("Abs", [given], ["sad.abs"]),
        helper.make_node("Neg", ["sad.abs"], ["sad.below"]),
        helper.make_node("Log", ["sad.below"], ["embedding"]),
    ]


def constant(graph: onnx.ModelProto, given: str) -> list[onnx.NodeProto]:
    """The first axis for every picture, of unit length."""
    axis = np.eye(1, 256, dtype=np.float32)
    graph.graph.initializer.append(numpy_helper.from_array(axis, "axis"))
    graph.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.float32), "nothing"))
    return [
        helper.make_node("Mul", [given, "nothing"], ["none"]),
        helper.make_node("Add", ["none", "axis"], ["embedding"]),
    ]


def tripled(graph: onnx.ModelProto, given: str) -> list[onnx.NodeProto]:
    graph.graph.initializer.append(numpy_helper.from_array(np.full(1, 3, np.float32), "three"))
    return [helper.make_node("Mul", [given, "three"], ["embedding"])]


def padded(graph: onnx.ModelProto) -> None:
    """As large again: weights that nothing uses."""
    graph.graph.initializer.append(
        numpy_helper.from_array(np.zeros(6_000_000, np.float16), "ballast")
    )


def slowed(graph: onnx.ModelProto, given: str) -> list[onnx.NodeProto]:
    """A dozen products with a large matrix and none of its results."""
    big = np.zeros((256, 4096), np.float32)
    graph.graph.initializer.append(numpy_helper.from_array(big, "big"))
    nodes, last = [], given
    for i in range(40):
        nodes += [
            helper.make_node("MatMul", [last, "big"], [f"wide{i}"]),
            helper.make_node("MatMul", [f"wide{i}", "tall"], [f"back{i}"]),
        ]
        nodes.append(helper.make_node("Add", [f"back{i}", given], [f"again{i}"]))
        last = f"again{i}"
    graph.graph.initializer.append(numpy_helper.from_array(big.T.copy(), "tall"))
    nodes.append(helper.make_node("Identity", [last], ["embedding"]))
    return nodes
