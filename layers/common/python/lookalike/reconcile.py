"""The store against the index: which keys differ."""

from collections.abc import Iterator
from dataclasses import dataclass

from lookalike.catalogue import SIDECAR_SUFFIX, names_image
from lookalike.index import Index
from lookalike.ingest import is_current
from lookalike.rejects import Rejects
from lookalike.stores import Head, Store

# Reasons that lie outside the bytes: the owner may have mended them without changing the file.
RETRIABLE = {"permission_denied"}


@dataclass(frozen=True, slots=True)
class Census:
    """Every picture of the store, in exactly one of three places, and the points of no picture."""

    indexed: frozenset[str]  # keys whose point is current
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
    pictures, sidecars = _listing(images)
    indexed, orphaned = set(), set()
    for image in index.scan(model):
        head = pictures.get(image.key)
        if head is None:
            orphaned.add(image.key)
        elif is_current(image, head.etag, sidecars.get(image.key, "")):
            indexed.add(image.key)
    current = [
        reject
        for reject in rejects.all()
        if reject.key in pictures
        and reject.etag == pictures[reject.key].etag
        and reject.key not in indexed
    ]
    rejected = frozenset(reject.key for reject in current)
    pending = pictures.keys() - indexed - rejected
    return Census(
        indexed=frozenset(indexed),
        rejected=rejected,
        pending=frozenset(pending),
        orphaned=frozenset(orphaned),
        retriable=frozenset(reject.key for reject in current if reject.reason in RETRIABLE),
    )


def _listing(images: Store) -> tuple[dict[str, Head], dict[str, str]]:
    """Pictures by key, and the etag of the sidecar of each that has one."""
    pictures: dict[str, Head] = {}
    sidecars: dict[str, str] = {}
    for key, head in images.keys():
        if key.endswith(SIDECAR_SUFFIX):
            sidecars[key.removesuffix(SIDECAR_SUFFIX)] = head.etag
        elif names_image(key):
            pictures[key] = head
    return pictures, sidecars
