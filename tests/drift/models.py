"""Encoders so small that a thousand pictures take a second: real files, each of its own mind."""

import hashlib
import zlib
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard, Preprocessing, Thresholds

SIDE = 8  # pixels
DIMENSION = 16


def write(folder: Path, model: str) -> None:
    """A model folder: the pixels times numbers drawn by the model's name."""
    folder.mkdir(parents=True)
    file = folder / ONNX_NAME
    file.write_bytes(_graph(zlib.crc32(model.encode())))
    card = ModelCard(
        model=model,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        dimension=DIMENSION,
        preprocessing=Preprocessing(SIDE, layout="nchw-float32"),
        thresholds=Thresholds(1.0, -1.0),
        architecture="one matrix",
        licence="Apache-2.0",
        created_at="2026-11-01T00:00:00+00:00",
    )
    (folder / CARD_NAME).write_text(card.to_json())


def _graph(seed: int) -> bytes:
    numbers = np.random.default_rng(seed).standard_normal((3 * SIDE * SIDE, DIMENSION))
    weights = numpy_helper.from_array(numbers.astype(np.float32), "weights")
    flat = helper.make_node("Flatten", ["pixels"], ["flat"])
    product = helper.make_node("MatMul", ["flat", "weights"], ["vector"])
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    vector = helper.make_tensor_value_info("vector", TensorProto.FLOAT, [1, DIMENSION])
    graph = helper.make_graph([flat, product], "tiny", [pixels], [vector], [weights])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return bytes(made.SerializeToString())
