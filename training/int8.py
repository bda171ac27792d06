"""An encoder with its convolutions in 8 bits, made by ONNX Runtime's static quantisation."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

from lookalike.cards import ONNX_NAME, ModelCard, Preprocessing
from lookalike.encoder import encoder_input
from training.verdict import UnusableVariant

# Left in 32 bits at the beginning: MobileNet's stem and first block, which 8 bits disturb most and
# no longer speed up. default-1: cosine to the original 0.983 → 0.998, 3.5 → 2.7 ms.
FIRST_IN_FLOAT = 3  # convolutions
CONVOLUTION = "Conv"
QUANTISED = {"QuantizeLinear", "QLinearConv", "ConvInteger"}


def quantised(folder: Path, pictures: Sequence[Image.Image]) -> tuple[bytes, ModelCard]:
    """The model of `folder` in 8 bits, and its card with the original's thresholds.

    pictures: some of the kind it will see; they tell the range of every layer's numbers. Weights
    have a scale for each channel. What follows the last convolution (GeM's powers, the projection,
    the length) stays in 32 bits. Raises UnusableVariant.
    """
    if not pictures:
        raise UnusableVariant("Without a picture no range of a layer can be found; give some.")
    card = ModelCard.read(folder)
    with TemporaryDirectory() as made:
        prepared, done = Path(made) / "prepared.onnx", Path(made) / ONNX_NAME
        graph = _prepared(folder / ONNX_NAME, prepared)
        quantize_static(
            prepared,
            done,
            _Fed(graph.input[0].name, card.preprocessing, pictures),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=in_float(graph),
        )
        data = done.read_bytes()
    return data, _card(card, data, len(pictures))


def in_float(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes that keep 32 bits: the first convolutions, and all after the last.

    Nodes stand in the order in which they are computed.
    """
    convolutions = [i for i, node in enumerate(graph.node) if node.op_type == CONVOLUTION]
    if len(convolutions) <= FIRST_IN_FLOAT:
        raise UnusableVariant(
            f"The model has {len(convolutions)} convolutions; there is nothing to gain in 8 bits."
        )
    first, last = convolutions[FIRST_IN_FLOAT], convolutions[-1]
    return [node.name for i, node in enumerate(graph.node) if i < first or i > last]


def _prepared(file: Path, to: Path) -> onnx.GraphProto:
    """Shapes inferred, casts of half weights folded, every node named; also written to `to`."""
    model = onnx.load(file)
    if any(node.op_type in QUANTISED for node in model.graph.node):
        raise UnusableVariant("The model is in 8 bits already; give the one it was made of.")
    quant_pre_process(model, to, skip_symbolic_shape=True)  # our shapes need no symbols
    model = onnx.load(to)
    for i, node in enumerate(model.graph.node):
        node.name = node.name or f"node-{i}"  # what is excluded, is so by name
    onnx.save(model, to)
    return model.graph


def _card(card: ModelCard, data: bytes, pictures: int) -> ModelCard:
    digest = hashlib.sha256(data).hexdigest()
    return replace(
        card,
        model=f"{card.model}-int8-{digest[:8]}",
        sha256=digest,
        architecture=f"{card.architecture}; convolutions in int8",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        metrics={},  # the original's are not its own
        notes=f"Made of {card.model} by ONNX Runtime's static quantisation; ranges from {pictures} "
        "pictures. Processors without 8-bit dot products (x86 before VNNI) may answer other "
        "vectors: measure there again.",
    )


class _Fed:
    """Pictures one by one, as ONNX Runtime's calibration asks for them."""

    def __init__(self, name: str, how: Preprocessing, pictures: Sequence[Image.Image]) -> None:
        self._rest = ({name: encoder_input(picture, how)} for picture in pictures)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._rest, None)
