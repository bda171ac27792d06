"""SnapStart: what a function knew when its snapshot was taken is not believed after a restore."""

import json
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws
from snapshot_restore_py import get_after_restore

from lookalike import wiring
from lookalike.catalogue import image_id_of
from lookalike.models import Serving
from lookalike.stores import Store
from tests.conftest import Context, World, event, jpeg


def restore() -> None:
    """What Lambda's runtime does in every copy of a snapshot, before the first request."""
    for function, arguments, named in get_after_restore():
        function(*arguments, **named)


def switch_elsewhere(store: Store, live: str) -> None:
    """Another process lets another model serve."""
    elsewhere = Serving(store)
    state, etag = elsewhere.read()
    elsewhere.swap(etag, replace(state, live=live))


def test_a_restored_function_does_not_answer_by_the_model_that_served_before(
    world: World,
) -> None:
    world.drop(red=jpeg())
    handler = world.handler("search")
    request = event("similar_images") | {"path": f"/v1/images/{image_id_of('red.jpg')}/similar"}
    switch_elsewhere(wiring.serving().store, "newer")

    before = handler.lambda_handler(request, Context())
    restore()
    after = handler.lambda_handler(request, Context())

    assert json.loads(before["body"])["model"] == world.model, "five seconds old at most"
    assert after["statusCode"] == 503
    assert "newer" in json.loads(after["body"])["detail"]


def test_a_restored_function_keeps_the_encoder_that_it_has_loaded(world: World) -> None:
    world.handler("search")
    loaded = wiring.models()._encoders[world.model]

    restore()

    assert wiring.models().encoder(world.model) is loaded


def test_the_catalogue_too_reads_anew_what_serves(world: World) -> None:
    handler = world.handler("catalogue")
    handler.lambda_handler(event("health"), Context())
    wiring.serving().store.delete("serving.json")

    restore()

    assert handler.lambda_handler(event("health"), Context())["statusCode"] == 503


def test_copies_of_one_snapshot_do_not_share_their_chance() -> None:
    snapshot = random.getstate()
    drawn = set()
    for _ in range(3):
        random.setstate(snapshot)
        restore()
        drawn.add(random.random())

    assert len(drawn) == 3


def test_a_function_that_is_loaded_again_is_renewed_once(world: World) -> None:
    for _ in range(3):
        world.handler("search")

    assert [function for function, *_ in get_after_restore()].count(wiring.renew) == 1


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "example")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    wiring.forget()
    yield
    monkeypatch.undo()
    wiring.forget()


def test_a_secret_is_read_again_after_a_restore(account: None) -> None:
    with mock_aws():
        client = boto3.client("secretsmanager")
        client.create_secret(Name="key", SecretString='"first"')
        secret = wiring.secret("secret://key", "text", str)
        secret.read()
        client.put_secret_value(SecretId="key", SecretString='"second"')

        assert secret.read() == "first"
        restore()
        assert secret.read() == "second"


class NothingThere(BaseHTTPRequestHandler):
    """An S3 that keeps connections open and has no object."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.server.ports.append(self.client_address[1])  # type: ignore[attr-defined]
        self.send_response(404)
        self.send_header("x-amz-request-id", "4442587FB7D0A2F9")  # as S3 signs what it says
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def s3(account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), NothingThere)
    server.ports = []  # type: ignore[attr-defined]
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("LOOKALIKE_IMAGES", "s3://pictures")
    wiring.settings.cache_clear()
    yield server
    wiring.forget()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_connection_from_before_the_snapshot_is_not_used_again(s3: Any) -> None:
    store = wiring.image_store()
    store.head("a.jpg")
    store.head("a.jpg")
    restore()
    store.head("a.jpg")

    first, second, after = s3.ports
    assert first == second
    assert after != first
