"""Drifts of every kind, drawn by a seed; each says what a reconcile must find of it."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import UUID

import numpy as np
import qdrant_edge as engine

from local.drift import MISSING, ORPHANED, STALE, THUMBNAIL, WRONG_MODEL
from lookalike import wiring
from lookalike.catalogue import IndexedImage, image_id_of, sidecar_of
from lookalike.edge import QdrantEdge
from lookalike.errors import RejectReason
from lookalike.ingest import thumbnail_of
from lookalike.rejects import Reject
from tests.drift.catalogue import MODELS, Catalogue, older, picture
from tests.drift.models import DIMENSION

MOST = 5  # keys that one drift takes


@dataclass
class Expected:
    """What must be found, no more and no less: keys by collection and kind."""

    faults: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    strangers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    rejects: set[str] = field(default_factory=set)
    strays: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)

    def note(self, model: str, kind: str, keys: list[str]) -> None:
        self.faults[model, kind].update(keys)
        self.told.append(f"{model}: {len(keys)} {kind}")

    def everywhere(self, kind: str, keys: list[str]) -> None:
        for model in MODELS:
            self.note(model, kind, keys)


class Damage:
    """Takes keys that nothing else has touched, so that what is found can be told exactly."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.chance = catalogue.chance
        self.expected = Expected()
        self._untouched = catalogue.indexed()
        self.chance.shuffle(self._untouched)
        self._like = self._untouched.pop()  # left alone: what does not belong looks like it

    def some(self) -> list[str]:
        count = min(self.chance.randint(1, MOST), len(self._untouched))
        return [self._untouched.pop() for _ in range(count)]

    def inflict(self, kinds: int) -> Expected:
        """So many of ELSEWHERE, and of POINTS in one to all collections; half of one last, for it
        takes half of the keys that are left."""
        for elsewhere in self.chance.sample(ELSEWHERE, min(kinds, len(ELSEWHERE))):
            elsewhere(self)
        chosen = self.chance.sample(POINTS, min(kinds, len(POINTS)))
        for harm in sorted(chosen, key=lambda one: one is Damage.half_is_lost):
            for model in self.chance.sample(MODELS, self.chance.randint(1, len(MODELS))):
                harm(self, model)
        return self.expected

    def _put(
        self, model: str, keys: list[str], change: Callable[[IndexedImage], IndexedImage]
    ) -> None:
        for key in keys:
            changed = change(self.catalogue.point(model, key))
            wiring.index().put(model, changed, np.roll(self.catalogue.vector(model, key), 1))

    def missing(self, model: str) -> None:
        keys = self.some()
        for key in keys:
            wiring.index().delete(model, image_id_of(key))
        self.expected.note(model, MISSING, keys)

    def half_is_lost(self, model: str) -> None:
        keys = self._untouched[::2]
        self._untouched = self._untouched[1::2]
        for key in keys:
            wiring.index().delete(model, image_id_of(key))
        self.expected.note(model, MISSING, keys)

    def of_an_older_picture(self, model: str) -> None:
        keys = self.some()
        self._put(model, keys, older)
        self.expected.note(model, STALE, keys)

    def of_an_older_sidecar(self, model: str) -> None:
        keys = self.some()
        self._put(model, keys, lambda one: replace(one, sidecar_etag="earlier", tags=("old",)))
        self.expected.note(model, STALE, keys)

    def of_another_model(self, model: str) -> None:
        keys, other = self.some(), self.chance.choice([one for one in MODELS if one != model])
        for key in keys:
            point, vector = self.catalogue.point(other, key), self.catalogue.vector(other, key)
            wiring.index().put(model, point, vector)
        self.expected.note(model, WRONG_MODEL, keys)

    def of_no_picture(self, model: str) -> None:
        keys = [f"gone/{self.chance.randrange(10**9)}.jpg" for _ in range(3)]
        like = self.catalogue.point(model, self._like)
        for key in keys:
            gone = replace(like, key=key, image_id=image_id_of(key))
            wiring.index().put(model, gone, np.ones(DIMENSION, np.float32))
        self.expected.note(model, ORPHANED, keys)

    def overwritten_by_a_stranger(self, model: str) -> None:
        """Its id is ours, its payload is not: the picture has no point any more."""
        keys = self.some()
        for key in keys:
            intrude(model, image_id_of(key), {"name": "not ours"})
            self.expected.strangers[model].add(image_id_of(key))
        self.expected.note(model, MISSING, keys)

    def strangers(self, model: str) -> None:
        like = self.catalogue.point(model, self._like)
        double = str(UUID(int=self.chance.getrandbits(128), version=4))
        wiring.index().put(model, replace(like, image_id=double), np.ones(DIMENSION, np.float32))
        number = self.chance.randrange(10**9)
        intrude(model, number, {})
        plain = str(UUID(int=self.chance.getrandbits(128), version=4))
        intrude(model, plain, {"image": "{", "key": 7, "tags": None})
        self.expected.strangers[model] |= {double, str(number), plain}
        self.expected.told.append(f"{model}: 3 strangers")

    def no_thumbnail(self) -> None:
        keys = self.some()
        for key in keys:
            wiring.derived_store().delete(thumbnail_of(image_id_of(key)))
        self.expected.everywhere(THUMBNAIL, keys)

    def another_thumbnail(self) -> None:
        keys = self.some()
        for key, other in zip(keys, keys[1:] + keys[:1], strict=True):
            data, _ = wiring.derived_store().get(thumbnail_of(image_id_of(other)))
            wiring.derived_store().put(thumbnail_of(image_id_of(key)), data, "image/webp")
        self.expected.everywhere(THUMBNAIL, keys)

    def thumbnails_of_nothing(self) -> None:
        for _ in range(3):
            stray = image_id_of(f"never/{self.chance.random()}.jpg")
            wiring.derived_store().put(thumbnail_of(stray), b"webp", "image/webp")
            self.expected.strays.add(stray)
        self.expected.told.append("3 thumbnails of nothing")

    def rejects_of_what_is_fine(self) -> None:
        """Of an earlier version, and of the present one, beside its points."""
        keys = self.some()
        for place, key in enumerate(keys):
            head = self.catalogue.store.head(key)
            record(key, "earlier" if head is None or place % 2 else head.etag)
        self.expected.rejects.update(keys)
        self.expected.told.append(f"{len(keys)} rejects of what is fine")

    def rejects_of_what_is_gone(self) -> None:
        keys = [f"gone/{self.chance.randrange(10**9)}.jpg" for _ in range(2)]
        for key in keys:
            record(key, "earlier", "too_many_pixels")
        self.expected.rejects.update(keys)
        self.expected.told.append("2 rejects of what is gone")

    def rejects_that_are_lost(self) -> None:
        refused = {one.key for one in wiring.rejects().all()} - self.expected.rejects
        keys = self.chance.sample(sorted(refused), min(2, len(refused)))
        for key in keys:
            wiring.rejects().clear(image_id_of(key))
        self.expected.everywhere(MISSING, keys)

    def unheard_changes(self) -> None:
        """Files that came, changed and went while nobody looked."""
        store = self.catalogue.store
        self.expected.everywhere(MISSING, [self.catalogue.add() for _ in range(2)])
        changed, described, gone = self.some(), self.some(), self.some()
        for key in changed:
            store.put(key, picture(self.chance), "image/jpeg")
        for key in described:
            self.catalogue.describe(key)
        self.expected.everywhere(STALE, [*changed, *described])
        for key in gone:
            store.delete(key)
            store.delete(sidecar_of(key))
        self.expected.everywhere(ORPHANED, gone)


def lose(model: str, catalogue: Catalogue) -> Expected:
    """The whole collection is gone, as a folder that was removed; a start opens it empty."""
    expected = Expected()
    expected.note(model, MISSING, [image.key for image in wiring.index().scan(model)])
    wiring.index().drop(model)
    wiring.index().open(model, DIMENSION)
    return expected


def intrude(model: str, point: str | int, payload: dict[str, object]) -> None:
    """A point past our own words, as another program would write it."""
    index = wiring.index()
    assert isinstance(index, QdrantEdge)
    made = engine.Point(point, [1.0] * DIMENSION, payload)
    index._shards.update(model, str(point), engine.UpdateOperation.upsert_points([made]))


def record(key: str, etag: str, reason: RejectReason = "corrupt") -> None:
    wiring.rejects().record(Reject(key, etag, reason, "", "", ""))


POINTS: list[Callable[[Damage, str], None]] = [
    Damage.missing,
    Damage.half_is_lost,
    Damage.of_an_older_picture,
    Damage.of_an_older_sidecar,
    Damage.of_another_model,
    Damage.of_no_picture,
    Damage.overwritten_by_a_stranger,
    Damage.strangers,
]
ELSEWHERE: list[Callable[[Damage], None]] = [
    Damage.no_thumbnail,
    Damage.another_thumbnail,
    Damage.thumbnails_of_nothing,
    Damage.rejects_of_what_is_fine,
    Damage.rejects_of_what_is_gone,
    Damage.rejects_that_are_lost,
    Damage.unheard_changes,
]
