"""QdrantServer: the index on a Qdrant server or cluster, through qdrant-client."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from qdrant_client import QdrantClient
from qdrant_client import models as q
from qdrant_client.http.exceptions import ResponseHandlingException

from lookalike import qdrant_collection
from lookalike.catalogue import IndexedImage
from lookalike.errors import IndexUnavailable, LookalikeError, UnknownImage
from lookalike.index import (
    BROWSE_ORDER,
    COLLECTION_PREFIX,
    BrowsePosition,
    Candidate,
    Only,
    PointId,
    Vector,
    Wanted,
    browse_page,
    collection_of,
    is_point_id,
    require_point_ids,
    searchable_fields,
)
from lookalike.qdrant_collection import Layout
from lookalike.qdrant_connection import Connection
from lookalike.qdrant_points import candidates_of, images_of, ours, strangers, vectors_of
from lookalike.qdrant_queries import filter_of, recommendation, request_of

SCAN_PAGE = 1000  # points per scroll: about 1 MB on the wire


class QdrantServer:
    """One collection per model.

    prefix: of our collections. Two deployments on one cluster need two: `models` lists, and
        retiring drops, whatever bears it.
    """

    def __init__(
        self,
        connection: Connection,
        prefix: str = COLLECTION_PREFIX,
        layout: Layout | None = None,
    ) -> None:
        self._connection = connection
        self._prefix = prefix
        self._layout = layout or Layout()

    @property
    def _client(self) -> QdrantClient:
        return self._connection.client()

    def open(self, model: str, dimension: int) -> None:
        """Payload indexes come before the first point: filters are slow without them.

        A collection that exists is brought up to date with the layout, as far as it can be.
        """
        name = self._name(model)
        with _server():
            if self._client.collection_exists(name):
                qdrant_collection.update(self._client, name, self._layout)
            else:
                qdrant_collection.create(self._client, name, dimension, self._layout)
            for field, schema in qdrant_collection.payload_indexes().items():
                self._client.create_payload_index(name, field, schema, wait=True)

    def drop(self, model: str) -> None:
        with _server():
            self._client.delete_collection(self._name(model))

    def models(self) -> list[str]:
        with _server():
            names = [one.name for one in self._client.get_collections().collections]
        ours = [name for name in names if name.startswith(self._prefix)]
        return sorted(name.removeprefix(self._prefix) for name in ours)

    def put(self, model: str, image: IndexedImage, vector: Vector) -> None:
        payload = {**image.to_payload(), **searchable_fields(image)}
        point = q.PointStruct(id=image.image_id, vector=vector.tolist(), payload=payload)
        with _server():
            _require_completed(self._client.upsert(self._name(model), [point], wait=True))

    def delete(self, model: str, image_id: str) -> None:
        if is_point_id(image_id):
            with _server():
                _require_completed(self._client.delete(self._name(model), [image_id], wait=True))

    def get(self, model: str, image_id: str) -> IndexedImage | None:
        records = self._retrieve(model, [image_id])
        with _server():
            return next(iter(images_of(records)), None)

    def vector(self, model: str, image_id: str) -> Vector | None:
        records = self._retrieve(model, [image_id], vectors=True)
        with _server():
            return vectors_of(records)[0] if records else None

    def nearest(
        self,
        model: str,
        wanted: Wanted,
        limit: int,
        only: Only,
        offset: int = 0,
        exact: bool = False,
    ) -> list[Candidate]:
        require_point_ids(wanted.image_ids)
        params = qdrant_collection.search_params(self._layout, limit + offset, exact)
        request = request_of(recommendation(wanted), limit, only, offset, params)
        with _server():
            return candidates_of(self._query(model, [request], wanted.image_ids)[0])

    def similar(
        self, model: str, image_id: str, limit: int, only: Only, offset: int = 0
    ) -> tuple[IndexedImage, list[Candidate]]:
        require_point_ids([image_id])
        itself = q.Filter(must=[q.HasIdCondition(has_id=[image_id])])
        anchor = q.QueryRequest(filter=itself, limit=1, with_payload=True)
        params = qdrant_collection.search_params(self._layout, limit + offset)
        neighbours = request_of(q.NearestQuery(nearest=image_id), limit, only, offset, params)
        with _server():
            found, points = self._query(model, [anchor, neighbours], [image_id])
            images = images_of(found)
            if not images:
                raise UnknownImage(image_id)
            return images[0], candidates_of(points)

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
                    self._name(model),
                    scroll_filter=filter_of(only, start.given if start else ()),
                    limit=count,
                    order_by=order,
                )
                return images_of(records)

        return browse_page(read, limit, cursor)

    def count(self, model: str, only: Only | None = None) -> int:
        where = filter_of(only) if only else None
        with _server():
            return self._client.count(self._name(model), where, exact=True).count

    def scan(self, model: str) -> Iterator[IndexedImage]:
        for records in self._pages(model):
            yield from ours(records)

    def strangers(self, model: str) -> Iterator[PointId]:
        for records in self._pages(model):
            yield from strangers(records)

    def expel(self, model: str, points: Sequence[PointId]) -> None:
        ids: list[Any] = list(points)
        with _server():
            _require_completed(self._client.delete(self._name(model), ids, wait=True))

    def _pages(self, model: str) -> Iterator[list[q.Record]]:
        offset = None
        while True:
            with _server():
                name = self._name(model)
                records, offset = self._client.scroll(name, limit=SCAN_PAGE, offset=offset)
            yield records
            if offset is None:
                return

    def optimize(self, model: str) -> None:
        """Nothing: a server builds its graphs by itself."""

    def close(self) -> None:
        self._connection.close()

    def _name(self, model: str) -> str:
        return collection_of(model, self._prefix)

    def _retrieve(self, model: str, image_ids: Sequence[str], vectors: bool = False) -> list[Any]:
        known = [image_id for image_id in image_ids if is_point_id(image_id)]
        with _server():
            return self._client.retrieve(
                self._name(model), known, with_payload=not vectors, with_vectors=vectors
            )

    def _query(
        self, model: str, requests: Sequence[q.QueryRequest], image_ids: Sequence[str]
    ) -> list[list[q.ScoredPoint]]:
        """One round trip. Only a refused one asks again, which image that it names is missing."""
        try:
            with _server():
                answers = self._client.query_batch_points(self._name(model), requests)
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
    """Timeouts, 5xx, a missing collection: qdrant-client has no common ancestor for them. Nor have
    replies that are not what was asked for, so what is made of a reply belongs in here too.
    """
    try:
        yield
    except LookalikeError:
        raise
    except Exception as error:
        raise IndexUnavailable(f"The index did not answer: {error}") from error


def _require_completed(result: q.UpdateResult) -> None:
    if result.status != q.UpdateStatus.COMPLETED:
        raise IndexUnavailable(f"The index has not finished writing: {result.status}")
