"""How good a ranking is: pure functions of relevance, each with its formula."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Relevance = NDArray[np.bool_]  # (queries, k): is the i-th nearest relevant?
Scores = NDArray[np.float64]  # one number a query

RESAMPLES = 1000
BLOCK = 512  # queries compared at once: bounds the memory at BLOCK × gallery similarities


def nearest(
    queries: Vectors, gallery: Vectors, k: int, allowed: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """(queries, k) gallery rows by falling cosine; both sides unit length.

    allowed: (queries, gallery); a pair that is not allowed is never found. Rows of a query with
    fewer than k allowed pictures end in -1.
    """
    k = min(k, len(gallery))
    found = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), BLOCK):
        block = slice(start, start + BLOCK)
        similar = queries[block] @ gallery.T
        if allowed is not None:
            similar = np.where(allowed[block], similar, -np.inf)
        order = nearest_of(similar, k)
        missing = np.isneginf(np.take_along_axis(similar, order, axis=1))
        found[block] = np.where(missing, -1, order)
    return found


def nearest_of(similar: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """(queries, k) columns by falling similarity; of equals, the first column comes first."""
    return np.argsort(-similar, axis=1, kind="stable")[:, :k]


def hit_rate(relevant: Relevance, k: int) -> Scores:
    """1 if anything among the first k is relevant. Often called Recall@k in retrieval papers."""
    return relevant[:, :k].any(axis=1).astype(np.float64)


def average_precision(relevant: Relevance, total: NDArray[np.int64], k: int = 10) -> Scores:
    """Mean of the precision at each relevant rank up to k, over min(k, total) such ranks.

    total: (queries,) how many relevant pictures the gallery holds for each query, at least 1.
    """
    first = relevant[:, :k]
    precision = first.cumsum(axis=1) / np.arange(1, first.shape[1] + 1)
    return np.asarray((precision * first).sum(axis=1) / np.minimum(k, total))


def interval(scores: Scores, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean, queries drawn with replacement."""
    draw = np.random.default_rng(seed)
    rows = draw.integers(len(scores), size=(RESAMPLES, len(scores)))
    low, high = np.percentile(scores[rows].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def paired_interval(ours: Scores, theirs: Scores, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean difference on the same queries."""
    return interval(ours - theirs, seed)


def summary(relevant: Relevance, total: NDArray[np.int64]) -> dict[str, Scores]:
    """The scores every table here shows, by name."""
    hits = {f"recall@{k}": hit_rate(relevant, k) for k in (1, 5, 10)}
    return {**hits, "map@10": average_precision(relevant, total)}


def labels_to_numbers(*columns: Sequence[str]) -> list[NDArray[np.int64]]:
    """The same number for the same label in all columns."""
    number = {name: i for i, name in enumerate(sorted(set().union(*columns)))}
    return [np.array([number[name] for name in column], np.int64) for column in columns]
