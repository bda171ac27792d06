"""One encoder on one protocol: what every query found, whether it was right, and the scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training import metrics
from training.metrics import Relevance, Scores, Vectors
from training.protocols import Protocol, Relation, answerable

FOUND = 10  # results kept of every query; the largest k of every metric


@dataclass(frozen=True)
class Measured:
    """The row of `found`, `similar`, … and the entry of `protocol.queries` of a query agree.

    Queries that nothing could answer are no longer in `protocol.queries`; their number is there.

    found: (queries, FOUND) rows of `protocol.gallery`, the nearest first; -1 where there is none.
    similar: (queries, FOUND) cosines, NaN where there is none.
    relevant: (queries, FOUND). total: (queries,) right answers there are, at least 1.
    scores: by metric, one number a query.
    """

    protocol: Protocol
    encoder: str
    scores: dict[str, Scores]
    found: NDArray[np.int64]
    similar: NDArray[np.float32]
    relevant: Relevance
    total: NDArray[np.int64]


def measure(
    protocol: Protocol, encoder: str, vectors: Mapping[Path, NDArray[np.float32]]
) -> Measured:
    """vectors: unit length, of every file of the protocol. Raises NothingToMeasure without one
    query that can be answered."""
    protocol = answerable(protocol)
    relation = Relation(protocol)
    queries: Vectors = np.stack([vectors[file.path] for file in protocol.queries])
    gallery: Vectors = np.stack([vectors[file.path] for file in protocol.gallery])
    found, similar = metrics.search(queries, gallery, FOUND, relation.allowed)
    relevant = relation.relevant(found)
    scores = metrics.summary(relevant, relation.total)
    return Measured(protocol, encoder, scores, found, similar, relevant, relation.total)
