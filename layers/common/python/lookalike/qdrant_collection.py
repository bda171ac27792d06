"""How a Qdrant server lays a collection out: payload indexes, int8, what lies on disk, copies."""

from dataclasses import dataclass
from typing import Any, Literal

from qdrant_client import QdrantClient
from qdrant_client import models as q

from lookalike.index import BROWSE_ORDER, KEYWORD_FIELDS

# An int8 copy confuses neighbours that are nearly as near as each other; the float vectors put them
# right, if they are among those scored again. Over 20,000 vectors of 256 floats in 20 clusters, of
# the true neighbours were found, scoring as many as asked for, twice as many, or 200:
#   3 nearest 0.870, 0.968, 1.000     72 nearest 0.906, 0.996, 1.000
OVERSAMPLING = 2.0
MIN_RESCORED = 200  # each is a read from disk where the floats lie there
# The outermost hundredth of all values is clipped, so that a few do not stretch the 256 steps.
QUANTILE = 0.99


@dataclass(frozen=True, slots=True)
class Layout:
    """What differs between a cluster for thousands of pictures and one for millions.

    int8: search compares an int8 copy, a quarter of the size and always in memory, and scores what
        it finds by the float vectors. on_disk: those are read from disk.
    shards: fixed once a collection exists. replicas: copies of each shard.
    """

    quantisation: Literal["none", "int8"] = "none"
    on_disk: bool = False
    shards: int = 1
    replicas: int = 1

    @property
    def quantised(self) -> bool:
        return self.quantisation == "int8"


def create(client: QdrantClient, name: str, dimension: int, layout: Layout) -> None:
    """Two first workers may both find it absent; the second one's failure is no failure."""
    on_disk = layout.on_disk or None
    vectors = q.VectorParams(size=dimension, distance=q.Distance.COSINE, on_disk=on_disk)
    try:
        client.create_collection(
            name,
            vectors_config=vectors,
            quantization_config=_int8() if layout.quantised else None,
            shard_number=layout.shards if layout.shards > 1 else None,
            replication_factor=layout.replicas if layout.replicas > 1 else None,
        )
    except Exception:
        if not client.collection_exists(name):
            raise


def update(client: QdrantClient, name: str, layout: Layout) -> None:
    """Give an existing collection what its layout lacks; the server rebuilds while it answers.

    Otherwise a changed setting would wait, unseen, for the next model. Nothing is taken away from
    a collection: the floats may not fit into memory any more, and who set a cluster up by hand
    should find it as it was. Asks for nothing that is there already, so a repeat costs one read.
    """
    if layout == Layout():
        return
    config = client.get_collection(name).config
    vectors = config.params.vectors
    changes: dict[str, Any] = {}
    if layout.quantised and config.quantization_config is None:
        changes["quantization_config"] = _int8()
    if layout.on_disk and isinstance(vectors, q.VectorParams) and not vectors.on_disk:
        changes["vectors_config"] = {"": q.VectorParamsDiff(on_disk=True)}
    if layout.replicas > (config.params.replication_factor or 1):
        changes["collection_params"] = q.CollectionParamsDiff(replication_factor=layout.replicas)
    if changes:
        client.update_collection(name, **changes)


def search_params(layout: Layout, count: int, exact: bool = False) -> q.SearchParams | None:
    """For the `count` nearest.

    exact: every float vector is compared; the server leaves the int8 copy out by itself.
    """
    if exact:
        return q.SearchParams(exact=True)
    if not layout.quantised:
        return None
    oversampling = max(OVERSAMPLING, MIN_RESCORED / count)
    rescored = q.QuantizationSearchParams(rescore=True, oversampling=oversampling)
    return q.SearchParams(quantization=rescored)


def payload_indexes() -> dict[str, Any]:
    keyword = q.KeywordIndexParams(type=q.KeywordIndexType.KEYWORD)
    indexes: dict[str, Any] = dict.fromkeys(KEYWORD_FIELDS, keyword)
    indexes["key"] = q.KeywordIndexParams(type=q.KeywordIndexType.KEYWORD, prefix=True)
    indexes[BROWSE_ORDER] = q.IntegerIndexParams(
        type=q.IntegerIndexType.INTEGER, lookup=False, range=True
    )
    return indexes


def _int8() -> q.ScalarQuantization:
    # `always_ram` is the older word for pinned memory: every server understands it.
    scalar = q.ScalarQuantizationConfig(type=q.ScalarType.INT8, quantile=QUANTILE, always_ram=True)
    return q.ScalarQuantization(scalar=scalar)
