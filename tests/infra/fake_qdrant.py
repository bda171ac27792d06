"""Qdrant's REST interface, as far as we use it, over qdrant-client's engine in memory.

Requests are read with the client's own models, so a request that Qdrant's schema does not know is
refused here too. Exact search, no concurrency, no replicas: a test of who talks to it, not of it.
"""

import json
import re
import threading
import warnings
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter
from qdrant_client import QdrantClient
from qdrant_client import models as q

Answer = Callable[[QdrantClient, str, Any], Any]

ROUTES: dict[tuple[str, str], Answer] = {}


def route(method: str, path: str) -> Callable[[Answer], Answer]:
    def add(answer: Answer) -> Answer:
        ROUTES[method, path] = answer
        return answer

    return add


class FakeQdrant(ThreadingHTTPServer):
    """Listens while it is a context; `url` says where. With `api_key`, nobody else gets in."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, api_key: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.api_key = api_key
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.engine = QdrantClient(":memory:")
        self.lock = threading.Lock()
        self.asked: list[str] = []  # "PUT /collections/…" of every request, refused ones too

    def __enter__(self) -> "FakeQdrant":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self.engine.close()

    def answer(self, method: str, path: str, body: Any) -> Any:
        found = re.fullmatch(r"/collections(?:/([^/]+)(.*))?", path)
        name, rest = (found[1] or "", found[2] or "") if found else ("", path)
        wanted = (method, f"/NAME{rest}" if name else rest)
        if wanted not in ROUTES:
            raise LookupError(f"{method} {path} is not known to this fake")
        with self.lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that payload indexes do nothing in memory
            return ROUTES[wanted](self.engine, name, body)


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FakeQdrant

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        self.server.asked.append(f"{self.command} {path}")
        if self.server.api_key and not self._is_known():
            return self._reply(401, {"status": {"error": "Must provide an API key"}})
        try:
            result = self.server.answer(self.command, path, json.loads(body or b"null"))
        except Exception as error:
            return self._reply(404, {"status": {"error": str(error)}, "time": 0.0})
        return self._reply(200, {"result": result, "status": "ok", "time": 0.0})

    do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 (as http.server names them)

    def _is_known(self) -> bool:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.server.api_key in (given, self.headers.get("api-key"))

    def _reply(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def plain(value: Any) -> Any:
    return TypeAdapter(Any).dump_python(value, mode="json")


def completed() -> Any:
    return {"operation_id": 0, "status": "completed"}


@route("GET", "")
def collections(engine: QdrantClient, name: str, body: Any) -> Any:
    return plain(engine.get_collections())


@route("GET", "/NAME/exists")
def exists(engine: QdrantClient, name: str, body: Any) -> Any:
    return {"exists": engine.collection_exists(name)}


@route("GET", "/NAME")
def collection(engine: QdrantClient, name: str, body: Any) -> Any:
    return plain(engine.get_collection(name))


@route("PUT", "/NAME")
def create(engine: QdrantClient, name: str, body: Any) -> Any:
    asked = q.CreateCollection.model_validate(body)
    return engine.create_collection(name, vectors_config=asked.vectors)


@route("DELETE", "/NAME")
def drop(engine: QdrantClient, name: str, body: Any) -> Any:
    return engine.delete_collection(name)


@route("PUT", "/NAME/index")
def index(engine: QdrantClient, name: str, body: Any) -> Any:
    asked = q.CreateFieldIndex.model_validate(body)
    engine.create_payload_index(name, asked.field_name, asked.field_schema)
    return completed()


@route("PUT", "/NAME/points")
def upsert(engine: QdrantClient, name: str, body: Any) -> Any:
    engine.upsert(name, q.PointsList.model_validate(body).points)
    return completed()


@route("POST", "/NAME/points/delete")
def delete(engine: QdrantClient, name: str, body: Any) -> Any:
    engine.delete(name, q.PointIdsList.model_validate(body))
    return completed()


@route("POST", "/NAME/points")
def retrieve(engine: QdrantClient, name: str, body: Any) -> Any:
    asked = q.PointRequest.model_validate(body)
    with_payload = True if asked.with_payload is None else asked.with_payload
    return plain(engine.retrieve(name, asked.ids, with_payload, asked.with_vector or False))


@route("POST", "/NAME/points/query/batch")
def query(engine: QdrantClient, name: str, body: Any) -> Any:
    searches = q.QueryRequestBatch.model_validate(body).searches
    return plain(engine.query_batch_points(name, searches))


@route("POST", "/NAME/points/count")
def count(engine: QdrantClient, name: str, body: Any) -> Any:
    asked = q.CountRequest.model_validate(body)
    return plain(engine.count(name, asked.filter, exact=True))


@route("POST", "/NAME/points/scroll")
def scroll(engine: QdrantClient, name: str, body: Any) -> Any:
    asked = q.ScrollRequest.model_validate(body)
    points, following = engine.scroll(
        name,
        asked.filter,
        limit=asked.limit or 10,
        order_by=asked.order_by,
        offset=asked.offset,
        with_payload=True if asked.with_payload is None else asked.with_payload,
        with_vectors=asked.with_vector or False,
    )
    return {"points": plain(points), "next_page_offset": plain(following)}
