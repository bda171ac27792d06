"""What must hold: drifts are found by name and mended, and a rebuild makes the same index."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from local import drift
from local.drift import Drift
from lookalike import wiring
from lookalike.catalogue import IndexedImage
from lookalike.edge import QdrantEdge
from lookalike.folder import Folder
from lookalike.ingest import Ingest, thumbnail_of
from lookalike.reconcile import missed
from tests.drift.catalogue import MODELS, NEXT, Catalogue
from tests.drift.damage import Damage, Expected, lose
from tests.drift.models import DIMENSION

KINDS = 4  # of drift at once, in points and elsewhere
CLOSE = 1e-6  # of each number of a vector
LOST_EACH = 5  # every so many rounds a whole collection is


class Broken(AssertionError):
    """A promise that does not hold, in a sentence."""


@dataclass
class Figures:
    rounds: int = 0
    drifts: int = 0
    found: int = 0
    mended: int = 0


def rounds(catalogue: Catalogue, count: int, told: Callable[[str], None]) -> Figures:
    """The first finds what the next model still lacks; the others what was damaged."""
    figures = Figures()
    found_and_mended(catalogue, unfilled(catalogue), figures)
    told(f"round 0: {figures.found} pictures that {NEXT} lacked")
    for number in range(1, count + 1):
        if number % LOST_EACH == 0:
            expected = lose(MODELS[number // LOST_EACH % len(MODELS)], catalogue)
        else:
            expected = Damage(catalogue).inflict(KINDS)
        before = figures.found
        found_and_mended(catalogue, expected, figures)
        told(f"round {number}: {figures.found - before} differed ({'; '.join(expected.told)})")
    return figures


def unfilled(catalogue: Catalogue) -> Expected:
    expected = Expected()
    there = {image.key for image in wiring.index().scan(NEXT)}
    refused = {one.key for one in wiring.rejects().all()}
    expected.note(NEXT, drift.MISSING, sorted({*catalogue.keys()} - there - refused))
    return expected


def found_and_mended(catalogue: Catalogue, expected: Expected, figures: Figures) -> None:
    found = drift.find()
    require_found(found, expected)
    _require_told_to_the_cloud_too(found)
    drift.mend(found, catalogue.changes)
    catalogue.work_off()
    left = drift.find()
    if left.named:
        raise Broken(f"a second look finds {len(left.named)}: {sorted(left.named)[:5]}")
    figures.rounds += 1
    figures.drifts += len(expected.told)
    figures.found += len(found.named)
    figures.mended += len(found.named) - len(left.named)


def require_found(found: Drift, expected: Expected) -> None:
    """Each key under its kind and its collection, and nothing besides."""
    for one in found.collections:
        for kind, keys in one.faults.items():
            _require_same(f"{one.model}: {kind}", keys, expected.faults[one.model, kind])
        strangers = [str(point) for point in one.strangers]
        _require_same(f"{one.model}: strangers", strangers, expected.strangers[one.model])
    _require_same("rejects", found.rejects, expected.rejects)
    _require_same("strays", found.strays, expected.strays)


def _require_same(what: str, found: tuple[str, ...] | list[str], expected: set[str]) -> None:
    if len(found) != len(set(found)) or set(found) != expected:
        more, less = sorted(set(found) - expected)[:3], sorted(expected - set(found))[:3]
        raise Broken(f"{what}: found and not damaged {more}; damaged and not found {less}")


def _require_told_to_the_cloud_too(found: Drift) -> None:
    """The keeper and the cloud's reconcile go by `missed`: they must hear of the same keys."""
    live, *others = wiring.serving().read()[0].models()
    stores = wiring.image_store(), wiring.index(), wiring.rejects()
    heard = set(missed(*stores, live, others).keys)
    if heard != found.keys:
        raise Broken(f"`missed` differs in {sorted(heard ^ found.keys)[:5]}")


def require_same_as_rebuilt(catalogue: Catalogue, work: Path) -> int:
    """Index the folder into an empty index; returns how many points are equal in both."""
    fresh, derived = QdrantEdge(work / "index"), Folder(work / "derived")
    for model in MODELS:
        fresh.open(model, DIMENSION)
    made = wiring.ingest()
    ingest = Ingest(made.images, fresh, made.models, made.serving, made.moderator, derived)
    for key in catalogue.keys():
        ingest.sync(key)
    equal = sum(_require_same_points(model, fresh, derived) for model in MODELS)
    _require_same_rejects(ingest)
    fresh.close()
    return equal


def _require_same_points(model: str, fresh: QdrantEdge, derived: Folder) -> int:
    ours = {image.key: image for image in wiring.index().scan(model)}
    theirs = {image.key: image for image in fresh.scan(model)}
    if ours.keys() != theirs.keys():
        raise Broken(f"{model}: a rebuild differs in {sorted(ours.keys() ^ theirs.keys())[:5]}")
    for key, image in ours.items():
        if _lasting(image) != _lasting(theirs[key]):
            raise Broken(f"{model}: a rebuild says of {key} {theirs[key]}, and not {image}")
        _require_same_vector(model, image.image_id, fresh)
        thumbnail = thumbnail_of(image.image_id)
        if wiring.derived_store().get(thumbnail)[0] != derived.get(thumbnail)[0]:
            raise Broken(f"{model}: a rebuild makes another thumbnail of {key}")
    return len(ours)


def _lasting(image: IndexedImage) -> IndexedImage:
    """Without what tells when it was made: the moment, and the thumbnail's etag (its bytes are
    compared)."""
    return replace(image, indexed_at="", thumbnail="")


def _require_same_vector(model: str, image_id: str, fresh: QdrantEdge) -> None:
    ours, theirs = wiring.index().vector(model, image_id), fresh.vector(model, image_id)
    if ours is None or theirs is None or float(np.abs(ours - theirs).max()) > CLOSE:
        raise Broken(f"{model}: a rebuild has another vector of {image_id}")


def _require_same_rejects(rebuilt: Ingest) -> None:
    ours, theirs = (
        {(one.key, one.etag, one.reason) for one in rejects.all()}
        for rejects in (wiring.rejects(), rebuilt.rejects)
    )
    if ours != theirs:
        raise Broken(f"rejects: a rebuild differs in {sorted(ours ^ theirs)[:5]}")
