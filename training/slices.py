"""Where an encoder does well and where it fails: scores by class and by size of the picture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.measured import Measured

EDGE = 10  # classes shown from either end
RANKED_BY = "map@10"
THIRDS = ("small", "middling", "large")


@dataclass(frozen=True)
class Slice:
    """rows: of the queries of `measured` that belong to it."""

    measured: Measured
    kind: Literal["class", "size"]
    name: str
    rows: NDArray[np.int64]

    def mean(self, metric: str) -> float:
        return float(self.measured.scores[metric][self.rows].mean())


def by_class(measured: Measured) -> list[Slice]:
    """One for each label of the queries, the worst first."""
    labels = np.array([file.label for file in measured.protocol.queries])
    slices = [
        Slice(measured, "class", str(label), np.flatnonzero(labels == label))
        for label in np.unique(labels)
    ]
    return sorted(slices, key=lambda one: one.mean(RANKED_BY))


def by_size(measured: Measured, sizes: Mapping[Path, int]) -> list[Slice]:
    """Queries in thirds by the pixels of the original picture; pictures of one size stay together,
    so that there are fewer slices where many have the same.

    sizes: pixels, width × height.
    """
    pixels = np.array([sizes[file.path] for file in measured.protocol.queries])
    borders = np.quantile(pixels, [1 / 3, 2 / 3], method="lower")
    third = np.searchsorted(borders, pixels, side="left")
    rows = {name: np.flatnonzero(third == i) for i, name in enumerate(THIRDS)}
    return [
        Slice(measured, "size", f"{name}, {_span(pixels[chosen])}", chosen)
        for name, chosen in rows.items()
        if len(chosen)
    ]


def edges(slices: Sequence[Slice]) -> list[Slice]:
    """The worst and the best, or all if these are not many."""
    if len(slices) <= 2 * EDGE:
        return list(slices)
    return [*slices[:EDGE], *slices[-EDGE:]]


def every(rows: Sequence[Measured], sizes: Mapping[Path, int]) -> Iterator[Slice]:
    for row in rows:
        yield from by_class(row)
        yield from by_size(row, sizes)


def _span(pixels: NDArray[np.int64]) -> str:
    return f"{pixels.min():,}–{pixels.max():,} pixels"
