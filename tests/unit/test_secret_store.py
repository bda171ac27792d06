"""A secret is read at run time, again every few minutes, and never repeated in words."""

import json
import traceback
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from lookalike.errors import SecretUnavailable
from lookalike.qdrant_connection import SHAPE, Address
from lookalike.secret_store import RETRY_SECONDS, SECRET_SECONDS, Secret

NAME = "lookalike/dev/qdrant"
URL = "https://cluster.example:6333"


class Clock:
    """Seconds that pass when told to."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Store:
    """Secrets Manager, which can be made to fail, and counts how often it is asked."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.error: Exception | None = None
        self.asked = 0

    def get_secret_value(self, **names: str) -> Any:
        self.asked += 1
        if self.error:
            raise self.error
        return self.client.get_secret_value(**names)

    def write(self, text: str) -> None:
        try:
            self.client.create_secret(Name=NAME, SecretString=text)
        except self.client.exceptions.ResourceExistsException:
            self.client.put_secret_value(SecretId=NAME, SecretString=text)

    def write_key(self, key: str) -> None:
        self.write(json.dumps({"url": URL, "api_key": key}))


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "GetSecretValue")


@pytest.fixture
def store() -> Iterator[Store]:
    with mock_aws():
        yield Store(boto3.client("secretsmanager", region_name="eu-west-1"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def secret(store: Store, clock: Clock) -> Secret[Address]:
    return Secret(store, NAME, SHAPE, Address.from_secret, clock)  # type: ignore[arg-type]


def test_a_secret_is_asked_for_once_in_five_minutes(
    store: Store, secret: Secret[Address], clock: Clock
) -> None:
    store.write_key("first")

    keys = []
    for _ in range(10):
        keys.append(secret.read().api_key)
        clock.now += SECRET_SECONDS / 10 - 1

    assert (keys, store.asked) == (["first"] * 10, 1)


def test_a_rotated_secret_is_noticed_within_five_minutes(
    store: Store, secret: Secret[Address], clock: Clock
) -> None:
    store.write_key("first")
    secret.read()
    store.write_key("second")

    clock.now += SECRET_SECONDS

    assert secret.read() == Address(URL, "second")


def test_a_secret_can_be_read_again_at_once(store: Store, secret: Secret[Address]) -> None:
    store.write_key("first")
    secret.read()
    store.write_key("second")

    secret.expire()

    assert secret.read().api_key == "second"


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://secretsmanager.example"),
        refused("ThrottlingException"),
        refused("InternalServiceError"),
        refused("AccessDeniedException"),
    ],
)
def test_the_old_secret_is_kept_while_the_store_does_not_answer(
    store: Store, secret: Secret[Address], clock: Clock, error: Exception
) -> None:
    store.write_key("first")
    secret.read()
    clock.now += SECRET_SECONDS
    store.error = error

    assert secret.read().api_key == secret.read().api_key == "first"
    assert store.asked == 2, "a store that does not answer is not asked with every request"

    store.error = None
    store.write_key("second")
    clock.now += RETRY_SECONDS
    assert secret.read().api_key == "second"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ThrottlingException", "did not answer"),
        ("AccessDeniedException", "allow secretsmanager:GetSecretValue"),
    ],
)
def test_a_first_reading_that_fails_says_why(
    store: Store, secret: Secret[Address], code: str, words: str
) -> None:
    store.error = refused(code)

    with pytest.raises(SecretUnavailable, match=words):
        secret.read()


def test_a_missing_secret_is_named_with_the_form_to_create_it_in(secret: Secret[Address]) -> None:
    with pytest.raises(SecretUnavailable, match="no secret lookalike/dev/qdrant: create it, as"):
        secret.read()


def test_a_secret_that_is_deleted_while_it_is_used_is_missed_at_once(
    store: Store, secret: Secret[Address], clock: Clock
) -> None:
    store.write_key("first")
    secret.read()
    store.client.delete_secret(SecretId=NAME)
    clock.now += SECRET_SECONDS

    with pytest.raises(SecretUnavailable, match="There is no secret"):
        secret.read()


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        '"hunter2"',
        "[1]",
        '{"url": "https://x.example"}',
        '{"url": "hunter2", "api_key": "hunter2"}',
        '{"url": "https://x.example", "api_key": ["hunter2"]}',
        '{"url": 7, "api_key": "hunter2"}',
    ],
)
def test_a_secret_of_another_form_is_described_but_never_shown(
    store: Store, secret: Secret[Address], text: str
) -> None:
    store.write(text)

    with pytest.raises(SecretUnavailable, match="not of the form") as caught:
        secret.read()

    logged = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in logged.replace(__file__, "")


def test_an_address_does_not_show_its_key() -> None:
    assert "hunter2" not in repr(Address(URL, "hunter2"))
