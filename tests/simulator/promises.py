"""What must hold of a world: each of these answers with a sentence for everything that is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

import numpy as np

from lookalike.catalogue import image_id_of, sidecar_of
from lookalike.index import Vector
from lookalike.rejects import Reject
from tests.simulator.encoders import ROUNDING, is_of, vector_of
from tests.simulator.glimpses import Glimpse, glimpse, untouched
from tests.simulator.pictures import KEYS, SAID, SILENT, shown

if TYPE_CHECKING:
    from lookalike.catalogue import IndexedImage
    from tests.simulator.world import World


def of_a_switch(world: World, before: str, live: str, seen: Glimpse) -> Iterator[str]:
    """Whoever takes over lacks nothing that is not being worked on.

    seen: when whoever switches began. What was lacking then, and was not touched since, they must
    have noticed, whoever works on it now.
    """
    noticed = {key for key in untouched(seen, glimpse(world)) if _is_plain(world, key)}
    excused = world.unsettled() - noticed
    for key in KEYS:
        passed = key in excused or any(of_a_point(world, before, key))
        if not passed and (said := next(of_a_point(world, live, key), "")):
            yield f"{live} takes over from {before}, though {said}"


def _is_plain(world: World, key: str) -> bool:
    """Whether all that is derived of it is right: only then is a point held against the bucket."""
    return not any(_of_a_thumbnail(world, key)) and not any(_of_a_reject(world, key))


def of_a_quiet_world(world: World, but: Set[str] = frozenset()) -> Iterator[str]:
    """Every collection that may serve, and all that is derived, equals the bucket.

    but: pictures that nothing is said of.
    """
    keys = [key for key in KEYS if key not in but]
    state = world.state
    named = (state.live, state.next, state.previous)
    for model in dict.fromkeys(model for model in named if model):
        if model not in world.points.collections:
            yield f"{model} may serve, and has no collection"
            continue
        for key in keys:
            yield from of_a_point(world, model, key)
    for key in keys:
        yield from _of_a_thumbnail(world, key)
        yield from _of_a_reject(world, key)
    yield from _of_strangers(world)


def of_a_point(world: World, model: str, key: str) -> Iterator[str]:
    point = world.points.collections.get(model, {}).get(image_id_of(key))
    stored = world.images.objects.get(key)
    if stored is None or shown(stored.data).refused:
        if point:
            yield f"{model} has a point of {key}, which {_is_not(world, key)}"
    elif point is None:
        yield f"{model} has no point of {key}"
    else:
        what = f"the point of {key} in {model}"
        yield from (f"{what} {said}" for said in _of_an_image(world, key, point[0]))
        yield from (f"{what} {said}" for said in _of_a_vector(stored.data, model, point[1]))


def _is_not(world: World, key: str) -> str:
    return "cannot be shown" if key in world.images.objects else "is gone"


def _of_an_image(world: World, key: str, image: IndexedImage) -> Iterator[str]:
    stored = world.images.objects[key]
    beside = world.images.objects.get(sidecar_of(key))
    said = SAID[beside.data] if beside else SILENT
    pixels = shown(stored.data).pixels
    by_machine = world.opinion.said.get(pixels.tobytes() if pixels else b"", set())
    if (image.key, image.etag) != (key, stored.head.etag):
        yield "is of another version"
    if image.sha256 != hashlib.sha256(stored.data).hexdigest():
        yield "is of other bytes"
    if image.sidecar_etag != (beside.head.etag if beside else "") or image.tags != said.tags:
        yield "says what another sidecar says"
    if image.status not in ({said.status} if said.status else by_machine):
        yield f"is {image.status}"


def _of_a_vector(data: bytes, model: str, vector: Vector) -> Iterator[str]:
    pixels = shown(data).pixels
    if not is_of(model, vector):
        yield "has a vector of another model"
    elif pixels and np.abs(vector - vector_of(model, pixels.tobytes())).max() > ROUNDING:
        yield "has the vector of another picture"


def _of_a_thumbnail(world: World, key: str) -> Iterator[str]:
    """That of a picture that is gone, whose last message was given up with its worker, is excused:
    its name is a hash, from which no reconcile can tell the key. `lookalike reconcile` deletes it.
    """
    stored = world.images.objects.get(key)
    made = world.derived.objects.get(f"thumbnails/{image_id_of(key)}.webp")
    wanted = shown(stored.data).thumbnail if stored else b""
    if wanted and made is None:
        yield f"{key} has no thumbnail"
    elif wanted and made and made.data != wanted:
        yield f"the thumbnail of {key} is of another version"
    elif made and not wanted and (stored or key not in world.lost):
        yield f"there is a thumbnail of {key}, which {_is_not(world, key)}"


def _of_a_reject(world: World, key: str) -> Iterator[str]:
    stored = world.images.objects.get(key)
    found = world.derived.objects.get(f"rejects/{image_id_of(key)}.json")
    refused = shown(stored.data).refused if stored else None
    if found is None:
        if refused:
            yield f"nobody says why {key} is not shown"
        return
    reject = Reject.from_json(found.data)
    if stored is None or not refused:
        yield f"{key} is said to be refused, but {'is gone' if stored is None else 'is not'}"
    elif (reject.etag, reject.reason) != (stored.head.etag, refused):
        yield f"{key} is refused with the words for another version"


def _of_strangers(world: World) -> Iterator[str]:
    """Points and files of keys that never were: whoever misreads a key leaves them."""
    known = {image_id_of(key) for key in KEYS}
    for model, points in world.points.collections.items():
        if any(image_id not in known for image_id in points):
            yield f"{model} has a point of a key that never was"
    for name in world.derived.objects:
        if name.rpartition("/")[2].partition(".")[0] not in known:
            yield f"{name} is of a key that never was"
