"""How good a ranking is, and what chance could have done: pure functions, each with its formula.

Relevance is binary. Formulas: C. D. Manning, P. Raghavan, H. Schütze, "Introduction to Information
Retrieval" (2008), chapter 8, unless another source is named. What is among the first k is counted
as if the ranking had k places, even if the gallery is smaller.

Of equal cosines the picture that stands first in the gallery comes first, for every encoder.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Relevance = NDArray[np.bool_]  # (queries, k): is the i-th nearest relevant?
Total = NDArray[np.int64]  # (queries,) how many relevant pictures there are to find, at least 1
Scores = NDArray[np.float64]  # one number a query, from 0 to 1
Allowed = Callable[[slice], NDArray[np.bool_]]  # of queries: (those, gallery) pairs to compare

CELLS = 16_000_000  # similarities held at once: 64 MB, and as much again to sort them
NOWHERE = -1  # the row of a result that there is none of
RESAMPLES = 1000  # of the bootstrap
FLIPS = 9999  # of the randomisation test: p is at least 1 / 10,000
DRAWN = 8_000_000  # numbers drawn at once: 64 MB
ROUNDING = 1e-12  # two orders of adding up the same numbers


def search(
    queries: Vectors, gallery: Vectors, k: int, allowed: Allowed | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(queries, k) gallery rows by falling cosine, and these cosines; both sides unit length.

    A pair that is not allowed is never found. Where a query has fewer than k allowed pictures its
    row ends in -1, with the cosine NaN.
    """
    found = np.full((len(queries), k), NOWHERE, np.int64)
    similarity = np.full((len(queries), k), np.nan, np.float32)
    step = max(1, CELLS // max(1, len(gallery)))
    for start in range(0, len(queries), step):
        block = slice(start, start + step)
        similar = queries[block] @ gallery.T
        if allowed is not None:
            similar[~allowed(block)] = -np.inf
        order = nearest_of(similar, k)
        best = np.take_along_axis(similar, order, axis=1)
        none = np.isneginf(best)
        found[block, : order.shape[1]] = np.where(none, NOWHERE, order)
        similarity[block, : order.shape[1]] = np.where(none, np.nan, best)
    return found, similarity


def nearest(
    queries: Vectors, gallery: Vectors, k: int, allowed: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """The rows of `search`, at most as many as the gallery has. allowed: (queries, gallery)."""
    k = min(k, len(gallery))
    whole = None if allowed is None else allowed.__getitem__
    return search(queries, gallery, k, whole)[0]


def nearest_of(similar: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """(queries, k) columns by falling similarity; of equals, the first column comes first.

    The same as the first k of a stable sort, without sorting the rest.
    """
    rows, columns = similar.shape
    k = min(k, columns)
    if k == columns or k == 0:
        return np.argsort(-similar, axis=1, kind="stable")[:, :k]
    least = np.partition(similar, columns - k, axis=1)[:, columns - k, None]
    taken = similar >= least
    crowded = np.flatnonzero(taken.sum(axis=1) > k)  # more equals at the border than have room
    if len(crowded):
        above = similar[crowded] > least[crowded]
        level = taken[crowded] & ~above
        room = k - above.sum(axis=1, keepdims=True)
        taken[crowded] = above | (level & (level.cumsum(axis=1, dtype=np.int32) <= room))
    first = np.nonzero(taken)[1].reshape(rows, k)  # by column, so that the sort stays stable
    order = np.argsort(-np.take_along_axis(similar, first, axis=1), axis=1, kind="stable")
    return np.take_along_axis(first, order, axis=1)


def hit_rate(relevant: Relevance, k: int) -> Scores:
    """1 if anything among the first k is relevant, else 0.

    Papers on image retrieval call its mean Recall@k, as the tables here do. Other names: success
    (Success@k of ir-measures), accuracy@k.
    """
    return np.asarray(relevant[:, :k].any(axis=1), np.float64)


def recall(relevant: Relevance, total: Total, k: int) -> Scores:
    """Relevant ones among the first k ÷ all relevant ones: the recall of information retrieval.

    At most k ÷ total, which is below 1 for a label with more than k pictures.
    """
    return np.asarray(relevant[:, :k].sum(axis=1) / total)


def precision(relevant: Relevance, k: int) -> Scores:
    """Relevant ones among the first k ÷ k. At most total ÷ k."""
    return np.asarray(relevant[:, :k].sum(axis=1) / k)


def reciprocal_rank(relevant: Relevance, k: int) -> Scores:
    """1 ÷ the rank of the first relevant one, 0 if it is beyond k. Its mean is MRR@k."""
    first = relevant[:, :k]
    rank = first.argmax(axis=1) + 1
    return np.asarray(np.where(first.any(axis=1), 1 / rank, 0.0))


def average_precision(relevant: Relevance, total: Total, k: int = 10) -> Scores:
    """Sum of the precision at each relevant rank up to k ÷ min(k, total). Its mean is mAP@k.

    Perfect rankings score 1. On purpose not the AP@k of trec_eval and ir-measures, which divides
    by total: there, with 500 relevant pictures, ten right ones of ten score 0.02. The two agree
    where total ≤ k.
    """
    first = relevant[:, :k]
    at_rank = first.cumsum(axis=1) / np.arange(1, first.shape[1] + 1)
    return np.asarray((at_rank * first).sum(axis=1) / np.minimum(k, total))


def ndcg(relevant: Relevance, total: Total, k: int) -> Scores:
    """DCG@k ÷ the DCG@k of a perfect ranking, DCG@k = Σ relevant(rank) / log2(rank + 1), rank ≤ k.

    K. Järvelin, J. Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (2002), with the
    discount of every rank as trec_eval has it; the perfect ranking begins with min(k, total)
    relevant ones.
    """
    first = relevant[:, :k]
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = discount.cumsum()[np.minimum(k, total) - 1]
    return np.asarray((first * discount[: first.shape[1]]).sum(axis=1) / ideal)


def summary(relevant: Relevance, total: Total) -> dict[str, Scores]:
    """The scores every table here shows, by name; `recall@k` is the hit rate."""
    hits = {f"recall@{k}": hit_rate(relevant, k) for k in (1, 5, 10)}
    return {
        **hits,
        "precision@10": precision(relevant, 10),
        "ir_recall@10": recall(relevant, total, 10),
        "mrr@10": reciprocal_rank(relevant, 10),
        "map@10": average_precision(relevant, total, 10),
        "ndcg@10": ndcg(relevant, total, 10),
    }


def labels_to_numbers(*columns: Sequence[str]) -> list[NDArray[np.int64]]:
    """The same number for the same label in all columns."""
    number = {name: i for i, name in enumerate(sorted(set().union(*columns)))}
    return [np.array([number[name] for name in column], np.int64) for column in columns]


def interval(scores: Scores, seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean.

    Queries are drawn with replacement; the gallery stays, so this is how far the mean would move
    with other queries of the same kind, and not with other pictures to find. Queries count as
    independent, so it is too narrow where many are of one session.
    B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
    """
    draw = np.random.default_rng(seed)
    means = [
        scores[draw.integers(len(scores), size=(rows, len(scores)))].mean(axis=1)
        for rows in _portions(RESAMPLES, len(scores))
    ]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)


def paired_interval(ours: Scores, theirs: Scores, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean difference on the same queries."""
    return interval(ours - theirs, seed)


def paired_p(ours: Scores, theirs: Scores, seed: int = 0) -> float:
    """Two-sided p of the mean difference, by a paired randomisation test.

    If the encoders were alike, each query's difference might as well have the other sign. p is the
    share of random signs whose mean is at least as far from 0, ours among them:
    p = (1 + Σ [|mean of flipped| ≥ |mean|]) / (1 + FLIPS), never 0.
    M. D. Smucker, J. Allan, B. Carterette, "A comparison of statistical significance tests for
    information retrieval evaluation" (2007); the 1 + after B. Phipson, G. K. Smyth (2010).
    """
    differences = (ours - theirs)[ours != theirs]  # the others stay 0 with any sign
    if not len(differences):
        return 1.0
    draw = np.random.default_rng(seed)
    seen = abs(differences.sum()) - ROUNDING * np.abs(differences).sum()
    as_far = sum(
        int((np.abs(_signs(draw, rows, len(differences)) @ differences) >= seen).sum())
        for rows in _portions(FLIPS, len(differences))
    )
    return (1 + as_far) / (1 + FLIPS)


def _signs(draw: np.random.Generator, rows: int, columns: int) -> Scores:
    return np.asarray(draw.integers(2, size=(rows, columns)) * 2.0 - 1)


def _portions(rows: int, columns: int) -> Iterator[int]:
    """`rows` in portions of at most DRAWN numbers."""
    most = max(1, DRAWN // max(1, columns))
    for start in range(0, rows, most):
        yield min(most, rows - start)
