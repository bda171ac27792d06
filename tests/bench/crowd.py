"""A large catalogue without its pictures: points around the vectors of real ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike import images, wiring
from lookalike.catalogue import IndexedImage, image_id_of
from lookalike.encoder import Encoder

Vectors = NDArray[np.float32]

RARE = "one in a hundred"  # the tag that the filtered searches ask for
NEAREST, FARTHEST = 0.95, 0.75  # cosine of a point with the picture it lies around
CENTRES = 1_000  # of 100,000 points: a page of look-alikes fits into one neighbourhood


@dataclass(frozen=True, slots=True)
class Crowd:
    """vectors: (n, dimension). rare: (n,) who has the rare tag. centres: of the pictures."""

    image_ids: tuple[str, ...]
    vectors: Vectors
    rare: NDArray[np.bool_]
    centres: Vectors


def planned(encoder: Encoder, pictures: Sequence[Path], points: int, seed: int = 1) -> Crowd:
    rng = np.random.default_rng(seed)
    decoded = (images.decode(path.read_bytes()).pixels for path in pictures[:CENTRES])
    centres = np.concatenate([encoder.encode([pixels]) for pixels in decoded])
    vectors = around(centres, np.arange(points) % len(centres), rng)
    ids = tuple(image_id_of(_key(number)) for number in range(points))
    return Crowd(ids, vectors, np.arange(points) % 100 == 42, centres)


def around(centres: Vectors, rows: NDArray[np.int64], rng: np.random.Generator) -> Vectors:
    """Unit vectors at random cosines from NEAREST to FARTHEST with the centres of these rows."""
    towards = centres[rows]
    noise = rng.standard_normal(towards.shape, dtype=np.float32)
    noise -= (noise * towards).sum(axis=1, keepdims=True) * towards
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    cosine = rng.uniform(FARTHEST, NEAREST, (len(rows), 1)).astype(np.float32)
    return np.asarray(cosine * towards + np.sqrt(1 - cosine**2) * noise, np.float32)


def fill(crowd: Crowd, model: str) -> None:
    """Put every point through our own adapter, then have the engine build its graph."""
    index = wiring.index()
    rng = np.random.default_rng(2)
    now = datetime.now(UTC).isoformat()
    for number, (vector, rare) in enumerate(zip(crowd.vectors, crowd.rare, strict=True)):
        index.put(model, _image(number, bool(rare), now, rng), vector)
    index.optimize(model)


def _key(number: int) -> str:
    return f"crowd/{number % 97:02}/picture {number:06}.jpg"


def _image(number: int, rare: bool, now: str, rng: np.random.Generator) -> IndexedImage:
    return IndexedImage(
        image_id=image_id_of(_key(number)),
        key=_key(number),
        etag=f"{number:x}-18cf2-{number:x}",
        sidecar_etag="",
        uploaded_at=now,
        indexed_at=now,
        width=1600,
        height=1200,
        bytes=345_678,
        format="JPEG",
        sha256=rng.bytes(32).hex(),
        phash=rng.bytes(8).hex(),
        colour=rng.bytes(3).hex(),
        tags=("bench", RARE) if rare else ("bench",),
        status="visible",
    )
