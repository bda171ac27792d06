"""A model folder that nobody trusts yet: its file, its input, and what comes out of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from lookalike.calibration import drawn
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.encoder import Encoder, encoder_input
from lookalike.errors import ModelUnavailable
from training.cost import session_of

PROBES = 24  # drawn pictures, the same everywhere
NO_VECTORS = np.zeros((0, 0), np.float32)
UINT8, FLOAT32 = "tensor(uint8)", "tensor(float)"  # as ONNX Runtime names types

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Inspection:
    """trouble: why it cannot be tried out, "" if it can be. card: None where it cannot be read.

    takes: type and shape of the input, None for a side that is open.
    raw, again: (probes, dimension) what the file answers to the same pictures, twice.
    served: the same through the product's Encoder, nothing if that refuses the model.
    """

    trouble: str
    sha256: str
    bytes: int
    card: ModelCard | None = None
    takes: tuple[str, tuple[int | None, ...]] = ("", ())
    raw: Vectors = field(default_factory=lambda: NO_VECTORS)
    again: Vectors = field(default_factory=lambda: NO_VECTORS)
    served: Vectors = field(default_factory=lambda: NO_VECTORS)
    refusal: str = ""


def inspect(folder: Path, model: str) -> Inspection:
    """model: what it was asked for as. Raises nothing, whatever lies in its two files."""
    data = (folder / ONNX_NAME).read_bytes()
    sha256, size = hashlib.sha256(data).hexdigest(), len(data)
    try:
        card = ModelCard.from_json((folder / CARD_NAME).read_bytes())
    except ModelUnavailable as error:
        return Inspection(str(error), sha256, size)
    if card.model != model:
        return Inspection(f"its card says that it is {card.model}", sha256, size, card)
    if card.sha256 != sha256:
        return Inspection(
            "the file is not the one that its card names (sha256 differs)", sha256, size, card
        )
    try:
        session = session_of(folder)
    except Exception as error:  # ONNX Runtime's errors share no base of their own
        return Inspection(f"ONNX Runtime cannot load it: {_first_line(error)}", sha256, size, card)
    given = session.get_inputs()[0]
    sides = tuple(side if isinstance(side, int) else None for side in given.shape)
    takes = (str(given.type), sides)
    pictures = drawn(PROBES)
    try:
        raw, again = (_answers(session, card, pictures) for _ in range(2))
    except Exception as error:
        trouble = f"it answers no picture: {_first_line(error)}"
        return Inspection(trouble, sha256, size, card, takes)
    served, refusal = _served(folder, pictures)
    return Inspection("", sha256, size, card, takes, raw, again, served, refusal)


def fits(found: Inspection) -> bool:
    """Whether the file takes what its card says it is fed."""
    if found.card is None:
        return False
    made = found.card.preprocessing
    ours = made.layout == "nhwc-uint8"
    wanted = (made.size, made.size, 3) if ours else (3, made.size, made.size)
    kind, sides = found.takes
    same = all(side in (None, size) for side, size in zip(sides[1:], wanted, strict=False))
    return kind == (UINT8 if ours else FLOAT32) and len(sides) == 4 and same


def _answers(
    session: onnxruntime.InferenceSession, card: ModelCard, pictures: Sequence[Image.Image]
) -> Vectors:
    asked = card.output or session.get_outputs()[0].name
    name = session.get_inputs()[0].name
    rows: list[Any] = [
        session.run([asked], {name: encoder_input(picture, card.preprocessing)})[0]
        for picture in pictures
    ]
    return np.stack([np.asarray(row, np.float32).reshape(-1) for row in rows])


def _served(folder: Path, pictures: Sequence[Image.Image]) -> tuple[Vectors, str]:
    try:
        return Encoder(folder).encode(pictures), ""
    except ModelUnavailable as error:
        return NO_VECTORS, str(error)


def effective_rank(vectors: Vectors) -> float:
    """exp of the entropy of the spectrum: over how many directions the vectors spread.

    O. Roy, M. Vetterli, "The effective rank" (2007), of the centred vectors. 0 if all are equal.
    """
    centred = (vectors - vectors.mean(axis=0)).astype(np.float64)
    spectrum = np.linalg.svd(centred, compute_uv=False)
    if not np.isfinite(spectrum).all() or spectrum.sum() <= 1e-6 * np.sqrt(vectors.size):
        return 0.0
    share = spectrum / spectrum.sum()
    return float(np.exp(-(share[share > 0] * np.log(share[share > 0])).sum()))


def mean_cosine(vectors: Vectors) -> float:
    """Of every two different rows, which have unit length: (|Σ v|² − n) ÷ (n² − n)."""
    count = len(vectors)
    return float(((vectors.sum(axis=0, dtype=np.float64) ** 2).sum() - count) / (count**2 - count))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
