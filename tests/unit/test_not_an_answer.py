"""What is no answer of a service is not taken for one, and nobody waits for it for long."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lookalike import clients, models
from lookalike.bucket import Bucket
from lookalike.changes_queue import ATTEMPTS, FIRST_WAIT_SECONDS, ChangesQueue
from lookalike.errors import QueueUnavailable, SecretUnavailable, StoreUnavailable
from lookalike.folder import Folder
from lookalike.models import RETRY_SECONDS, STATE_SECONDS, Serving
from lookalike.secret_store import SECRET_SECONDS, Secret
from lookalike.stores import MissingObject

FROM_S3 = {"x-amz-request-id": "4442587FB7D0A2F9"}


class Answering:
    """A client of S3 for which each call is answered with the same status and body."""

    def __init__(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None):
        from botocore.awsrequest import AWSResponse

        self.made = clients.aws("s3")
        self.raw = _Raw(body)
        self.answer = AWSResponse("", status, headers or {}, self.raw)
        self.made.meta.events.register("before-send.s3", lambda **_: self.answer)


class _Raw:
    def __init__(self, body: bytes) -> None:
        self.body = body
        self.closed = False

    def read(self, *_: Any) -> bytes:
        body, self.body = self.body, b""
        return body

    def stream(self, *_: Any) -> Iterator[bytes]:
        yield self.read()

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    clients.forget()
    yield
    clients.forget()


def bucket(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Bucket:
    return Bucket(Answering(status, body, headers).made, "pictures")


def test_what_s3_does_not_have_is_missing() -> None:
    assert bucket(404, headers=FROM_S3).head("a.jpg") is None
    with pytest.raises(MissingObject):
        bucket(404, headers=FROM_S3).get("a.jpg")


def test_a_404_of_somebody_else_takes_no_picture_out_of_the_index() -> None:
    page = {"Content-Type": "text/html"}

    with pytest.raises(StoreUnavailable):
        bucket(404, headers=page).head("a.jpg")
    with pytest.raises(StoreUnavailable):
        bucket(404, b"<html></html>", page).get("a.jpg")


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.head("a.jpg"),
        lambda store: store.get("a.jpg"),
        lambda store: store.put("a.jpg", b"1", "image/jpeg"),
        lambda store: store.delete("a.jpg"),
        lambda store: list(store.keys()),
    ],
    ids=["head", "get", "put", "delete", "keys"],
)
@pytest.mark.parametrize("body", [b"", b"<html><body>It works!</body></html>", b"<html>"])
def test_a_200_without_an_answer_is_no_answer(ask: Callable[[Bucket], object], body: bytes) -> None:
    """A listing that was cut short would be an empty bucket, which the index must equal."""
    with pytest.raises(StoreUnavailable):
        ask(bucket(200, body))


def test_the_connection_of_what_is_no_answer_is_not_kept_open() -> None:
    page = Answering(200, b"<html></html>")

    with pytest.raises(StoreUnavailable):
        Bucket(page.made, "pictures").get("a.jpg")

    assert page.raw.closed


def test_a_service_that_hangs_is_given_up_after_three_attempts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """botocore counts repeats where others count attempts."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setattr(clients, "READ_SECONDS", 0.1)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        store = Bucket(clients.aws("s3"), "pictures")
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.head("a.jpg")
        taken = time.monotonic() - began
        deaf.settimeout(0)
        connections = 0
        while connections < 10:
            try:
                deaf.accept()[0].close()
            except BlockingIOError:
                break
            connections += 1

    assert connections == clients.ATTEMPTS == 3
    assert taken < 5


def test_two_services_that_hang_are_told_of_before_the_api_gives_up() -> None:
    longest = clients.ATTEMPTS * clients.READ_SECONDS + 0.2  # pauses
    assert 2 * longest < 29 - 2
    assert clients.CONNECT_SECONDS <= clients.READ_SECONDS


def test_only_what_sqs_says_it_took_counts_as_told() -> None:
    class Mute:
        def send_message_batch(self, **_: Any) -> dict[str, Any]:
            return {}

    waits: list[float] = []
    queue = ChangesQueue(Mute(), "https://queue", "bucket", waits.append)  # type: ignore[arg-type]

    with pytest.raises(QueueUnavailable, match="did not say that it took them"):
        queue.send(["a.jpg"], lambda: False)

    assert len(waits) == ATTEMPTS - 1
    longest = [FIRST_WAIT_SECONDS * 2**attempt for attempt in range(ATTEMPTS - 1)]
    assert all(0 <= wait <= most for wait, most in zip(waits, longest, strict=True))


def test_a_secret_outlives_a_reply_that_is_none() -> None:
    class Store:
        def __init__(self) -> None:
            self.answer = {"ARN": "arn:aws:secretsmanager:1", "SecretString": '"first"'}

        def get_secret_value(self, **_: Any) -> dict[str, str]:
            return self.answer

    store, clock = Store(), [0.0]
    secret = Secret(store, "name", '"…"', str, lambda: clock[0])  # type: ignore[arg-type]
    secret.read()
    clock[0] += SECRET_SECONDS

    store.answer = {}  # a web page, or nothing
    assert secret.read() == "first"

    fresh = Secret(store, "name", '"…"', str, lambda: clock[0])  # type: ignore[arg-type]
    with pytest.raises(SecretUnavailable, match="did not answer"):
        fresh.read()


def test_queries_do_not_wait_one_by_one_for_a_store_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging(Folder):
        asked = 0
        well = True

        def get(self, key: str, max_bytes: int | None = None) -> tuple[bytes, str]:
            self.asked += 1
            if not self.well:
                raise StoreUnavailable("after 12 s")
            return super().get(key, max_bytes)

    clock = [1_000.0]
    monkeypatch.setattr(models.time, "monotonic", lambda: clock[0])
    store = Hanging(tmp_path)
    serving = Serving(store)
    serving.start("first-1")
    clock[0] += STATE_SECONDS
    store.well = False

    for _ in range(10):
        assert serving.recent().live == "first-1"
        clock[0] += RETRY_SECONDS / 20
    assert store.asked == 1

    store.well = True
    clock[0] += RETRY_SECONDS
    serving.recent()
    assert store.asked == 2
