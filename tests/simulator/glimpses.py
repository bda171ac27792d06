"""What there was of each picture at one moment, to be compared with what there is later."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING

from lookalike.catalogue import image_id_of, sidecar_of
from tests.simulator.pictures import KEYS

if TYPE_CHECKING:
    from tests.simulator.world import World

Glimpse = dict[str, tuple[object, ...]]


def glimpse(world: World) -> Glimpse:
    return {key: _of(world, key) for key in KEYS}


def untouched(before: Glimpse, after: Glimpse) -> set[str]:
    """Pictures of which nothing was written between, not even the same again."""
    return {key for key in before if _same(before[key], after[key])}


def _same(before: tuple[object, ...], after: tuple[object, ...]) -> bool:
    return len(before) == len(after) and all(map(is_, before, after))


def _of(world: World, key: str) -> tuple[object, ...]:
    image_id = image_id_of(key)
    return (
        world.images.touched.get(key),
        world.images.touched.get(sidecar_of(key)),
        world.derived.touched.get(f"thumbnails/{image_id}.webp"),
        world.derived.touched.get(f"rejects/{image_id}.json"),
        *(points.get(image_id) for _, points in sorted(world.points.collections.items())),
    )
