"""An exported model folder as the start of another training: its weights, back in torch."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from PIL import Image
from torch import Tensor, nn

from lookalike import images
from lookalike.calibration import drawn
from lookalike.cards import ONNX_NAME
from lookalike.encoder import Encoder
from training.model import PROBE_SIDE, EncoderNet, GeM, WrongWeights

CHECKED = 4  # drawn pictures on which the network must answer as the file does
ALIKE = 0.999  # least cosine of the two; the file's weights may have 16 bits

Arrays = dict[str, NDArray[np.float32]]


def reopen(encoder: EncoderNet, folder: Path) -> EncoderNet:
    """Copy the weights of the folder's file into a network as it was built for that training.

    The export folded every batch normalisation into its convolution. Here the convolution gets the
    folded weights and the normalisation becomes a shift, so that the network answers alike and
    still has all its parts. Raises WrongWeights if it is another network, or answers otherwise.
    """
    file = Encoder(folder)  # first: it checks the file against its card
    graph = onnx.load(folder / ONNX_NAME).graph
    known = arrays(graph)
    try:
        _fill(encoder, graph, known)
    except (KeyError, ValueError, RuntimeError, StopIteration) as error:
        raise _another(folder, str(error)) from error
    agreement = alike(encoder, file, drawn(CHECKED))
    if not agreement >= ALIKE:
        raise _another(folder, f"the answers agree only to {agreement:.4f}")
    return encoder


def _another(folder: Path, why: str) -> WrongWeights:
    return WrongWeights(
        f"{folder} holds no network like this one ({why}); give the --arch, --dimension, --pooling "
        "and --normalisation that it was trained with. What came as a bare ONNX file, or was made "
        "int8, cannot be trained on."
    )


def arrays(graph: onnx.GraphProto) -> Arrays:
    """Every constant by the name under which a node takes it in; 16 bits become 32."""
    known = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            known[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        if node.op_type in {"Cast", "Identity"} and node.input[0] in known:
            known[node.output[0]] = known[node.input[0]]
    return {
        name: value.astype(np.float32)
        for name, value in known.items()
        if np.issubdtype(value.dtype, np.floating)
    }


@torch.no_grad()
def _fill(encoder: EncoderNet, graph: onnx.GraphProto, known: Arrays) -> None:
    if not all(
        has_constant(known, buffer.flatten().tolist()) for buffer in (encoder.mean, encoder.std)
    ):
        raise ValueError("pixels are normalised otherwise")
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    layers = list(convolutions(encoder.backbone))
    if len(nodes) != len(layers):
        raise ValueError(f"{len(nodes)} convolutions, not {len(layers)}")
    for node, (convolution, norm) in zip(nodes, layers, strict=True):
        bias = known[node.input[2]] if len(node.input) > 2 else None
        _copy(convolution.weight, known[node.input[1]])
        if norm is not None:
            _only_shift(norm)
        shifted = convolution.bias if norm is None else norm.bias
        if (shifted is None) != (bias is None):
            raise ValueError("a shift is missing")
        if shifted is not None and bias is not None:
            _copy(shifted, bias)
    if isinstance(encoder.pool, GeM):
        _copy(encoder.pool.p, exponent(graph, known))
    if isinstance(encoder.project, nn.Linear):
        _project(encoder.project, graph, known)


def _project(layer: nn.Linear, graph: onnx.GraphProto, known: Arrays) -> None:
    """A network that came without a projection gets one that changes nothing yet."""
    last = [node for node in graph.node if node.op_type == "Gemm"][-1:]
    if last:
        _copy(layer.weight, known[last[0].input[1]])
        _copy(layer.bias, known[last[0].input[2]])
    else:
        _copy(layer.weight, np.eye(layer.in_features, dtype=np.float32))
        nn.init.zeros_(layer.bias)


def has_constant(known: Arrays, triple: Sequence[float]) -> bool:
    """Whether the graph computes with these three numbers, one for each colour."""
    values = np.array(triple, np.float32).reshape(1, 3, 1, 1)
    alike = (np.allclose(value, values) for value in known.values() if value.shape == values.shape)
    return any(alike)


def exponent(graph: onnx.GraphProto, known: Arrays) -> NDArray[np.float32]:
    """GeM's p: what the logarithm of the maps is multiplied by, or their power in older files."""
    logs = {node.output[0] for node in graph.node if node.op_type == "Log"}
    for node in graph.node:
        constants = [known[name] for name in node.input if name in known]
        if node.op_type == "Pow" or (node.op_type == "Mul" and logs & set(node.input)):
            return constants[0].reshape(())
    raise ValueError("no generalised mean")


def convolutions(backbone: nn.Module) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d | None]]:
    """In the order in which a picture meets them, each with the normalisation right behind it."""
    met: list[nn.Module] = []
    hooks = [
        module.register_forward_hook(lambda module, given, made: met.append(module))
        for module in backbone.modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d)
    ]
    backbone.eval()(torch.zeros(1, 3, PROBE_SIDE, PROBE_SIDE))
    for hook in hooks:
        hook.remove()
    for module, behind in zip(met, [*met[1:], None], strict=True):
        if isinstance(module, nn.Conv2d):
            yield module, behind if isinstance(behind, nn.BatchNorm2d) else None


def _only_shift(norm: nn.BatchNorm2d) -> None:
    """(x - 0) / √(1 + ε) · √(1 + ε) + bias"""
    norm.reset_running_stats()
    norm.weight.fill_((1 + norm.eps) ** 0.5)


def _copy(into: Tensor, values: NDArray[np.float32]) -> None:
    if tuple(into.shape) != values.shape:
        raise ValueError(f"{values.shape} where {tuple(into.shape)} belongs")
    into.copy_(torch.from_numpy(np.array(values)))


def alike(encoder: EncoderNet, file: Encoder, pictures: list[Image.Image]) -> float:
    """The least cosine between the network's vectors and the file's."""
    pixels = np.stack([images.fit(picture, file.card.preprocessing) for picture in pictures])
    with torch.inference_mode():
        vectors = encoder.eval()(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)
    if vectors.shape[1] != file.card.dimension:
        return 0.0
    return float((vectors.numpy() * file.encode(pictures)).sum(axis=1).min())
