"""Make an encoder of a pretrained network: what stands behind `lookalike models import`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image

from lookalike.calibration import drawn
from lookalike.cards import CARD_NAME, ONNX_NAME, Fit, ModelCard, Preprocessing, Thresholds
from lookalike.foreign import Triple, UnusableModel, import_onnx, install, slug
from training.export import ParityError, export
from training.model import IMAGENET_MEAN, IMAGENET_STD, EncoderNet

__all__ = ["import_onnx", "import_torchvision"]

SIZE = 224  # what torchvision's classifiers were trained at, but for a few
CHECKED = 8  # drawn pictures on which the file must agree with torch


def import_torchvision(
    arch: str,
    weights: str,
    destination: Path,
    pictures: Sequence[Image.Image] = (),
    *,
    size: int = SIZE,
    mean: Triple = IMAGENET_MEAN,
    std: Triple = IMAGENET_STD,
    fit: Fit = "squash",
) -> ModelCard:
    """Write `destination`/model.onnx and card.json: the network's features, averaged, unit length.

    weights: DEFAULT (torchvision downloads its own) or a file of a state dict of that network.
    pictures: some of the catalogue, to calibrate the thresholds on; drawn ones without.
    Raises WrongWeights or UnusableModel, each with one sentence, and leaves nothing.
    """
    if (destination / CARD_NAME).exists():
        raise UnusableModel(f"{destination} holds a model already; models are never overwritten.")
    encoder = EncoderNet(
        arch, weights, dimension=None, pooling="average", mean=mean, std=std
    ).eval()
    card = _card(encoder, arch, weights, Preprocessing(size, fit))
    with TemporaryDirectory() as folder, torch.no_grad():
        try:
            card = export(encoder, card, Path(folder), check=drawn(CHECKED))
        except (ParityError, RuntimeError) as error:
            raise UnusableModel(f"{arch} could not be exported: {error}") from error
        card = replace(card, model=f"{card.model}-{card.sha256[:8]}")  # same network, other weights
        return install((Path(folder) / ONNX_NAME).read_bytes(), card, destination, pictures)


def _card(encoder: EncoderNet, arch: str, weights: str, preprocessing: Preprocessing) -> ModelCard:
    """What is known before the file is: hash and thresholds come when it is installed."""
    origin = "torchvision's own weights" if weights == "DEFAULT" else Path(weights).name
    return ModelCard(
        model=slug(f"{arch} {preprocessing.size}"),
        sha256="",
        dimension=encoder.dimension,
        preprocessing=preprocessing,
        thresholds=Thresholds(duplicate=1.0, floor=-1.0),
        architecture=f"{arch} of torchvision, average pooling, no projection",
        licence="that of the weights",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=f"Weights: {origin}.",
    )
