"""A bucket and an index in memory, which keep the promises of the real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from lookalike.catalogue import IndexedImage
from lookalike.errors import IndexUnavailable, UnknownImage, UnreadableImage
from lookalike.index import (
    BrowsePosition,
    Candidate,
    Only,
    PointId,
    Vector,
    Wanted,
    browse_order,
    browse_page,
    require_point_ids,
    steer,
    unit,
)
from lookalike.stores import (
    ABSENT,
    UPLOAD_SECONDS,
    Head,
    MissingObject,
    PreconditionFailed,
    UploadGrant,
)

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stored:
    data: bytes
    head: Head


class MemoryStore:
    """Like S3: strongly consistent, an etag that is the MD5 of the bytes, listed in order.

    sizes: what some bytes pretend to weigh, so that none need be that heavy.
    A listing is read page by page, here one object a page: what comes behind the last one given is
    listed, what comes before it is not. Its clock moves on by a second with each write.
    touched: by key, another mark after each change, so that what came and went again is told.
    """

    def __init__(self, sizes: Mapping[bytes, int] = MappingProxyType({})) -> None:
        self.sizes = sizes
        self.objects: dict[str, Stored] = {}
        self.touched: dict[str, object] = {}
        self.now = BEGINNING

    def head(self, key: str) -> Head | None:
        stored = self.objects.get(key)
        return stored.head if stored else None

    def get(self, key: str, max_bytes: int | None = None) -> tuple[bytes, str]:
        stored = self.objects.get(key)
        if stored is None:
            raise MissingObject(key)
        if max_bytes is not None and stored.head.size > max_bytes:
            raise UnreadableImage("too_many_bytes", etag=stored.head.etag)
        return stored.data, stored.head.etag

    def put(self, key: str, data: bytes, content_type: str, if_match: str | None = None) -> str:
        present = self.head(key)
        if if_match is not None and if_match != (present.etag if present else ABSENT):
            raise PreconditionFailed(key)
        self.now += timedelta(seconds=1)
        etag = hashlib.md5(data).hexdigest()
        self.objects[key] = Stored(data, Head(etag, self.sizes.get(data, len(data)), self.now))
        self.touched[key] = object()
        return etag

    def delete(self, key: str) -> None:
        if self.objects.pop(key, None):
            self.touched[key] = object()

    def keys(self, prefix: str = "") -> Iterator[tuple[str, Head]]:
        last = ""
        while following := [
            key for key in self.objects if key.startswith(prefix) and (key > last or not last)
        ]:
            last = min(following)
            yield last, self.objects[last].head

    def url(self, key: str) -> str:
        return f"memory:{key}"

    def grant_upload(self, key: str, content_type: str, max_bytes: int) -> UploadGrant:
        expires_at = self.now + timedelta(seconds=UPLOAD_SECONDS)
        return UploadGrant("memory:", {"key": key, "Content-Type": content_type}, expires_at)


Points = dict[str, tuple[IndexedImage, Vector]]


class MemoryIndex:
    """Like Qdrant, by comparing with every vector."""

    def __init__(self) -> None:
        self.collections: dict[str, Points] = {}

    def open(self, model: str, dimension: int) -> None:
        self.collections.setdefault(model, {})

    def drop(self, model: str) -> None:
        self.collections.pop(model, None)

    def models(self) -> list[str]:
        return sorted(self.collections)

    def put(self, model: str, image: IndexedImage, vector: Vector) -> None:
        self._points(model)[image.image_id] = (image, unit(vector))

    def delete(self, model: str, image_id: str) -> None:
        self._points(model).pop(image_id, None)

    def get(self, model: str, image_id: str) -> IndexedImage | None:
        point = self._points(model).get(image_id)
        return point[0] if point else None

    def vector(self, model: str, image_id: str) -> Vector | None:
        point = self._points(model).get(image_id)
        return point[1] if point else None

    def nearest(
        self,
        model: str,
        wanted: Wanted,
        limit: int,
        only: Only,
        offset: int = 0,
        exact: bool = False,
    ) -> list[Candidate]:
        known = {image_id: self._known(model, image_id)[1] for image_id in wanted.image_ids}
        towards = [known[image_id] for image_id in wanted.positive]
        if wanted.vector is not None:
            towards.append(unit(wanted.vector))
        query = unit(steer(towards, [known[image_id] for image_id in wanted.negative]))
        found = [
            Candidate(image, float(query @ vector), vector)
            for image, vector in self._points(model).values()
            if image.image_id not in known and _passes(image, only)
        ]
        return sorted(found, key=lambda one: -one.score)[offset : offset + limit]

    def similar(
        self, model: str, image_id: str, limit: int, only: Only, offset: int = 0
    ) -> tuple[IndexedImage, list[Candidate]]:
        image, vector = self._known(model, image_id)
        found = self.nearest(model, Wanted(vector), limit + offset + 1, only)
        others = [one for one in found if one.image.image_id != image_id]
        return image, others[offset : offset + limit]

    def browse(
        self, model: str, only: Only, limit: int, cursor: str | None
    ) -> tuple[list[IndexedImage], str | None]:
        points = self._points(model)

        def read(start: BrowsePosition | None, count: int) -> list[IndexedImage]:
            found = [image for image, _ in points.values() if _passes(image, only)]
            if start is not None:
                found = [
                    image
                    for image in found
                    if browse_order(image) <= start.order and image.image_id not in start.given
                ]
            return sorted(found, key=browse_order, reverse=True)[:count]

        return browse_page(read, limit, cursor)

    def count(self, model: str, only: Only | None = None) -> int:
        points = self._points(model).values()
        return sum(only is None or _passes(image, only) for image, _ in points)

    def scan(self, model: str) -> Iterator[IndexedImage]:
        """By id, one point a page: what comes or goes meanwhile is met, or it is not."""
        last = ""
        while following := [image_id for image_id in self._points(model) if image_id > last]:
            last = min(following)
            yield self._points(model)[last][0]

    def strangers(self, model: str) -> Iterator[PointId]:
        """None: whatever is put here is an image of ours."""
        self._points(model)
        return iter(())

    def expel(self, model: str, points: Sequence[PointId]) -> None:
        for point in points:
            self._points(model).pop(str(point), None)

    def optimize(self, model: str) -> None:
        """Nothing: there is no graph."""

    def close(self) -> None:
        """Nothing is open."""

    def _points(self, model: str) -> Points:
        if model not in self.collections:
            raise IndexUnavailable(f"There is no collection of {model}.")
        return self.collections[model]

    def _known(self, model: str, image_id: str) -> tuple[IndexedImage, Vector]:
        points = self._points(model)
        require_point_ids([image_id])
        if image_id not in points:
            raise UnknownImage(image_id)
        return points[image_id]


def _passes(image: IndexedImage, only: Only) -> bool:
    said = not only.statuses or image.status in only.statuses
    return said and set(only.tags) <= set(image.tags) and image.key.startswith(only.prefix)
