"""Encoders that need no network, and a moderator that can be told what to think."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.cards import ModelCard, Preprocessing, Thresholds
from lookalike.errors import ModerationUnavailable
from lookalike.moderation import Verdict

MODELS = ("m1", "m2", "m3")
DIMENSION = 8
ROUNDING = 1e-4


@cache
def _space(model: str) -> NDArray[np.float32]:
    """Four directions of its own: what another model made of a picture lies outside."""
    random = np.random.default_rng(zlib.crc32(model.encode()))
    return np.linalg.qr(random.standard_normal((DIMENSION, 4)))[0].astype(np.float32)


@cache
def vector_of(model: str, pixels: bytes) -> NDArray[np.float32]:
    """The mean colour, turned into the model's own space; unit length."""
    colour = np.frombuffer(pixels, np.uint8).reshape(-1, 3).mean(axis=0) / 255
    seen = np.append(colour, 0.5)
    vector: NDArray[np.float32] = (_space(model) @ (seen / np.linalg.norm(seen))).astype(np.float32)
    return vector


def is_of(model: str, vector: NDArray[np.float32]) -> bool:
    space = _space(model)
    return float(np.abs(space @ (space.T @ vector) - vector).max()) < ROUNDING


class TinyEncoder:
    def __init__(self, model: str) -> None:
        self.card = ModelCard(
            model=model,
            sha256="",
            dimension=DIMENSION,
            preprocessing=Preprocessing(size=4),
            thresholds=Thresholds(duplicate=0.999, floor=0.0),
            architecture="mean colour",
            licence="Apache-2.0",
            created_at="2026-01-01T00:00:00+00:00",
        )

    def encode(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        return np.stack([vector_of(self.card.model, one.tobytes()) for one in pictures])


class Opinion:
    """A moderator that says of every picture what it is told to, and remembers what it said."""

    def __init__(self) -> None:
        self.verdict = Verdict("visible")
        self.changes = 0
        self.is_down = False  # when it is asked for the next time, whoever asks
        self.said: dict[bytes, set[str]] = {}

    def review(self, picture: Image.Image) -> Verdict:
        if self.is_down:
            self.is_down = False
            raise ModerationUnavailable("The moderator does not answer.")
        self.said.setdefault(picture.tobytes(), set()).add(self.verdict.status)
        return self.verdict


VERDICTS = (
    Verdict("visible"),
    Verdict("unsafe", "a machine says so"),
    Verdict("unmoderated", "a machine cannot say"),
)
