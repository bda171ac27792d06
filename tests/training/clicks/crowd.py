"""People whose taste is known, before pages of the real ranking: what they see and click."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lookalike.catalogue import IndexedImage, image_id_of
from tests.training.clicks.shop import key

Numbers = NDArray[np.float64]
TASTES = 8  # dimensions of what people see in a picture


@dataclass(frozen=True)
class Visit:
    """places: how many of the first ones were in view. clicked: places, from 1."""

    places: int
    clicked: tuple[int, ...]


@dataclass(frozen=True)
class Crowd:
    """Chance of a click = examination of the place x how alike the two pictures are to people.

    The encoder sees the same mixed with as much noise, so its ranking is about half right.
    choosy: how steeply liking falls with likeness.
    """

    seed: int
    pictures: int = 200
    steepness: float = 0.7
    choosy: int = 4

    @cached_property
    def tastes(self) -> Numbers:
        chance = np.random.default_rng(self.seed)
        return _unit(chance.normal(size=(self.pictures, TASTES)))

    @cached_property
    def vectors(self) -> Numbers:
        """(pictures, TASTES), as the encoder has it."""
        noise = np.random.default_rng(self.seed + 500).normal(size=self.tastes.shape)
        return _unit(self.tastes + _unit(noise))

    @cached_property
    def alike(self) -> Numbers:
        return ((1 + self.tastes @ self.tastes.T) / 2) ** self.choosy

    def examined(self, places: int) -> Numbers:
        return np.arange(1, places + 1) ** -self.steepness

    def tempted(self, anchor: int, shown: Sequence[int]) -> Numbers:
        """Chance of a click by place, once in view."""
        return self.examined(len(shown)) * self.alike[anchor, list(shown)]

    def visit(self, anchor: int, shown: Sequence[int], chance: np.random.Generator) -> Visit:
        reached = min(len(shown), 3 + int(chance.geometric(0.08)))
        lucky = chance.random(reached) < self.tempted(anchor, shown)[:reached]
        return Visit(reached, tuple(int(place) + 1 for place in np.flatnonzero(lucky)))

    def off(self, curve: Sequence[float]) -> Numbers:
        """How far a curve is from the truth by place, on a log scale."""
        return np.abs(np.log(np.array(curve) / self.examined(len(curve))))


def indexed(number: int) -> IndexedImage:
    """What an index knows of this picture."""
    name = key(number)
    return IndexedImage(
        image_id=image_id_of(name),
        key=name,
        etag="e",
        sidecar_etag="",
        uploaded_at="2026-01-01T00:00:00+00:00",
        indexed_at="2026-01-01T00:00:00+00:00",
        width=1,
        height=1,
        bytes=1,
        format="JPEG",
        sha256=f"sha of {name}",
        phash="",
        colour="808080",
        status="visible",
    )


def _unit(rows: Numbers) -> Numbers:
    unit: Numbers = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
