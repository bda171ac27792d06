"""What differs between the folder and every index that may serve, by name; and mending it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local.changes import Changes
from lookalike import wiring
from lookalike.catalogue import IndexedImage, Version, image_id_of, names_image
from lookalike.errors import StoreUnavailable
from lookalike.folder import Folder
from lookalike.index import PointId
from lookalike.ingest import thumbnail_of
from lookalike.models import ServingState
from lookalike.reconcile import RETRIABLE, Listing, look

MISSING = "missing"  # a picture without a point
STALE = "stale"  # made of another version of the picture or its sidecar
WRONG_MODEL = "wrong_model"  # the vector is another model's
THUMBNAIL = "thumbnail"  # there is none, or it is of another picture
ORPHANED = "orphaned"  # a point without a picture
KINDS = (MISSING, STALE, WRONG_MODEL, THUMBNAIL, ORPHANED)


@dataclass(frozen=True, slots=True)
class Collection:
    """One serving collection. strangers: points that are no image of ours."""

    model: str
    role: str
    faults: dict[str, tuple[str, ...]]  # keys by kind, for every kind
    strangers: tuple[PointId, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """rejects: keys of records that tell of another version, or of a picture that is gone.
    strays: image ids of thumbnails whose picture is gone, and every point with it."""

    collections: tuple[Collection, ...]
    rejects: tuple[str, ...]
    strays: tuple[str, ...]
    retriable: tuple[str, ...]  # no drift: pictures that another look may accept

    @property
    def keys(self) -> frozenset[str]:
        of_points = (
            key for one in self.collections for keys in one.faults.values() for key in keys
        )
        return frozenset([*of_points, *self.rejects])

    @property
    def named(self) -> frozenset[str]:
        """One name for everything that differs, to tell what was found before from what is new."""
        points = (
            f"{one.model}: point {point}" for one in self.collections for point in one.strangers
        )
        return self.keys | frozenset([*points, *(f"thumbnail {stray}" for stray in self.strays)])

    def as_json(self) -> dict[str, Any]:
        return {
            "differ": sorted(self.named),
            "collections": [
                {"model": one.model, "role": one.role}
                | {kind: list(one.faults[kind]) for kind in KINDS}
                | {"strangers": [str(point) for point in one.strangers]}
                for one in self.collections
            ],
            "rejects": list(self.rejects),
            "strays": list(self.strays),
        }


def find() -> Drift:
    """Changes nothing. Two listings of the folder, and two scans of each serving collection.

    A missing folder is an unplugged disk, not a thousand deletions: raises StoreUnavailable.
    """
    store = wiring.image_store()
    if isinstance(store, Folder) and not store.root.is_dir():
        raise StoreUnavailable(f"{store.root} is not there; connect its disk.")
    state = wiring.serving().read()[0]
    held = look(store, wiring.rejects())
    collections = tuple(_collection(model, _role(model, state), held) for model in state.models())
    return Drift(
        collections,
        rejects=tuple(sorted(held.outdated | frozenset(_contradicted(held, state.models())))),
        strays=tuple(sorted(_strays(held, collections))),
        retriable=tuple(sorted(key for key in held.refused if held.refused[key] in RETRIABLE)),
    )


def mend(drift: Drift, changes: Changes) -> int:
    """Remove what no picture stands behind, and queue a look at each key that differs.

    Returns how many are queued. What was given up for good is not: see Changes.
    """
    for one in drift.collections:
        wiring.index().expel(one.model, one.strangers)
    for stray in drift.strays:
        wiring.derived_store().delete(thumbnail_of(stray))
    return changes.report(sorted(drift.keys.union(drift.retriable)))


def _collection(model: str, role: str, held: Listing) -> Collection:
    faults: dict[str, list[str]] = {kind: [] for kind in KINDS}
    present = set[str]()
    for image in wiring.index().scan(model):
        present.add(image.key)
        if fault := _fault(image, model, held):
            faults[fault].append(image.key)
    faults[MISSING] = [key for key in held.pictures.keys() - present if key not in held.refused]
    return Collection(
        model,
        role,
        {kind: tuple(sorted(keys)) for kind, keys in faults.items()},
        tuple(wiring.index().strangers(model)),
    )


def _fault(image: IndexedImage, model: str, held: Listing) -> str:
    """The worst that is wrong with a point; "" for one that is as it should be."""
    version = held.version(image.key, image.image_id)
    if not version.etag:
        return ORPHANED
    if image.model != model:
        return WRONG_MODEL
    if Version(image.etag, image.sidecar_etag, version.thumbnail) != version:
        return STALE
    return "" if image.is_current(model, version) else THUMBNAIL


def _contradicted(held: Listing, models: tuple[str, ...]) -> Iterator[str]:
    """The refused of which there is a point all the same: one of the two is wrong."""
    for key in held.refused:
        if any(wiring.index().get(model, image_id_of(key)) for model in models):
            yield key


def _strays(held: Listing, collections: tuple[Collection, ...]) -> frozenset[str]:
    """Of a picture that a point or a reject still names, the thumbnail goes with that.

    Asks the folder once more: a picture may have come between its listing and the thumbnails'.
    """
    orphaned = {key for one in collections for key in one.faults[ORPHANED]}
    named = map(image_id_of, held.pictures.keys() | orphaned | held.outdated)
    strays = frozenset(held.thumbnails.keys() - named)
    if not strays:
        return strays
    there = (key for key, _ in wiring.image_store().keys() if names_image(key))
    return strays.difference(map(image_id_of, there))


def _role(model: str, state: ServingState) -> str:
    if model == state.live:
        return "live"
    if model == state.previous:
        return "previous"
    return "trial" if state.trial else "next"
