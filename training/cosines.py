"""How alike a model finds near copies, pictures of one label, and pictures of two."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike import calibration, images
from lookalike.encoder import Encoder
from training import metrics
from training.described import described as read_once
from training.pictures import Labelled

COPIED = 300  # pictures whose near copies are made
MOST_QUERIES, MOST_GALLERY = 2_500, 5_000  # every nth of more: 12.5 M cosines, 100 MB at most
MOST_KEPT = 100_000  # cosines of a kind that a histogram is drawn of

Cosines = NDArray[np.float32]  # one a pair, in one row
Matrix = NDArray[np.float32]  # (queries, gallery) cosines
Pairs = NDArray[np.bool_]  # (queries, gallery)
Vectors = dict[Path, NDArray[np.float32]]
Some = TypeVar("Some", Sequence[Labelled], Sequence[Path], Cosines)


class Compared(NamedTuple):
    """similar: -1 where a pair says nothing. same, other: pairs of one label, of two labels."""

    similar: Matrix
    same: Pairs
    other: Pairs


class Seen(NamedTuple):
    """Vectors of both sides, and the sides without what could not be read."""

    vectors: Vectors
    queries: list[Labelled]
    gallery: list[Labelled]
    skipped: list[Path]

    def compared(self) -> Compared:
        return compared(self.vectors, self.queries, self.gallery)


@dataclass(frozen=True)
class Distributions:
    """Cosines of near copies, of pictures of one label, of two labels: what the thresholds cut."""

    model: str
    copies: Cosines
    same: Cosines
    different: Cosines


def distributions(
    encoder: Encoder, queries: Sequence[Labelled], gallery: Sequence[Labelled]
) -> Distributions:
    """The cosines that `calibrate` looks at, for a histogram of them."""
    seen = described(encoder, queries, gallery)
    pairs = seen.compared()
    same, different = pairs.similar[pairs.same], pairs.similar[pairs.other]
    return Distributions(
        encoder.card.model,
        copies_of(encoder, seen.vectors, seen.queries),
        spread(same, MOST_KEPT),
        spread(different, MOST_KEPT),
    )


def good_matches(pairs: Compared, first: int = 10) -> Cosines:
    """Cosines of the true matches among the first ten results of every query, in one row."""
    order = metrics.nearest_of(pairs.similar, first)
    hits = np.take_along_axis(pairs.same, order, axis=1)
    return np.asarray(np.take_along_axis(pairs.similar, order, axis=1)[hits])


def described(encoder: Encoder, queries: Sequence[Labelled], gallery: Sequence[Labelled]) -> Seen:
    """Large sides are thinned out. What cannot be read is named on the way."""
    queries, gallery = spread(queries, MOST_QUERIES), spread(gallery, MOST_GALLERY)
    files = [*queries, *gallery]
    vectors = encoded(encoder, files)
    asking, asked = ([file for file in side if file.path in vectors] for side in (queries, gallery))
    skipped = dict.fromkeys(file.path for file in files if file.path not in vectors)
    return Seen(vectors, asking, asked, list(skipped))


def encoded(encoder: Encoder, files: Sequence[Labelled]) -> Vectors:
    """Every readable file's vector; the others are named."""
    paths = list(dict.fromkeys(file.path for file in files))
    at_least = images.enough_for(encoder.card.preprocessing.size)
    model = encoder.card.model
    found = read_once({model: lambda picture: encoder.encode([picture])[0]}, paths, at_least)
    for one in found.skipped:
        print(f"skipped {one.path.name}: {one.reason}")
    return found.vectors[model]


def decoded(path: Path, encoder: Encoder) -> Image.Image:
    at_least = images.enough_for(encoder.card.preprocessing.size)
    return images.decode(path.read_bytes(), at_least).pixels


def copies_of(encoder: Encoder, vectors: Vectors, files: Sequence[Labelled]) -> Cosines:
    """Cosines of the first COPIED pictures to near copies of them."""
    found = [file.path for file in files if file.path in vectors][:COPIED]
    rows = [
        calibration.copy_similarities(encoder, [decoded(path, encoder)], vectors[path][None])
        for path in found
    ]
    return np.concatenate(rows) if rows else np.zeros(0, np.float32)


def compared(
    vectors: Vectors, queries: Sequence[Labelled], gallery: Sequence[Labelled]
) -> Compared:
    """Cosines of the pairs that say something.

    A picture and itself say nothing, nor do two of one group, being of one session, nor a picture
    without a label.
    """
    if not queries or not gallery:
        return Compared(np.zeros((0, 0), np.float32), *np.zeros((2, 0, 0), bool))
    ours, theirs = (np.stack([vectors[file.path] for file in side]) for side in (queries, gallery))
    label, labels, group, groups, path, paths = (
        np.array([str(getattr(file, name)) for file in side])
        for name in ("label", "group", "path")
        for side in (queries, gallery)
    )
    one_session = (group[:, None] == groups[None, :]) & (group != "")[:, None]
    known = (label != "")[:, None] & (labels != "")[None, :]
    telling = known & ~one_session & (path[:, None] != paths[None, :])
    alike = label[:, None] == labels[None, :]
    return Compared(np.where(telling, ours @ theirs.T, -1), alike & telling, ~alike & telling)


def spread(several: Some, most: int) -> Some:
    """All, or every nth so that at most `most` are left."""
    return several[:: max(1, -(-len(several) // most))]
