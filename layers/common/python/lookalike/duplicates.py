"""Which candidates show the same picture, in three tiers from certain to likely."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.catalogue import IndexedImage
from lookalike.fingerprints import colour_distance, hash_distance
from lookalike.index import Candidate, Vector

Matches = NDArray[np.bool_]

ROWS_AT_ONCE = 256  # pairs are compared in blocks of rows: 4,000 candidates take 20 MB, not 300


@dataclass(frozen=True, slots=True)
class Likeness:
    """When two pictures count as the same one.

    cosine: at or above, whatever the hashes say.
    hash_bits: at most so many of 64 bits differ, and
    colour: the mean colours are at most so far apart (0 to 441), and
    hash_cosine: the encoder does not object. The hash sees brightness in large shapes only:
        without these two, colourways of one pattern and products on white would be duplicates.
    """

    cosine: float
    hash_bits: int
    colour: float
    hash_cosine: float


@dataclass(frozen=True, slots=True)
class _Fingerprints:
    """One row per candidate. has_hash: flat pictures have none and match none."""

    vectors: Vector  # (n, dim)
    files: NDArray[np.int64]  # equal numbers, equal sha256
    hashes: NDArray[np.uint64]
    has_hash: Matches
    colours: NDArray[np.float32]  # (n, 3)


def vectors_of(candidates: Sequence[Candidate]) -> Vector:
    """(n, dim), a zero row where a candidate came without its vector: it resembles nothing."""
    known = next((one.vector for one in candidates if one.vector is not None), None)
    if known is None:
        return np.zeros((len(candidates), 1), np.float32)
    blank = np.zeros_like(known)
    rows = [blank if one.vector is None else one.vector for one in candidates]
    return np.array(rows, dtype=np.float32)


def cosine(one: Candidate, other: Candidate) -> float | None:
    """None where a candidate came without its vector."""
    if one.vector is None or other.vector is None:
        return None
    return float(one.vector @ other.vector)


def representatives(candidates: Sequence[Candidate], likeness: Likeness) -> dict[int, list[int]]:
    """Row of each picture's first candidate → the later rows that show the same picture.

    Greedy, in the given order: a candidate stands for those like itself, not for those like them,
    so no chain of small steps joins different pictures, and no two representatives are alike.
    """
    if not candidates:
        return {}
    absorbed = np.zeros(len(candidates), bool)
    standing_for: dict[int, list[int]] = {}
    for first, block in _blocks_of_matches(candidates, likeness):
        for row, has_any in enumerate(np.any(block, axis=1), first):
            if absorbed[row]:
                continue
            standing_for[row] = []
            if has_any:
                same = block[row - first] & ~absorbed
                absorbed |= same
                standing_for[row] = np.flatnonzero(same).tolist()
    return standing_for


def why_same(
    image: IndexedImage, other: IndexedImage, cosine: float | None, likeness: Likeness
) -> str | None:
    """In words, by the first tier that holds; None for different pictures."""
    if image.sha256 and image.sha256 == other.sha256:
        return f"the same file as {other.key}"
    if cosine is None:
        return None
    bits = hash_distance(image.phash, other.phash)
    if bits is not None and bits <= likeness.hash_bits and cosine >= likeness.hash_cosine:
        colour = colour_distance(image.colour, other.colour)
        if colour <= likeness.colour:
            return f"looks the same as {other.key}: {bits} of 64 bits, colours {colour:.0f} apart"
    if cosine >= likeness.cosine:
        return f"nearly the same as {other.key}: similarity {cosine:.3f}"
    return None


def _fingerprints(candidates: Sequence[Candidate]) -> _Fingerprints:
    images = [one.image for one in candidates]
    numbers: dict[str, int] = {}
    for row, image in enumerate(images):  # without a sha256: a number of its own
        numbers.setdefault(image.sha256 or f"row {row}", row)
    colours = np.array([int(image.colour or "0", 16) for image in images])
    return _Fingerprints(
        vectors=vectors_of(candidates),
        files=np.array([numbers[im.sha256 or f"row {row}"] for row, im in enumerate(images)]),
        hashes=np.array([int(image.phash or "0", 16) for image in images], np.uint64),
        has_hash=np.array([image.phash != "" for image in images]),
        colours=np.stack([colours >> 16, colours >> 8 & 255, colours & 255], 1).astype(np.float32),
    )


def _blocks_of_matches(
    candidates: Sequence[Candidate], likeness: Likeness
) -> Iterator[tuple[int, Matches]]:
    """The first row of a block, and for each row which later candidates show the same picture."""
    prints = _fingerprints(candidates)
    numbers = np.arange(len(candidates))
    for first in range(0, len(candidates), ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        yield first, _matches(prints, rows, likeness) & (numbers[rows, None] < numbers)


def _matches(prints: _Fingerprints, rows: slice, likeness: Likeness) -> Matches:
    """(rows, n): whether each of these rows shows the same picture as each candidate."""
    bits = np.bitwise_count(prints.hashes[rows, None] ^ prints.hashes)
    cosines = prints.vectors[rows] @ prints.vectors.T
    hashed = prints.has_hash[rows, None] & prints.has_hash & (bits <= likeness.hash_bits)
    hashed &= cosines >= likeness.hash_cosine
    same: Matches = cosines >= likeness.cosine
    same |= prints.files[rows, None] == prints.files
    if hashed.any():
        same |= hashed & (_colour_distances(prints.colours, rows) <= likeness.colour)
    return same


def _colour_distances(colours: NDArray[np.float32], rows: slice) -> NDArray[np.float32]:
    distances = np.zeros((len(colours[rows]), len(colours)), np.float32)
    for channel in colours.T:
        distances += (channel[rows, None] - channel) ** 2
    return np.sqrt(distances)
