"""A live model that no default fits: the encoder that ships, made to look at smaller pictures."""

from pathlib import Path

from lookalike.calibration import drawn
from lookalike.cards import ModelCard, Preprocessing, Thresholds
from lookalike.models import SHIPPED
from training import reopening
from training.export import export
from training.model import EncoderNet

MODEL, SIZE = "small-1", 64  # pixels: a sixth of the work


def write(folder: Path) -> ModelCard:
    shipped = ModelCard.read(SHIPPED)
    encoder = EncoderNet("mobilenet_v3_large", dimension=shipped.dimension)
    card = ModelCard(
        model=MODEL,
        sha256="",
        dimension=shipped.dimension,
        preprocessing=Preprocessing(SIZE),
        thresholds=Thresholds(1.0, -1.0),
        architecture="mobilenet_v3_large of torchvision, gem pooling, linear projection",
        licence=shipped.licence,
        created_at="2026-11-01T00:00:00+00:00",
    )
    reopened = reopening.reopen(encoder, SHIPPED)
    return export(reopened, card, folder, check=drawn(2), half_weights=True)
