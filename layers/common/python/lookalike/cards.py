"""The model card: what an encoder file is, how to feed it, what its scores mean."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from lookalike.errors import ModelUnavailable

CARD_NAME = "card.json"
ONNX_NAME = "model.onnx"

Fit = Literal["squash", "crop", "pad"]
Layout = Literal["nhwc-uint8", "nchw-float32"]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """From upright sRGB pixels to the encoder's input.

    size: the input is size × size pixels.
    fit: squash ignores the aspect ratio; crop keeps the centre square; pad adds grey borders.
    layout: nhwc-uint8 leaves normalisation to the graph (our own exports); nchw-float32 is
        (pixel / 255 - mean) / std, computed outside (foreign ONNX files).
    """

    size: int
    fit: Fit = "squash"
    layout: Layout = "nhwc-uint8"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Cosine similarities calibrated for this encoder.

    duplicate: at or above, two pictures are the same picture.
    floor: below, a result is not worth showing ("no good match" is an answer).
    """

    duplicate: float
    floor: float


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything a reader of vectors must know. model: the version string."""

    model: str
    sha256: str  # of model.onnx
    dimension: int
    preprocessing: Preprocessing
    thresholds: Thresholds
    architecture: str
    licence: str
    created_at: str  # RFC 3339, UTC
    training_data: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    notes: str = ""
    output: str = ""  # which of the graph's outputs is the vector; "" = the first

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Raises ModelUnavailable for a card that lacks a field or is not JSON."""
        try:
            return cls._from_fields(json.loads(text))
        except (ValueError, TypeError, KeyError) as error:
            raise ModelUnavailable(f"The model card cannot be read: {error!r}") from error

    @classmethod
    def _from_fields(cls, fields: dict[str, Any]) -> Self:
        preprocessing = dict(fields["preprocessing"])
        for name in ("mean", "std"):
            if name in preprocessing:
                preprocessing[name] = tuple(preprocessing[name])
        return cls(
            **{
                **fields,
                "preprocessing": Preprocessing(**preprocessing),
                "thresholds": Thresholds(**fields["thresholds"]),
                "training_data": tuple(fields.get("training_data", ())),
            }
        )

    @classmethod
    def read(cls, folder: Path) -> Self:
        return cls.from_json((folder / CARD_NAME).read_bytes())
