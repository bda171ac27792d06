"""QdrantServer: the index on a Qdrant server or cluster, through qdrant-client."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from qdrant_client import QdrantClient
from qdrant_client import models as q
from qdrant_client.http.exceptions import ResponseHandlingException

from lookalike.catalogue import IndexedImage
from lookalike.errors import IndexUnavailable, UnknownImage
from lookalike.index import (
    BROWSE_ORDER,
    COLLECTION_PREFIX,
    KEYWORD_FIELDS,
    BrowsePosition,
    Candidate,
    Only,
    Vector,
    Wanted,
    browse_page,
    collection_of,
    is_point_id,
    require_point_ids,
    searchable_fields,
    unit,
)

SCAN_PAGE = 1000  # points per scroll: about 1 MB on the wire


class QdrantServer:
    """One collection per model. Whoever builds the client gives it its timeout."""

    def __init__(self, client: QdrantClient) -> None:
        self._client = client

    def open(self, model: str, dimension: int) -> None:
        """Payload indexes come before the first point: filters are slow without them."""
        name = collection_of(model)
        with _server():
            if not self._client.collection_exists(name):
                self._create(name, dimension)
            for field, schema in _payload_indexes().items():
                self._client.create_payload_index(name, field, schema, wait=True)

    def drop(self, model: str) -> None:
        with _server():
            self._client.delete_collection(collection_of(model))

    def models(self) -> list[str]:
        with _server():
            names = [one.name for one in self._client.get_collections().collections]
        ours = [name for name in names if name.startswith(COLLECTION_PREFIX)]
        return sorted(name.removeprefix(COLLECTION_PREFIX) for name in ours)

    def put(self, model: str, image: IndexedImage, vector: Vector) -> None:
        payload = {**image.to_payload(), **searchable_fields(image)}
        point = q.PointStruct(id=image.image_id, vector=vector.tolist(), payload=payload)
        with _server():
            _require_completed(self._client.upsert(collection_of(model), [point], wait=True))

    def delete(self, model: str, image_id: str) -> None:
        if is_point_id(image_id):
            with _server():
                _require_completed(self._client.delete(collection_of(model), [image_id], wait=True))

    def get(self, model: str, image_id: str) -> IndexedImage | None:
        records = self._retrieve(model, [image_id])
        return _images(records)[0] if records else None

    def vector(self, model: str, image_id: str) -> Vector | None:
        records = self._retrieve(model, [image_id], vectors=True)
        return _vectors(records)[0] if records else None

    def nearest(
        self, model: str, wanted: Wanted, limit: int, only: Only, offset: int = 0
    ) -> list[Candidate]:
        require_point_ids(wanted.image_ids)
        request = _request(_recommendation(wanted), limit, only, offset)
        points = self._query(model, [request], wanted.image_ids)[0]
        return _candidates(points)

    def similar(
        self, model: str, image_id: str, limit: int, only: Only, offset: int = 0
    ) -> tuple[IndexedImage, list[Candidate]]:
        require_point_ids([image_id])
        itself = q.Filter(must=[q.HasIdCondition(has_id=[image_id])])
        anchor = q.QueryRequest(filter=itself, limit=1, with_payload=True)
        neighbours = _request(q.NearestQuery(nearest=image_id), limit, only, offset)
        found, points = self._query(model, [anchor, neighbours], [image_id])
        if not found:
            raise UnknownImage(image_id)
        return _images(found)[0], _candidates(points)

    def browse(
        self, model: str, only: Only, limit: int, cursor: str | None
    ) -> tuple[list[IndexedImage], str | None]:
        def read(start: BrowsePosition | None, count: int) -> list[IndexedImage]:
            order = q.OrderBy(
                key=BROWSE_ORDER,
                direction=q.Direction.DESC,
                start_from=start.order if start else None,
            )
            with _server():
                records, _ = self._client.scroll(
                    collection_of(model),
                    scroll_filter=_filter(only, start.given if start else ()),
                    limit=count,
                    order_by=order,
                )
            return _images(records)

        return browse_page(read, limit, cursor)

    def count(self, model: str, only: Only | None = None) -> int:
        where = _filter(only) if only else None
        with _server():
            return self._client.count(collection_of(model), where, exact=True).count

    def scan(self, model: str) -> Iterator[IndexedImage]:
        offset = None
        while True:
            with _server():
                name = collection_of(model)
                records, offset = self._client.scroll(name, limit=SCAN_PAGE, offset=offset)
            yield from _images(records)
            if offset is None:
                return

    def optimize(self, model: str) -> None:
        """Nothing: a server builds its graphs by itself."""

    def close(self) -> None:
        with _server():
            self._client.close()

    def _create(self, name: str, dimension: int) -> None:
        """Two first workers may both find it absent; the second one's failure is no failure."""
        vectors = q.VectorParams(size=dimension, distance=q.Distance.COSINE)
        try:
            self._client.create_collection(name, vectors_config=vectors)
        except Exception:
            if not self._client.collection_exists(name):
                raise

    def _retrieve(self, model: str, image_ids: Sequence[str], vectors: bool = False) -> list[Any]:
        known = [image_id for image_id in image_ids if is_point_id(image_id)]
        with _server():
            return self._client.retrieve(
                collection_of(model), known, with_payload=not vectors, with_vectors=vectors
            )

    def _query(
        self, model: str, requests: Sequence[q.QueryRequest], image_ids: Sequence[str]
    ) -> list[list[q.ScoredPoint]]:
        """One round trip. Only a refused one asks again, which image that it names is missing."""
        try:
            with _server():
                answers = self._client.query_batch_points(collection_of(model), requests)
                return [answer.points for answer in answers]
        except IndexUnavailable as error:
            answered = not isinstance(error.__cause__, ResponseHandlingException)
            if answered and image_ids:
                self._require_present(model, image_ids)
            raise

    def _require_present(self, model: str, image_ids: Sequence[str]) -> None:
        present = {str(record.id) for record in self._retrieve(model, image_ids)}
        for image_id in image_ids:
            if image_id not in present:
                raise UnknownImage(image_id)


@contextmanager
def _server() -> Iterator[None]:
    """Timeouts, 5xx, a missing collection: qdrant-client has no common ancestor for them."""
    try:
        yield
    except IndexUnavailable:
        raise
    except Exception as error:
        raise IndexUnavailable(f"The index did not answer: {error}") from error


def _payload_indexes() -> dict[str, Any]:
    keyword = q.KeywordIndexParams(type=q.KeywordIndexType.KEYWORD)
    indexes: dict[str, Any] = dict.fromkeys(KEYWORD_FIELDS, keyword)
    indexes["key"] = q.KeywordIndexParams(type=q.KeywordIndexType.KEYWORD, prefix=True)
    indexes[BROWSE_ORDER] = q.IntegerIndexParams(
        type=q.IntegerIndexType.INTEGER, lookup=False, range=True
    )
    return indexes


def _require_completed(result: q.UpdateResult) -> None:
    if result.status != q.UpdateStatus.COMPLETED:
        raise IndexUnavailable(f"The index has not finished writing: {result.status}")


def _recommendation(wanted: Wanted) -> q.NearestQuery | q.RecommendQuery:
    vector = None if wanted.vector is None else unit(wanted.vector).tolist()
    if vector is not None and not wanted.image_ids:
        return q.NearestQuery(nearest=vector)
    examples = [*wanted.positive] if vector is None else [*wanted.positive, vector]
    average = q.RecommendStrategy.AVERAGE_VECTOR
    return q.RecommendQuery(
        recommend=q.RecommendInput(positive=examples, negative=[*wanted.negative], strategy=average)
    )


def _request(query: q.Query, limit: int, only: Only, offset: int) -> q.QueryRequest:
    """Qdrant itself leaves out the images that a query names."""
    return q.QueryRequest(
        query=query,
        filter=_filter(only),
        limit=limit,
        offset=offset,
        with_payload=True,
        with_vector=True,
    )


def _filter(only: Only, without: Sequence[str] = ()) -> q.Filter:
    def match(field: str, condition: Any) -> q.FieldCondition:
        return q.FieldCondition(key=field, match=condition)

    must: list[q.Condition] = [match("tags", q.MatchValue(value=tag)) for tag in only.tags]
    if only.statuses:
        must.append(match("status", q.MatchAny(any=list[str](only.statuses))))
    if only.prefix:
        must.append(match("key", q.MatchPrefix(prefix=only.prefix)))
    if without:
        must.append(q.Filter(must_not=[q.HasIdCondition(has_id=[*without])]))
    return q.Filter(must=must)


def _images(points: Sequence[Any]) -> list[IndexedImage]:
    return [IndexedImage.from_payload(point.payload) for point in points]


def _vectors(points: Sequence[Any]) -> Vector:  # (n, dim)
    return np.array([point.vector for point in points], dtype=np.float32)


def _candidates(points: Sequence[Any]) -> list[Candidate]:
    scores = [point.score for point in points]
    return list(map(Candidate, _images(points), scores, _vectors(points)))
