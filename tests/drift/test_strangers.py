"""A point that is no image of ours, whoever put it there, harms nobody and can be told."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import qdrant_edge
from qdrant_client import models as q

from lookalike.catalogue import image_id_of
from lookalike.edge import QdrantEdge
from lookalike.errors import UnknownImage
from lookalike.index import Index, Only, Wanted, collection_of
from lookalike.qdrant_server import QdrantServer
from tests.points import InMemory, image

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")

MODEL = "m-1"
ANY = Only(statuses=())
VECTOR = np.array([1, 0, 0, 0], np.float32)
NUMBER, FOREIGN, DOUBLE, TAKEN = 7, str(UUID(int=1)), str(UUID(int=2)), image_id_of("taken.jpg")
STRANGERS = {NUMBER, FOREIGN, DOUBLE, TAKEN}
PAYLOADS: dict[Any, Any] = {
    NUMBER: {},
    FOREIGN: {"image": "{", "key": 7, "tags": None, "status": "visible"},
    TAKEN: {"name": "not ours", "status": "visible"},
}
OURS = image("ours.jpg")


def edge(folder: Path) -> tuple[Index, Callable[..., None]]:
    index = QdrantEdge(folder)

    def intrude(point: Any, payload: dict[str, Any]) -> None:
        made = qdrant_edge.Point(point, VECTOR.tolist(), payload)
        operation = qdrant_edge.UpdateOperation.upsert_points([made])
        index._shards.update(MODEL, str(point), operation)

    return index, intrude


def memory(folder: Path) -> tuple[Index, Callable[..., None]]:
    connection = InMemory()

    def intrude(point: Any, payload: dict[str, Any]) -> None:
        made = q.PointStruct(id=point, vector=VECTOR.tolist(), payload=payload)
        connection.imitation.upsert(collection_of(MODEL), [made], wait=True)

    return QdrantServer(connection), intrude


@pytest.fixture(params=[edge, memory], ids=["edge", "memory"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    """One image of ours, and four points that are not."""
    made, intrude = request.param(tmp_path / "index")
    made.open(MODEL, len(VECTOR))
    made.put(MODEL, OURS, VECTOR)
    made.put(MODEL, replace(OURS, image_id=DOUBLE), VECTOR)
    for point, payload in PAYLOADS.items():
        intrude(point, payload)
    yield made
    made.close()


def test_a_scan_passes_them_over(index: Index) -> None:
    assert [image.key for image in index.scan(MODEL)] == ["ours.jpg"]


def test_nobody_finds_them(index: Index) -> None:
    found = index.nearest(MODEL, Wanted(VECTOR), 10, ANY)

    assert {candidate.image.key for candidate in found} == {"ours.jpg"}
    assert index.get(MODEL, FOREIGN) is index.get(MODEL, TAKEN) is None
    with pytest.raises(UnknownImage):
        index.similar(MODEL, TAKEN, 10, ANY)


def test_a_picture_whose_place_was_taken_gets_it_back(index: Index) -> None:
    index.put(MODEL, replace(OURS, key="taken.jpg", image_id=TAKEN), VECTOR)

    assert {image.key for image in index.scan(MODEL)} == {"ours.jpg", "taken.jpg"}
    assert set(index.strangers(MODEL)) == STRANGERS - {TAKEN}


def test_they_are_told_and_expelled(index: Index) -> None:
    assert set(index.strangers(MODEL)) == STRANGERS

    index.expel(MODEL, list(index.strangers(MODEL)))
    index.expel(MODEL, [FOREIGN])

    assert set(index.strangers(MODEL)) == set()
    assert index.count(MODEL) == 1
