"""Pictures as every encoder of a comparison sees them: each is read and decoded once."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike import images
from lookalike.errors import UnreadableImage
from training.pictures import Skipped

BINS = 8  # per colour channel of the histogram, as in the baseline of the data's README
SAID_EVERY = 50  # pictures, of the count that is shown on a terminal

Vector = NDArray[np.float32]
T = TypeVar("T")
Describe = Callable[[Image.Image], Vector]  # unit length


@dataclass
class Described:
    """vectors: by encoder, then by file. sizes: pixels of the original. digests: of the bytes."""

    vectors: dict[str, dict[Path, Vector]]
    sizes: dict[Path, int] = field(default_factory=dict)
    digests: dict[Path, bytes] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True)
class _Seen:
    vectors: list[Vector]
    size: int
    digest: bytes


def described(encoders: Mapping[str, Describe], paths: Sequence[Path], at_least: int) -> Described:
    """Every encoder's vector of every readable file.

    at_least: pixels to decode, `images.enough_for` the encoders. As many pictures are in memory as
    there are cores; which thread took a picture changes nothing.
    """
    found = Described({name: {} for name in encoders})

    def look(path: Path) -> _Seen | Skipped:
        try:
            data = path.read_bytes()
            picture = images.decode(data, at_least)
        except UnreadableImage as error:
            return Skipped(path, str(error))
        except OSError as error:
            return Skipped(path, error.strerror or type(error).__name__)
        vectors = [describe(picture.pixels) for describe in encoders.values()]
        return _Seen(vectors, picture.width * picture.height, hashlib.sha256(data).digest())

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for path, seen in zip(paths, counted(threads.map(look, paths), len(paths)), strict=True):
            if isinstance(seen, Skipped):
                found.skipped.append(seen)
                continue
            found.sizes[path], found.digests[path] = seen.size, seen.digest
            for name, vector in zip(encoders, seen.vectors, strict=True):
                found.vectors[name][path] = vector
    return found


def counted(some: Iterable[T], total: int) -> Iterator[T]:
    """The same, with a count on stderr if that is a terminal."""
    shown = sys.stderr.isatty()
    for number, one in enumerate(some, 1):
        if shown and (number % SAID_EVERY == 0 or number == total):
            end = "\n" if number == total else ""
            print(f"\r{number} of {total} pictures", end=end, file=sys.stderr, flush=True)
        yield one


def histogram(picture: Image.Image) -> Vector:
    """The floor under every encoder: joint RGB histogram of 8 × 8 × 8 bins, its root, unit length.

    The cosine of the roots is the Bhattacharyya coefficient.
    """
    bins = np.asarray(picture.convert("RGB")).reshape(-1, 3) // (256 // BINS)
    counts = np.bincount(bins @ [BINS * BINS, BINS, 1], minlength=BINS**3)
    return np.asarray(np.sqrt(counts / counts.sum()), np.float32)


def shortened(vectors: Mapping[Path, Vector], dimension: int) -> dict[Path, Vector]:
    """The first dimensions alone, unit length again."""
    return {
        path: vector[:dimension] / np.linalg.norm(vector[:dimension])
        for path, vector in vectors.items()
    }
