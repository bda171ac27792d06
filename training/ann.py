"""What the index loses: how many of the exactly nearest pictures the engine returns.

Apart from relevance: an index that loses nothing is no better than its encoder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from lookalike.catalogue import IndexedImage, image_id_of
from lookalike.edge import QdrantEdge
from lookalike.edge_shards import WORTH_A_GRAPH
from lookalike.index import Candidate, Only, Wanted
from training import metrics
from training.protocols import Protocol

NEAREST = 10
MODEL = "measured"
SOME_DAY = "2000-01-01T00:00:00+00:00"
SAME = 1e-5  # of a cosine: the engine adds up in another order than NumPy


@dataclass(frozen=True)
class IndexRecall:
    """recall: mean share of the NEAREST that came back. graph: False if the engine compared all."""

    protocol: str
    encoder: str
    recall: float
    queries: int
    points: int
    graph: bool


def index_recall(
    protocol: Protocol, encoder: str, vectors: Mapping[Path, NDArray[np.float32]]
) -> IndexRecall:
    """Put the gallery into Qdrant Edge in a temporary folder and ask for every query's nearest.

    Nothing is left out of the answers, the query's own picture neither. A result counts if its
    cosine reaches that of the last of the exactly nearest, so that equals may stand in for each
    other.
    """
    gallery = np.stack([vectors[file.path] for file in protocol.gallery])
    queries = np.stack([vectors[file.path] for file in protocol.queries])
    wanted = min(NEAREST, len(gallery))
    least = metrics.search(queries, gallery, wanted)[1][:, -1]
    with TemporaryDirectory() as folder:
        index = QdrantEdge(Path(folder))
        try:
            fill(index, gallery)
            shares = [
                sum(found.score >= bound - SAME for found in _ask(index, query)) / wanted
                for query, bound in zip(queries, least, strict=True)
            ]
        finally:
            index.close()
    graph = len(gallery) >= WORTH_A_GRAPH
    return IndexRecall(
        protocol.name, encoder, float(np.mean(shares)), len(queries), len(gallery), graph
    )


def fill(index: QdrantEdge, gallery: NDArray[np.float32]) -> None:
    index.open(MODEL, gallery.shape[1])
    for row, vector in enumerate(gallery):
        key = f"{row}.jpg"
        image = IndexedImage(
            image_id=image_id_of(key),
            key=key,
            etag="",
            sidecar_etag="",
            uploaded_at=SOME_DAY,
            indexed_at=SOME_DAY,
            width=1,
            height=1,
            bytes=1,
            format="JPEG",
            sha256="",
            phash="",
            colour="",
            status="visible",
        )
        index.put(MODEL, image, vector)
    index.optimize(MODEL)


def _ask(index: QdrantEdge, query: NDArray[np.float32]) -> list[Candidate]:
    return index.nearest(MODEL, Wanted(query), NEAREST, Only())
