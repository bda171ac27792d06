"""From a torch encoder to what serves: model.onnx and card.json, proven to answer alike."""

import hashlib
import io
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from torch import Tensor, nn

from lookalike import images
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.encoder import Encoder
from training.model import EncoderNet

OPSET = 17
PARITY = 0.9999  # least cosine between torch's vector and ONNX Runtime's of the same picture
INPUT, OUTPUT = "pixels", "embedding"


class ParityError(RuntimeError):
    """The exported file answers differently from the network it was made from."""


class Served(nn.Module):
    """What the file does: (n, size, size, 3) uint8 pixels to (n, dimension) unit vectors."""

    def __init__(self, encoder: EncoderNet) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels: Tensor) -> Tensor:
        vectors: Tensor = self.encoder(pixels.permute(0, 3, 1, 2).float() / 255)
        return vectors


def export(
    encoder: EncoderNet,
    card: ModelCard,
    folder: Path,
    *,
    check: Sequence[Image.Image],
    half_weights: bool = False,
) -> ModelCard:
    """Write the model folder; returns the card as written, with sha256 and dimension filled in.

    check: pictures on which torch and ONNX Runtime must agree; ParityError (and no file) otherwise.
    half_weights: store the weights in 16 bits, to half the file; arithmetic stays in 32.
    """
    served = Served(encoder).eval()
    graph = to_onnx(served, card.preprocessing.size)
    data = (with_half_weights(graph) if half_weights else graph).SerializeToString()
    card = replace(card, sha256=hashlib.sha256(data).hexdigest(), dimension=encoder.dimension)

    def check_parity(made: Path) -> None:
        agreement = parity(served, made, check)
        if not agreement >= PARITY:
            raise ParityError(f"ONNX Runtime agrees with torch only to {agreement:.6f} (cosine).")

    write_model(data, card, folder, check_parity)
    return card


def write_model(
    data: bytes, card: ModelCard, folder: Path, proof: Callable[[Path], None] | None = None
) -> None:
    """Both files or, when the disk is full or the proof raises, neither; what was there stays then.

    proof: is given a folder with both files, and raises if they must not be kept. Everything is
    written before anything is replaced, and the card appears last: a model exists once it does.
    """
    missing = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with TemporaryDirectory(prefix=".partial-", dir=folder) as made:  # of one file system
            partial = Path(made)
            (partial / ONNX_NAME).write_bytes(data)
            (partial / CARD_NAME).write_text(card.to_json(), encoding="utf-8")
            if proof is not None:
                proof(partial)
            (folder / CARD_NAME).unlink(missing_ok=True)
            (partial / ONNX_NAME).replace(folder / ONNX_NAME)
            (partial / CARD_NAME).replace(folder / CARD_NAME)
    except BaseException:
        if missing:
            with suppress(OSError):
                folder.rmdir()
        raise


def to_onnx(served: Served, size: int) -> onnx.ModelProto:
    """The graph, any batch size. Batch normalisation is folded into the convolutions."""
    example = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is "legacy"
        torch.onnx.export(
            served,
            (example,),
            buffer,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
        )
    return onnx.load_from_string(buffer.getvalue())


def with_half_weights(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float32 weights as float16 and a Cast, which ONNX Runtime folds on loading."""
    kept, casts = [], []
    for weight in graph.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.size < 256:
            kept.append(weight)
            continue
        stored = weight.name + ".half"
        kept.append(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [weight.name], to=TensorProto.FLOAT))
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(kept)
    nodes = casts + list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    onnx.checker.check_model(graph)
    return graph


def parity(served: Served, folder: Path, pictures: Sequence[Image.Image]) -> float:
    """The least cosine, over the pictures, between torch's vectors and those of the file."""
    encoder = Encoder(folder)
    pixels = np.stack([images.fit(picture, encoder.card.preprocessing) for picture in pictures])
    return float((embed(served, pixels) * encoder.encode(pictures)).sum(axis=1).min())


def embed(served: Served, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, size, size, 3) to (n, dimension), by torch."""
    with torch.inference_mode():
        vectors: NDArray[np.float32] = served(torch.from_numpy(pixels)).numpy()
    return vectors
