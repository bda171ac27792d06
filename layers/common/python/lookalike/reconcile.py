"""The store against the index: which keys differ, and an event for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lookalike.catalogue import SIDECAR_SUFFIX, names_image
from lookalike.errors import RejectReason
from lookalike.index import Index
from lookalike.ingest import is_current
from lookalike.models import Serving
from lookalike.rejects import Rejects
from lookalike.stores import Store

if TYPE_CHECKING:
    from lookalike.changes_queue import ChangesQueue  # it brings botocore, which a laptop can spare

# Reasons that lie outside the bytes: the owner may have mended them without changing the file.
RETRIABLE = {"permission_denied"}


@dataclass(frozen=True, slots=True)
class Listing:
    """What the store held at one moment: etags only, for a catalogue has millions of keys.

    refused: the pictures whose present version was rejected, and why.
    """

    pictures: dict[str, str]
    sidecars: dict[str, str]  # by the key of the picture
    refused: dict[str, RejectReason]


@dataclass(frozen=True, slots=True)
class Census:
    """Every picture of the store, in exactly one of three places, and the points of no picture."""

    indexed: int  # pictures whose point is current
    rejected: frozenset[str]
    pending: frozenset[str]  # not indexed yet, or changed since
    orphaned: frozenset[str]  # keys that only the index still has
    retriable: frozenset[str]  # those of the rejected that another look may accept

    @property
    def drift(self) -> Iterator[str]:
        """The keys that an event should be sent for."""
        yield from sorted(self.pending | self.orphaned)


def census(images: Store, index: Index, rejects: Rejects, model: str) -> Census:
    """Compare what the store holds with what one collection holds; reads no picture.

    Costs one listing of the store and one scan of the collection.
    """
    return compare(look(images, rejects), index, model)


def look(images: Store, rejects: Rejects) -> Listing:
    pictures: dict[str, str] = {}
    sidecars: dict[str, str] = {}
    for key, head in images.keys():
        if key.endswith(SIDECAR_SUFFIX):
            sidecars[key.removesuffix(SIDECAR_SUFFIX)] = head.etag
        elif names_image(key):
            pictures[key] = head.etag
    refused = {
        reject.key: reject.reason
        for reject in rejects.all()
        if pictures.get(reject.key) == reject.etag
    }
    return Listing(pictures, sidecars, refused)


def compare(held: Listing, index: Index, model: str) -> Census:
    pending, orphaned = set(held.pictures), set[str]()
    for image in index.scan(model):
        etag = held.pictures.get(image.key)
        if etag is None:
            orphaned.add(image.key)
        elif is_current(image, etag, held.sidecars.get(image.key, "")):
            pending.discard(image.key)
    indexed = len(held.pictures) - len(pending)
    rejected = frozenset(key for key in held.refused if key in pending)
    pending -= rejected
    return Census(
        indexed=indexed,
        rejected=rejected,
        pending=frozenset(pending),
        orphaned=frozenset(orphaned),
        retriable=frozenset(key for key in rejected if held.refused[key] in RETRIABLE),
    )


@dataclass(frozen=True, slots=True)
class Missed:
    """Where store and index differ. The counts are of the live collection.

    keys: of all serving collections, sorted: what waits for a rollback is kept ready too.
    """

    indexed: int
    missing: int
    orphaned: int
    keys: tuple[str, ...]

    @property
    def drift(self) -> float:
        """Percent of the pictures, counted as if each orphan were one of them."""
        wrong = self.missing + self.orphaned
        return 100 * wrong / max(1, self.indexed + wrong)


class Reconcile:
    """Find what the index has missed. It writes no point: it sends the event that was lost."""

    def __init__(
        self, images: Store, index: Index, rejects: Rejects, serving: Serving, queue: ChangesQueue
    ) -> None:
        self.images = images
        self.index = index
        self.rejects = rejects
        self.serving = serving
        self.queue = queue

    def find(self) -> Missed:
        """One listing of the store, and one scan of each serving collection.

        Memory: 250 bytes for each picture, and as much again for each sidecar.
        """
        state = self.serving.read()[0]
        held = look(self.images, self.rejects)
        live = compare(held, self.index, state.live)
        drift = set(live.drift)
        for model in state.models():
            if model != state.live:
                drift.update(compare(held, self.index, model).drift)
        return Missed(live.indexed, len(live.pending), len(live.orphaned), tuple(sorted(drift)))

    def send(self, keys: tuple[str, ...], out_of_time: Callable[[], bool]) -> int:
        """Returns how many events were sent; what there was no time for is found again next time.

        Sending one twice is harmless.
        """
        return self.queue.send(keys, out_of_time)
