"""Whether a filled collection is fit to serve: samples against their pictures and exact search."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from lookalike import images
from lookalike.catalogue import IndexedImage
from lookalike.encoder import Encoder
from lookalike.errors import UnreadableImage
from lookalike.index import Candidate, Index, Only, Vector, Wanted
from lookalike.stores import MissingObject, Store

SAMPLES = 100  # queries of 10 neighbours: the standard error of a recall of 0.95 is 0.007
CANARIES = 20  # pictures encoded anew; one wrong point in ten is then found nine times in ten
NEIGHBOURS = 10
ENOUGH_RECALL = 0.95  # a graph that was built badly, or with too few links, falls far below
# Another JPEG scale moves a vector by 0.001 or so; vectors of another encoder are strangers.
SAME_PICTURE = 0.98
TIE = 1e-3  # copies of a picture have its score, but for rounding and quantisation
UNIT_TOLERANCE = 1e-3
ANY = Only(statuses=())


@dataclass(frozen=True, slots=True)
class Verification:
    """behind: pictures that the live collection has and this one lacks. indexed: its points.

    problems: a sentence for each thing that must not be so in a collection that serves.
    """

    model: str
    behind: int
    indexed: int
    live_indexed: int
    problems: tuple[str, ...]

    @property
    def ready(self) -> bool:
        return not self.behind and not self.problems

    @property
    def sentence(self) -> str:
        """What speaks against it; "" when nothing does."""
        lacks = (f"{self.behind} pictures are not in it yet.",) if self.behind else ()
        return " ".join((*lacks, *self.problems))


def problems(store: Store, index: Index, encoder: Encoder) -> tuple[str, ...]:
    """What is wrong with the collection of this encoder, as far as samples show.

    Ids are hashes, so the first of a scan are a fair sample. An empty collection has no fault.
    """
    model = encoder.card.model
    found = [(one, index.vector(model, one.image_id)) for one in islice(index.scan(model), SAMPLES)]
    sample = [(image, vector) for image, vector in found if vector is not None]
    if said := _shapes([vector for _, vector in sample], encoder.card.dimension):
        return said
    return _canaries(store, index, encoder, sample[:CANARIES]) + _recall(index, model, sample)


def _shapes(vectors: Sequence[Vector], dimension: int) -> tuple[str, ...]:
    def is_sound(vector: Vector) -> bool:
        length = float(np.linalg.norm(vector))
        return vector.shape == (dimension,) and abs(length - 1) <= UNIT_TOLERANCE  # NaN is not

    wrong = sum(not is_sound(vector) for vector in vectors)
    if not wrong:
        return ()
    return (f"{wrong} of {len(vectors)} vectors are no unit vectors of {dimension} numbers.",)


def _canaries(
    store: Store, index: Index, encoder: Encoder, sample: Sequence[tuple[IndexedImage, Vector]]
) -> tuple[str, ...]:
    """Encoded from its bytes, a picture must find itself: else these are another model's vectors.

    A picture that changed since is passed over: an event for it is on its way.
    """
    asked, lost = 0, []
    for image, stored in sample:
        fresh = _encode(store, image, encoder)
        if fresh is not None:
            asked += 1
            near = index.nearest(encoder.card.model, Wanted(fresh), NEIGHBOURS, ANY)
            if not _finds_itself(image, float(fresh @ stored), near):
                lost.append(image.key)
    if not lost:
        return ()
    return (f"{len(lost)} of {asked} pictures do not find themselves, {lost[0]!r} for one.",)


def _finds_itself(image: IndexedImage, own_score: float, near: Sequence[Candidate]) -> bool:
    """A picture with more copies than there are neighbours may be crowded out by them."""
    if own_score < SAME_PICTURE:
        return False
    among = any(one.image.image_id == image.image_id for one in near)
    crowded = len(near) == NEIGHBOURS and near[-1].score >= own_score - TIE
    return among or crowded


def _encode(store: Store, image: IndexedImage, encoder: Encoder) -> Vector | None:
    try:
        data, etag = store.get(image.key, images.MAX_BYTES)
        enough = images.enough_for(encoder.card.preprocessing.size)
        picture = images.decode(data, at_least=enough)
    except (MissingObject, UnreadableImage):
        return None
    return encoder.encode([picture.pixels])[0] if etag == image.etag else None


def _recall(
    index: Index, model: str, sample: Sequence[tuple[IndexedImage, Vector]]
) -> tuple[str, ...]:
    """recall@10 = found with at least the 10th exact score ÷ 10: a copy is as good as another."""
    wanted = found = 0
    for _, vector in sample:
        exact = index.nearest(model, Wanted(vector), NEIGHBOURS, ANY, exact=True)
        quick = index.nearest(model, Wanted(vector), NEIGHBOURS, ANY)
        wanted += len(exact)
        found += sum(one.score >= exact[-1].score - TIE for one in quick) if exact else 0
    if not wanted or found / wanted >= ENOUGH_RECALL:
        return ()
    return (
        f"Its search finds {found / wanted:.3f} of the true {NEIGHBOURS} nearest, of "
        f"{len(sample)} pictures; {ENOUGH_RECALL} is needed.",
    )
