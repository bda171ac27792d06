"""The synthetic query, over a real socket, with its key from API Gateway."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lookalike import wiring
from lookalike.canary import ApiKey
from tests.conftest import Context, World, event

IMAGE = "0b5f3d2e-0000-5000-8000-000000000001"
SIMILAR = f"/prod/v1/images/{IMAGE}/similar"
HEALTHY: dict[str, tuple[int, Any]] = {
    "/prod/v1/health": (200, {"status": "ok", "model": "m"}),
    "/prod/v1/images?limit=1": (200, {"images": [{"image_id": IMAGE}], "next_cursor": None}),
    SIMILAR: (200, {"results": []}),
}


class FakeApi(ThreadingHTTPServer):
    """Answers as told to whoever brings the key, and remembers the way that was walked."""

    def __init__(self, key: str) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.key = key
        self.answers = dict(HEALTHY)
        self.walked: list[str] = []
        self.signed: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/prod"


class Answer(BaseHTTPRequestHandler):
    server: FakeApi

    def do_GET(self) -> None:
        self.server.walked.append(self.path)
        self.server.signed.append(self.headers.get("authorization", ""))
        status, body = self.server.answers.get(self.path, (404, {}))
        if self.headers.get("x-api-key", "") != self.server.key:
            status, body = 403, {"message": "Forbidden"}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("location", "http://127.0.0.1:9/elsewhere")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


Walk = Callable[[], tuple[dict[str, Any], str]]


@pytest.fixture
def gateway(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        yield boto3.client("apigateway")


@pytest.fixture
def api(gateway: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    key = gateway.create_api_key(name="canary", enabled=True)
    fake = FakeApi(key["value"])
    monkeypatch.setenv("LOOKALIKE_CANARY_URL", fake.url)
    monkeypatch.setenv("LOOKALIKE_CANARY_KEY_ID", key["id"])
    for built in (wiring.settings, wiring.aws, wiring.canary):
        built.cache_clear()
    thread = threading.Thread(target=fake.serve_forever, args=(0.01,))
    thread.start()
    yield fake
    fake.shutdown()
    thread.join()
    fake.server_close()


@pytest.fixture
def walk(
    world: World,
    api: FakeApi,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Walk:
    """Let the handler walk once: its metrics, and everything that it printed or logged."""
    handler = world.handler("canary")

    def once() -> tuple[dict[str, Any], str]:
        handler.lambda_handler(event("canary"), Context())
        printed = capsys.readouterr().out
        metrics = next(json.loads(line) for line in printed.splitlines() if "_aws" in line)
        return metrics, printed + "".join(str(vars(record)) for record in caplog.records)

    return once


def test_an_api_that_answers_is_healthy(walk: Walk, api: FakeApi) -> None:
    metrics, _ = walk()

    assert metrics["canary_failed"] == [0.0]
    assert metrics["canary_ms"][0] > 0
    assert api.walked == list(HEALTHY)


def test_an_empty_catalogue_is_healthy(walk: Walk, api: FakeApi) -> None:
    api.answers["/prod/v1/images?limit=1"] = (200, {"images": [], "next_cursor": None})

    metrics, _ = walk()

    assert metrics["canary_failed"] == [0.0]
    assert len(api.walked) == 2


@pytest.mark.parametrize(
    ("path", "status", "body", "fault"),
    [
        ("/prod/v1/health", 503, {}, "/v1/health answers 503"),
        ("/prod/v1/health", 200, {"status": "ill"}, "says 'ill'"),
        ("/prod/v1/health", 200, {}, "KeyError"),
        ("/prod/v1/health", 302, {}, "/v1/health answers 302"),
        ("/prod/v1/health", 200, b"<html>", "JSONDecodeError"),
        ("/prod/v1/health", 200, [], "no JSON object"),
        ("/prod/v1/images?limit=1", 500, {}, "limit=1 answers 500"),
        ("/prod/v1/images?limit=1", 200, {"images": [7]}, "TypeError"),
        (SIMILAR, 404, {}, "similar answers 404"),
        (SIMILAR, 200, {}, "without results"),
    ],
)
def test_an_api_that_answers_wrongly_has_failed_and_the_log_says_how(
    walk: Walk, api: FakeApi, path: str, status: int, body: Any, fault: str
) -> None:
    api.answers[path] = (status, body)

    metrics, printed = walk()

    assert metrics["canary_failed"] == [1.0]
    assert fault in printed


def test_an_api_that_is_not_there_has_failed(
    walk: Walk, api: FakeApi, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring.canary().url = "http://127.0.0.1:9"

    metrics, printed = walk()

    assert metrics["canary_failed"] == [1.0]
    assert "ConnectionRefusedError" in printed


def test_an_api_that_hangs_has_failed_soon(walk: Walk, api: FakeApi) -> None:
    api.answers["/prod/v1/health"] = (200, b"")
    wiring.canary().timeout_seconds = 0.2
    stuck = threading.Event()
    api.finish_request = lambda *_: stuck.wait(5)  # type: ignore[method-assign]

    metrics, printed = walk()
    stuck.set()

    assert metrics["canary_failed"] == [1.0]
    assert metrics["canary_ms"][0] < 2000
    assert "TimeoutError" in printed


def test_the_key_is_asked_for_once_and_never_printed(
    walk: Walk, api: FakeApi, gateway: Any
) -> None:
    _, first = walk()
    gateway.delete_api_key(apiKey=wiring.settings().canary_key_id)
    metrics, second = walk()

    assert metrics["canary_failed"] == [0.0]
    assert api.key not in first + second


def test_a_replaced_key_is_asked_for_again(walk: Walk, api: FakeApi, gateway: Any) -> None:
    walk()
    gateway.delete_api_key(apiKey=wiring.settings().canary_key_id)
    key = gateway.create_api_key(name="canary", enabled=True)
    entry = wiring.canary().entry
    assert isinstance(entry, ApiKey)
    entry.key_id, api.key = key["id"], key["value"]

    metrics, _ = walk()

    assert metrics["canary_failed"] == [0.0]


def test_a_key_that_the_api_refuses_has_failed(walk: Walk, api: FakeApi) -> None:
    api.key = "another"

    metrics, printed = walk()

    assert metrics["canary_failed"] == [1.0]
    assert "/v1/health answers 403" in printed


def test_a_key_that_is_gone_has_failed(walk: Walk, api: FakeApi, gateway: Any) -> None:
    gateway.delete_api_key(apiKey=wiring.settings().canary_key_id)

    metrics, printed = walk()

    assert metrics["canary_failed"] == [1.0]
    assert "NotFoundException" in printed


def test_an_api_that_asks_for_iam_is_asked_with_signed_requests(
    api: FakeApi, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_CANARY_KEY_ID", "")
    wiring.settings.cache_clear()
    api.key = ""

    answer = world.handler("canary").lambda_handler(event("canary"), Context())

    assert answer["failed"] is False
    assert len(api.signed) == 3
    for signature in api.signed:
        assert signature.startswith("AWS4-HMAC-SHA256 Credential=")
        assert "/eu-west-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date" in signature
