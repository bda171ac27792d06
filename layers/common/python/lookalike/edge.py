"""QdrantEdge: the index as a folder, with Qdrant's own engine running in this process."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import qdrant_edge as engine

from lookalike.catalogue import IndexedImage
from lookalike.edge_points import Remembered, images_of, ours, to_payload, vectors_of
from lookalike.edge_shards import Shards
from lookalike.errors import IndexUnavailable, LookalikeError, UnknownImage
from lookalike.index import (
    BROWSE_ORDER,
    BrowsePosition,
    Candidate,
    Only,
    PointId,
    Vector,
    Wanted,
    browse_page,
    is_point_id,
    require_point_ids,
    steer,
    unit,
)

SCAN_PAGE = 1000  # points per scroll: about 1 MB in memory


class QdrantEdge:
    """One shard per model under `folder`; safe for many threads, and for one process at a time.

    A put is in the write-ahead log when it returns: it survives a killed process, not a power cut.
    """

    def __init__(self, folder: Path) -> None:
        self._shards = Shards(folder)
        self._memories: dict[str, Remembered] = {}

    def open(self, model: str, dimension: int) -> None:
        with _engine(model):
            self._shards.open(model, dimension)

    def drop(self, model: str) -> None:
        with _engine(model):
            self._shards.drop(model)

    def models(self) -> list[str]:
        return self._shards.models()

    def put(self, model: str, image: IndexedImage, vector: Vector) -> None:
        point = engine.Point(image.image_id, vector.tolist(), to_payload(image))
        self._update(model, image.image_id, engine.UpdateOperation.upsert_points([point]))

    def delete(self, model: str, image_id: str) -> None:
        if is_point_id(image_id):
            self._update(model, image_id, engine.UpdateOperation.delete_points([image_id]))

    def get(self, model: str, image_id: str) -> IndexedImage | None:
        records = self._retrieve(model, [image_id], payload=True)
        return next(iter(images_of(records)), None)

    def vector(self, model: str, image_id: str) -> Vector | None:
        records = self._retrieve(model, [image_id], vector=True)
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
        known = self._vectors_of(model, wanted.image_ids)
        towards = [known[image_id] for image_id in wanted.positive]
        if wanted.vector is not None:
            towards.append(unit(wanted.vector))
        query = steer(towards, [known[image_id] for image_id in wanted.negative])
        where = _filter(only, wanted.image_ids)
        return self._candidates(model, _request(query, limit, offset, where, exact))

    def similar(
        self, model: str, image_id: str, limit: int, only: Only, offset: int = 0
    ) -> tuple[IndexedImage, list[Candidate]]:
        anchor = self._retrieve(model, [image_id], payload=True, vector=True)
        images = images_of(anchor)
        if not images:
            raise UnknownImage(image_id)
        request = _request(vectors_of(anchor)[0], limit, offset, _filter(only, [image_id]))
        return images[0], self._candidates(model, request)

    def browse(
        self, model: str, only: Only, limit: int, cursor: str | None
    ) -> tuple[list[IndexedImage], str | None]:
        def read(start: BrowsePosition | None, count: int) -> list[IndexedImage]:
            request = engine.ScrollRequest(
                limit=count,
                filter=_filter(only, start.given if start else ()),
                with_payload=True,
                order_by=engine.OrderBy(
                    BROWSE_ORDER, engine.Direction.Desc, start.order if start else None
                ),
            )
            with _engine(model):
                return images_of(self._shards.get(model).scroll(request)[0])

        return browse_page(read, limit, cursor)

    def count(self, model: str, only: Only | None = None) -> int:
        request = engine.CountRequest(exact=True, filter=_filter(only) if only else None)
        with _engine(model):
            return int(self._shards.get(model).count(request))

    def scan(self, model: str) -> Iterator[IndexedImage]:
        for records in self._pages(model):
            yield from (image for _, image in ours(records) if image)

    def strangers(self, model: str) -> Iterator[PointId]:
        for records in self._pages(model):
            yield from (_plain(record.id) for record, _ in ours(records, yes=False))

    def expel(self, model: str, points: Sequence[PointId]) -> None:
        for point in points:
            operation = engine.UpdateOperation.delete_points([point])
            self._update(model, str(point), operation)

    def _pages(self, model: str) -> Iterator[list[engine.Record]]:
        offset = None
        while True:
            request = engine.ScrollRequest(offset=offset, limit=SCAN_PAGE, with_payload=True)
            with _engine(model):
                records, offset = self._shards.get(model).scroll(request)
            yield list(records)
            if offset is None:
                return

    def optimize(self, model: str) -> None:
        """Build the graph, if enough images came since the last one; minutes per 100,000 images.

        Reads and writes go on meanwhile.
        """
        with _engine(model):
            self._shards.rebuild(model)

    def close(self) -> None:
        with _engine("every model"):
            self._shards.close()

    def _update(self, model: str, image_id: str, operation: engine.UpdateOperation) -> None:
        with _engine(model):
            self._shards.update(model, image_id, operation)

    def _retrieve(
        self, model: str, image_ids: Sequence[str], payload: bool = False, vector: bool = False
    ) -> list[engine.Record]:
        known: list[Any] = [image_id for image_id in image_ids if is_point_id(image_id)]
        with _engine(model):
            return list(self._shards.get(model).retrieve(known, payload, vector))

    def _vectors_of(self, model: str, image_ids: tuple[str, ...]) -> dict[str, Vector]:
        require_point_ids(image_ids)
        if not image_ids:
            return {}
        records = self._retrieve(model, image_ids, vector=True)
        known = dict(zip((str(record.id) for record in records), vectors_of(records), strict=True))
        for image_id in image_ids:
            if image_id not in known:
                raise UnknownImage(image_id)
        return known

    def _candidates(self, model: str, request: engine.QueryRequest) -> list[Candidate]:
        with _engine(model):
            memory = self._memory(model)
            return memory.candidates(memory.shard.query(request))

    def _memory(self, model: str) -> Remembered:
        """Of the shard that is open now: another one numbers its changes anew."""
        shard = self._shards.get(model)
        memory = self._memories.get(model)
        if memory is None or memory.shard is not shard:
            memory = self._memories[model] = Remembered(shard)
        return memory


@contextmanager
def _engine(model: str) -> Iterator[None]:
    """Whatever the engine raises is an index out of order: plain `Exception`s in its words, and
    for a bug of its own a PanicException, which is no Exception."""
    try:
        yield
    except LookalikeError:
        raise
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise IndexUnavailable(_advice(model, str(error))) from error
        raise


def _plain(point_id: Any) -> PointId:
    return point_id if isinstance(point_id, int) else str(point_id)


def _advice(model: str, trouble: str) -> str:
    if "WouldBlock" in trouble:
        return "The index is open in another process; close that one first."
    return f"The index of {model} did not answer: {trouble}"


def _request(
    query: Vector, limit: int, offset: int, where: engine.Filter, exact: bool = False
) -> engine.QueryRequest:
    """Only ids, versions and scores: what lies behind them may be remembered."""
    nearest = engine.Query.Nearest(query.tolist())
    params = engine.SearchParams(exact=True) if exact else None
    return engine.QueryRequest(
        query=nearest, filter=where, limit=limit, offset=offset, params=params
    )


def _filter(only: Only, without: Sequence[str] = ()) -> engine.Filter:
    def match(field: str, condition: Any) -> engine.FieldCondition:
        return engine.FieldCondition(key=field, match=condition)

    must: list[Any] = [match("tags", engine.MatchValue(tag)) for tag in only.tags]
    if only.statuses:
        must.append(match("status", engine.MatchAny(list[str](only.statuses))))
    if only.prefix:
        must.append(match("key", engine.MatchPrefix(only.prefix)))
    if without:
        must.append(engine.Filter(must_not=[engine.HasIdCondition({*without})]))
    return engine.Filter(must=must)
