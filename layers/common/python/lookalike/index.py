"""The index in our words: what to look for, what comes back, and what every engine must offer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from lookalike.catalogue import IndexedImage, Status, image_id_of
from lookalike.errors import InvalidRequest, UnknownImage

Vector = NDArray[np.float32]
PointId = str | int  # ours are UUIDs; a stranger's may be a number

COLLECTION_PREFIX = "images-"
KEYWORD_FIELDS = ("status", "tags", "group")  # indexed before the first point; so are key and:
BROWSE_ORDER = "browse_order"
TIE_BITS = 20
LAST_SECOND = (
    2**32
)  # the year 2106: with the tie bits 2**52, which a float64 (Qdrant's ranges) holds


@dataclass(frozen=True, slots=True)
class Candidate:
    """A retrieved neighbour. score: cosine similarity with what was wanted. vector: unit length."""

    image: IndexedImage
    score: float
    vector: Vector | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for: a vector, images it should resemble, images it should not.

    The query is Qdrant's `average_vector` recommendation, the same on every engine:
        towards = mean(unit(vector), positive…)
        query   = towards                                when nothing is negative
        query   = towards + towards - mean(negative…)    otherwise
    Stored vectors have unit length; an image named twice counts twice.
    """

    vector: Vector | None = None
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.vector is None and not self.positive:
            raise InvalidRequest("/positive", "needs an image to look for")

    @property
    def image_ids(self) -> tuple[str, ...]:
        return self.positive + self.negative


@dataclass(frozen=True, slots=True)
class Only:
    """Which images may come back.

    statuses: any of these; empty means every status.
    tags: all of these.
    prefix: of the key, character by character and case-sensitive.
    """

    statuses: tuple[Status, ...] = ("visible",)
    tags: tuple[str, ...] = ()
    prefix: str = ""


class Index(Protocol):
    """Vectors and what we know of their images, one collection per model.

    A point that is no image of ours, whoever put it there, is never among what is read.
    Any method raises IndexUnavailable when the engine fails or the model's collection is missing.
    """

    def open(self, model: str, dimension: int) -> None:
        """Create the collection if it is absent; harmless to repeat."""

    def drop(self, model: str) -> None:
        """Absent is fine."""

    def models(self) -> list[str]: ...

    def put(self, model: str, image: IndexedImage, vector: Vector) -> None:
        """Durable when it returns. Replaces the image whole: no field of an older one is left."""

    def delete(self, model: str, image_id: str) -> None:
        """Absent is fine."""

    def get(self, model: str, image_id: str) -> IndexedImage | None: ...

    def vector(self, model: str, image_id: str) -> Vector | None: ...

    def nearest(
        self,
        model: str,
        wanted: Wanted,
        limit: int,
        only: Only,
        offset: int = 0,
        exact: bool = False,
    ) -> list[Candidate]:
        """Best first, without the images named in `wanted`. UnknownImage names a missing one.

        exact: compare with every vector, slow and certain: the truth that recall is measured by.
        """

    def similar(
        self, model: str, image_id: str, limit: int, only: Only, offset: int = 0
    ) -> tuple[IndexedImage, list[Candidate]]:
        """The image itself, whatever its status, and its neighbours; UnknownImage if absent."""

    def browse(
        self, model: str, only: Only, limit: int, cursor: str | None
    ) -> tuple[list[IndexedImage], str | None]:
        """Newest first. Images that come or go meanwhile neither repeat nor hide another."""

    def count(self, model: str, only: Only | None = None) -> int: ...

    def scan(self, model: str) -> Iterator[IndexedImage]:
        """Every image once, in no order that means anything."""

    def strangers(self, model: str) -> Iterator[PointId]:
        """The points that are no image of ours: another payload, or not the id of their key."""

    def expel(self, model: str, points: Sequence[PointId]) -> None:
        """Delete points of any id; absent is fine."""

    def optimize(self, model: str) -> None:
        """Rebuild for fast search now, where the engine does not do so by itself."""

    def close(self) -> None: ...


def collection_of(model: str, prefix: str = COLLECTION_PREFIX) -> str:
    return prefix + model


def is_ours(point_id: Any, image: IndexedImage | None) -> bool:
    """Whether the image that was read from a point may be at this point."""
    return image is not None and image_id_of(str(image.key)) == str(point_id)


def is_point_id(image_id: str) -> bool:
    """Whether it can be an id of ours: engines accept other spellings of a UUID, we do not."""
    try:
        return str(UUID(image_id)) == image_id
    except ValueError:
        return False


def require_point_ids(image_ids: Sequence[str]) -> None:
    for image_id in image_ids:
        if not is_point_id(image_id):
            raise UnknownImage(image_id)


def unit(vector: Vector) -> Vector:
    """The vector at length 1; a zero vector stays as it is and resembles nothing."""
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length else vector, dtype=np.float32)


def steer(towards: Sequence[Vector], away: Sequence[Vector]) -> Vector:
    """The query vector of `Wanted`, not normalised. Both: unit vectors, `towards` not empty."""
    mean = np.mean(towards, axis=0, dtype=np.float32)
    if len(away):
        mean = mean + mean - np.mean(away, axis=0, dtype=np.float32)
    return np.asarray(mean, dtype=np.float32)


def browse_order(image: IndexedImage) -> int:
    """Sorts by upload time to the second, then by bits of the id, so that ties are rare."""
    second = int(datetime.fromisoformat(image.uploaded_at).timestamp())
    second = max(-LAST_SECOND, min(second, LAST_SECOND))
    return second << TIE_BITS | UUID(image.image_id).int & ((1 << TIE_BITS) - 1)


def searchable_fields(image: IndexedImage) -> dict[str, Any]:
    """The payload fields that filters and browsing read."""
    return {
        "status": image.status,
        "tags": list(image.tags),
        "group": image.group,
        "key": image.key,
        BROWSE_ORDER: browse_order(image),
    }


@dataclass(frozen=True, slots=True)
class BrowsePosition:
    """Where a browse stopped: the last order value, and which images of that value were given."""

    order: int
    given: tuple[str, ...]

    def to_cursor(self) -> str:
        return ".".join([str(self.order), *self.given])

    @classmethod
    def from_cursor(cls, cursor: str) -> "BrowsePosition":
        order, *given = cursor.split(".")
        if not all(map(is_point_id, given)) or not _is_order(order):
            raise InvalidRequest("/cursor", "is not a cursor that we gave")
        return cls(int(order), tuple(given))


def _is_order(text: str) -> bool:
    return text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() and len(text) < 18


def browse_page(
    read: Callable[[BrowsePosition | None, int], list[IndexedImage]],
    limit: int,
    cursor: str | None,
) -> tuple[list[IndexedImage], str | None]:
    """One page, given how an engine reads n images from a position on, newest first."""
    start = BrowsePosition.from_cursor(cursor) if cursor is not None else None
    images = read(start, limit + 1)
    if len(images) <= limit:
        return images, None
    page = images[:limit]
    order = browse_order(page[-1])
    given = tuple(image.image_id for image in page if browse_order(image) == order)
    if start is not None and start.order == order:
        given = start.given + given
    return page, BrowsePosition(order, given).to_cursor()
