"""What a Qdrant server is sent: keys that rotate, and collections laid out for their size."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws

from lookalike import wiring
from lookalike.errors import IndexUnavailable, SecretUnavailable
from lookalike.index import Only, Wanted
from lookalike.qdrant_collection import QUANTILE, Layout
from lookalike.qdrant_connection import Address, Connection
from lookalike.qdrant_server import QdrantServer

MODEL = "m"
COLLECTION = "/collections/images-m"
INT8 = {"scalar": {"type": "int8", "quantile": QUANTILE, "always_ram": True}}
# Tests have no certificate; in the cloud the address is an https one.
pytestmark = pytest.mark.filterwarnings("ignore:Auth token provider is used with an insecure")


class FakeQdrant(ThreadingHTTPServer):
    """Answers like an empty Qdrant server, and remembers what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.requests: list[tuple[str, str, Any]] = []
        self.keys: list[str | None] = []
        self.exists = False
        self.config: dict[str, Any] = {"vectors": {"size": 3, "distance": "Cosine"}}
        self.quantisation: Any = None
        self.hang_up = 0  # how many requests to answer by closing the connection

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def sent(self, method: str, path: str) -> list[Any]:
        return [body for verb, where, body in self.requests if (verb, where) == (method, path)]

    def result(self, method: str, path: str) -> Any:
        if path.endswith("/exists"):
            return {"exists": self.exists}
        if path.endswith("/query/batch"):
            return [{"points": []}]
        if path.endswith("/collections"):
            return {"collections": []}
        if "/index" in path:
            return {"operation_id": 1, "status": "completed"}
        if method == "GET":
            return {
                "status": "green",
                "optimizer_status": "ok",
                "segments_count": 1,
                "payload_schema": {},
                "config": {
                    "params": self.config,
                    "quantization_config": self.quantisation,
                    "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
                    "optimizer_config": {
                        "deleted_threshold": 0.2,
                        "vacuum_min_vector_number": 1000,
                        "default_segment_number": 0,
                        "flush_interval_sec": 5,
                    },
                },
            }
        return True


class Answer(BaseHTTPRequestHandler):
    server: FakeQdrant

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        path = self.path.partition("?")[0]
        self.server.keys.append(self.headers.get("authorization"))
        self.server.requests.append((self.command, path, body))
        if self.server.hang_up:
            self.server.hang_up -= 1
            self.close_connection = True
            return
        result = self.server.result(self.command, path)
        data = json.dumps({"result": result, "status": "ok", "time": 0.001}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_PUT = do_POST = do_PATCH = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FakeQdrant]:
    fake = FakeQdrant()
    thread = threading.Thread(target=fake.serve_forever, args=(0.01,))
    thread.start()
    yield fake
    fake.shutdown()
    thread.join()
    fake.server_close()


def index_at(server: FakeQdrant, layout: Layout | None = None) -> QdrantServer:
    return QdrantServer(Connection(lambda: Address(server.url), 5), layout=layout)


def test_a_rotated_key_is_sent_with_the_next_request(server: FakeQdrant) -> None:
    address = Address(server.url, "first")
    index = QdrantServer(Connection(lambda: address, 5))

    index.models()
    address = Address(server.url, "second")
    index.models()

    assert server.keys == ["Bearer first", "Bearer second"]


def test_a_server_without_a_key_is_sent_none(server: FakeQdrant) -> None:
    index_at(server).models()

    assert server.keys == [None]


def test_another_address_is_asked_from_then_on(server: FakeQdrant) -> None:
    address = Address("http://127.0.0.1:9", "key")
    index = QdrantServer(Connection(lambda: address, 1))
    with pytest.raises(IndexUnavailable):
        index.models()

    address = Address(server.url, "key")

    assert index.models() == []


def test_a_secret_that_cannot_be_read_is_said_in_its_own_words(server: FakeQdrant) -> None:
    def missing() -> Address:
        raise SecretUnavailable("There is no secret x: create it.")

    with pytest.raises(SecretUnavailable, match="create it"):
        QdrantServer(Connection(missing, 5)).models()


def test_nothing_is_sent_before_the_first_request(server: FakeQdrant) -> None:
    Connection(lambda: Address(server.url, "key"), 5).client()

    assert server.requests == []


def test_a_connection_that_died_in_between_does_not_fail_a_request(server: FakeQdrant) -> None:
    index = index_at(server)
    server.hang_up = 1

    assert index.models() == []
    assert len(server.requests) == 2


def test_a_server_that_keeps_hanging_up_is_unavailable(server: FakeQdrant) -> None:
    server.hang_up = 5

    with pytest.raises(IndexUnavailable):
        index_at(server).models()

    assert len(server.requests) == 2


def test_a_closed_index_opens_again_when_it_is_used(server: FakeQdrant) -> None:
    index = index_at(server)
    index.models()

    index.close()

    assert index.models() == []


def test_without_a_layout_a_collection_is_made_as_the_server_likes_it(server: FakeQdrant) -> None:
    index_at(server).open(MODEL, 3)

    assert server.sent("PUT", COLLECTION) == [{"vectors": {"size": 3, "distance": "Cosine"}}]


def test_a_collection_for_millions_is_int8_in_memory_with_floats_on_disk_in_shards(
    server: FakeQdrant,
) -> None:
    index_at(server, Layout("int8", on_disk=True, shards=3, replicas=2)).open(MODEL, 3)

    assert server.sent("PUT", COLLECTION) == [
        {
            "vectors": {"size": 3, "distance": "Cosine", "on_disk": True},
            "quantization_config": INT8,
            "shard_number": 3,
            "replication_factor": 2,
        }
    ]


def test_payload_indexes_exist_before_the_first_point(server: FakeQdrant) -> None:
    index_at(server).open(MODEL, 3)

    fields = {body["field_name"] for body in server.sent("PUT", f"{COLLECTION}/index")}
    assert fields == {"status", "tags", "group", "key", "browse_order"}


def test_an_existing_collection_is_given_what_its_layout_lacks(server: FakeQdrant) -> None:
    server.exists = True

    index_at(server, Layout("int8", on_disk=True, shards=3, replicas=2)).open(MODEL, 3)

    assert server.sent("PUT", COLLECTION) == []
    assert server.sent("PATCH", COLLECTION) == [
        {
            "vectors": {"": {"on_disk": True}},
            "params": {"replication_factor": 2},
            "quantization_config": INT8,
        }
    ]


def test_an_existing_collection_that_is_as_it_should_be_is_left_alone(server: FakeQdrant) -> None:
    server.exists = True
    server.config["vectors"]["on_disk"] = True
    server.quantisation = INT8

    index_at(server, Layout("int8", on_disk=True)).open(MODEL, 3)

    assert server.sent("PATCH", COLLECTION) == []


def test_nothing_is_taken_away_from_an_existing_collection(server: FakeQdrant) -> None:
    server.exists = True
    server.quantisation = INT8
    server.config["replication_factor"] = 3

    for layout in (Layout(), Layout(replicas=2)):
        index_at(server, layout).open(MODEL, 3)

    assert server.sent("PATCH", COLLECTION) == []


def params_of_a_search(
    server: FakeQdrant, layout: Layout, limit: int = 72, exact: bool = False
) -> Any:
    vector = np.array([1, 0, 0], np.float32)
    index_at(server, layout).nearest(MODEL, Wanted(vector), limit, Only(), exact=exact)
    return server.sent("POST", f"{COLLECTION}/points/query/batch")[-1]["searches"][0].get("params")


@pytest.mark.parametrize(("limit", "scored_again"), [(1, 200), (72, 200), (300, 600)])
def test_an_int8_search_scores_enough_neighbours_again_by_their_floats(
    server: FakeQdrant, limit: int, scored_again: int
) -> None:
    params = params_of_a_search(server, Layout("int8"), limit)["quantization"]

    assert params["rescore"] is True
    assert params["oversampling"] * limit == pytest.approx(scored_again)


def test_an_exact_search_leaves_the_int8_copy_out(server: FakeQdrant) -> None:
    assert params_of_a_search(server, Layout("int8"), exact=True) == {"exact": True}


def test_a_search_without_int8_says_nothing_of_it(server: FakeQdrant) -> None:
    assert params_of_a_search(server, Layout()) is None


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Secrets Manager, and an index that is wired to a secret which is not there yet."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("LOOKALIKE_QDRANT", "secret://lookalike/dev/qdrant")
    monkeypatch.setenv("LOOKALIKE_INDEX_QUANTISATION", "int8")
    monkeypatch.setenv("LOOKALIKE_INDEX_ON_DISK", "true")
    monkeypatch.setenv("LOOKALIKE_INDEX_SHARDS", "2")
    monkeypatch.setenv("LOOKALIKE_INDEX_REPLICAS", "2")
    wiring.forget()
    with mock_aws():
        yield boto3.client("secretsmanager")
    monkeypatch.undo()
    wiring.forget()


def test_a_function_starts_without_its_secret_and_works_once_there_is_one(
    server: FakeQdrant, secrets: Any
) -> None:
    index = wiring.index()
    with pytest.raises(SecretUnavailable, match="create it, as"):
        index.open(MODEL, 3)

    document = json.dumps({"url": server.url, "api_key": "first"})
    secrets.create_secret(Name="lookalike/dev/qdrant", SecretString=document)
    index.open(MODEL, 3)

    assert set(server.keys) == {"Bearer first"}
    (made,) = server.sent("PUT", COLLECTION)
    assert (made["quantization_config"], made["vectors"]["on_disk"]) == (INT8, True)
    assert (made["shard_number"], made["replication_factor"]) == (2, 2)


def test_a_key_that_was_rotated_in_the_secret_is_sent_after_a_restore(
    server: FakeQdrant, secrets: Any
) -> None:
    def write(key: str) -> str:
        return json.dumps({"url": server.url, "api_key": key})

    secrets.create_secret(Name="lookalike/dev/qdrant", SecretString=write("first"))
    wiring.index().models()
    secrets.put_secret_value(SecretId="lookalike/dev/qdrant", SecretString=write("second"))
    wiring.index().models()
    wiring.renew()
    wiring.index().models()

    assert server.keys == ["Bearer first", "Bearer first", "Bearer second"]
