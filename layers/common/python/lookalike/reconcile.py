"""The store against the index: which keys differ, and an event for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lookalike.catalogue import SIDECAR_SUFFIX, Version, names_image
from lookalike.errors import RejectReason
from lookalike.index import Index
from lookalike.ingest import THUMBNAILS
from lookalike.models import Serving
from lookalike.rejects import Rejects
from lookalike.stores import Store

if TYPE_CHECKING:
    from lookalike.changes_queue import ChangesQueue  # it brings botocore, which a laptop can spare

# Reasons that lie outside the bytes: the owner may have mended them without changing the file.
RETRIABLE = {"permission_denied"}


@dataclass(frozen=True, slots=True)
class Listing:
    """What the stores held at one moment: etags only, for a catalogue has millions of keys.

    refused: the pictures whose present version was rejected, and why. outdated: the keys of rejects
    of other versions, of pictures that are gone, and of those with a thumbnail all the same.
    """

    pictures: dict[str, str]
    sidecars: dict[str, str]  # by the key of the picture
    thumbnails: dict[str, str]  # by image id
    refused: dict[str, RejectReason]
    outdated: frozenset[str]

    def version(self, key: str, image_id: str) -> Version:
        return Version(
            self.pictures.get(key, ""),
            self.sidecars.get(key, ""),
            self.thumbnails.get(image_id, ""),
        )


@dataclass(frozen=True, slots=True)
class Census:
    """Every picture of the store, in exactly one of three places, and what is of no picture."""

    indexed: int  # pictures whose point is current
    rejected: frozenset[str]
    pending: frozenset[str]  # not indexed yet, or changed since
    orphaned: frozenset[str]  # keys that only the index, or a reject, still has
    outdated: frozenset[str]  # pictures of which a reject, or a thumbnail, tells what was before
    retriable: frozenset[str]  # those of the rejected that another look may accept

    @property
    def drift(self) -> Iterator[str]:
        """The keys that an event should be sent for."""
        yield from sorted(self.pending | self.orphaned | self.outdated)


def census(images: Store, index: Index, rejects: Rejects, model: str) -> Census:
    """Compare what the stores hold with what one collection holds; reads no picture.

    Costs one listing of each store, one read of each reject and one scan of the collection.
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
    thumbnails = {
        key.removeprefix(THUMBNAILS).removesuffix(".webp"): head.etag
        for key, head in rejects.derived.keys(THUMBNAILS)
    }
    recorded = list(rejects.all())
    refused = {one.key: one.reason for one in recorded if pictures.get(one.key) == one.etag}
    outdated = frozenset(
        one.key for one in recorded if one.key not in refused or one.image_id in thumbnails
    )
    return Listing(pictures, sidecars, thumbnails, refused, outdated)


def compare(held: Listing, index: Index, model: str) -> Census:
    pending, stale, orphaned = set(held.pictures), set[str](), set[str]()
    for image in index.scan(model):
        if image.key not in held.pictures:
            orphaned.add(image.key)
        elif image.is_current(model, held.version(image.key, image.image_id)):
            pending.discard(image.key)
        else:
            stale.add(image.key)  # shows what is no more, also where what is there was refused
    indexed = len(held.pictures) - len(pending)
    rejected = frozenset(key for key in held.refused if key in pending and key not in stale)
    told = held.outdated | (held.refused.keys() - pending)
    return Census(
        indexed=indexed,
        rejected=rejected,
        pending=frozenset(pending - rejected),
        orphaned=frozenset(orphaned | (told - held.pictures.keys())),
        outdated=frozenset(told & held.pictures.keys()),
        retriable=frozenset(key for key in rejected if held.refused[key] in RETRIABLE),
    )


@dataclass(frozen=True, slots=True)
class Missed:
    """Where the stores and the index differ. The counts are of the live collection.

    keys: of all serving collections, sorted: what waits for a rollback is kept ready too.
    retriable: keys of refused pictures that another look may accept.
    """

    indexed: int
    missing: int
    orphaned: int
    keys: tuple[str, ...]
    retriable: tuple[str, ...]

    @property
    def drift(self) -> float:
        """Percent of the pictures, counted as if each orphan were one of them."""
        wrong = self.missing + self.orphaned
        return 100 * wrong / max(1, self.indexed + wrong)


def missed(
    images: Store, index: Index, rejects: Rejects, live: str, others: Iterable[str]
) -> Missed:
    """One listing of the stores, and one scan of each collection.

    Memory: 500 bytes for each picture with its thumbnail, and 250 for each sidecar.
    """
    held = look(images, rejects)
    found = compare(held, index, live)
    drift = set(found.drift).union(*(compare(held, index, model).drift for model in others))
    counts = found.indexed, len(found.pending), len(found.orphaned)
    return Missed(*counts, tuple(sorted(drift)), tuple(sorted(found.retriable)))


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
        """In every serving collection; see `missed`."""
        live, *others = self.serving.read()[0].models()
        return missed(self.images, self.index, self.rejects, live, others)

    def send(self, keys: tuple[str, ...], out_of_time: Callable[[], bool]) -> int:
        """Returns how many events were sent; what there was no time for is found again next time.

        Sending one twice is harmless.
        """
        return self.queue.send(keys, out_of_time)
