"""Questions with one right answer among a gallery: where it stands, by each encoder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training import metrics
from training.measured import FOUND, Measured
from training.metrics import CELLS, NOWHERE, Scores, Vectors
from training.pictures import Labelled
from training.protocols import Protocol

BEYOND = -2.0  # below every cosine: of a vector that is no direction


@dataclass(frozen=True)
class Question:
    """asking: where the asking vector is known by. shown: the file to show for it, for a page.

    right: a file of the gallery. left_out: files that are not ranked, since they are the question
    itself or right too.
    """

    asking: Path
    shown: Labelled
    right: Path
    left_out: frozenset[Path] = frozenset()


@dataclass(frozen=True)
class Ranked:
    """ranks: (questions,) from 1; a share where several are equally near. found: for a page."""

    ranks: Scores
    found: Measured

    def high(self, k: int) -> Scores:
        """1 for the first place, falling evenly to 1 ÷ k for the kth, and 0 beyond: the mean of
        the hit rates at 1, 2 … k."""
        return np.asarray(np.clip((k + 1 - self.ranks) / k, 0.0, 1.0), np.float64)

    def hit(self, k: int) -> Scores:
        return np.asarray(self.ranks <= k, np.float64)


def ranked(
    name: str,
    encoder: str,
    questions: Sequence[Question],
    gallery: Sequence[Labelled],
    asking: Mapping[Path, NDArray[np.float32]],
    vectors: Mapping[Path, NDArray[np.float32]],
) -> Ranked:
    """asking, vectors: unit length, of the questions and of the gallery."""
    row_of = {file.path: row for row, file in enumerate(gallery)}
    right = np.array([row_of[one.right] for one in questions], np.int64)
    without = [[row_of[path] for path in one.left_out if path in row_of] for one in questions]
    asked: Vectors = np.stack([asking[one.asking] for one in questions])
    against: Vectors = np.stack([vectors[file.path] for file in gallery])
    ranks, found, similar = _search(asked, against, right, without)
    protocol = Protocol(name, [one.shown for one in questions], list(gallery))
    relevant = found == right[:, None]
    scores = {
        **{f"recall@{k}": metrics.hit_rate(relevant, k) for k in (1, 10)},
        "map@10": metrics.reciprocal_rank(relevant, 10),  # with one right answer they are the same
    }
    total = np.ones(len(questions), np.int64)
    return Ranked(ranks, Measured(protocol, encoder, scores, found, similar, relevant, total))


def _search(
    asked: Vectors, against: Vectors, right: NDArray[np.int64], without: Sequence[Sequence[int]]
) -> tuple[Scores, NDArray[np.int64], NDArray[np.float32]]:
    ranks = np.empty(len(asked))
    found = np.full((len(asked), FOUND), NOWHERE, np.int64)
    nearest = np.full((len(asked), FOUND), np.nan, np.float32)
    step = max(1, CELLS // len(against))
    for start in range(0, len(asked), step):
        block = slice(start, start + step)
        similar = np.nan_to_num(asked[block] @ against.T, nan=BEYOND)
        for row, rows in enumerate(without[block]):
            similar[row, rows] = -np.inf
        ranks[block] = standing(similar, right[block])
        order = metrics.nearest_of(similar, FOUND)
        best = np.take_along_axis(similar, order, axis=1)
        found[block, : order.shape[1]] = np.where(np.isneginf(best), NOWHERE, order)
        nearest[block, : order.shape[1]] = np.where(np.isneginf(best), np.nan, best)
    return ranks, found, nearest


def standing(similar: NDArray[np.float32], right: NDArray[np.int64]) -> Scores:
    """(n,) rank of the right column of every row; of equals the middle, which no order flatters.

    An encoder that finds all alike would otherwise be right every time.
    """
    own = np.take_along_axis(similar, right[:, None], axis=1)
    above, level = (similar > own).sum(axis=1), (similar == own).sum(axis=1)
    return np.asarray(1 + above + (level - 1) / 2, np.float64)
