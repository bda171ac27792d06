"""No secret and no body is in a log, whatever goes well or wrong."""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lookalike import wiring
from lookalike.catalogue import image_id_of
from tests.conftest import Context, World, event, jpeg

MARK = "mark0of0a0secret0that0nobody0may0read0in0any0log"

Log = Callable[[], str]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Log:
    """Everything that was printed or logged since, tracebacks included."""
    caplog.set_level(logging.INFO)  # as in Lambda; at DEBUG boto3 prints what it is answered
    plain = logging.Formatter()

    def read() -> str:
        printed = capsys.readouterr()
        records = "".join(f"{plain.format(one)} {vars(one)}" for one in caplog.records)
        return printed.out + printed.err + records

    return read


@pytest.fixture
def secrets(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Answers are signed with a marked key of Secrets Manager's."""
    with mock_aws():
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        manager = boto3.client("secretsmanager")
        signing = json.dumps({"current": "k1", "k1": MARK})
        manager.create_secret(Name="lookalike/test/signing", SecretString=signing)
        qdrant = json.dumps({"url": "https://127.0.0.1:9", "api_key": MARK})
        manager.create_secret(Name="lookalike/test/qdrant", SecretString=qdrant)
        manager.create_secret(Name="lookalike/test/mangled", SecretString=f"{MARK} is no JSON")
        monkeypatch.setenv("LOOKALIKE_SIGNING_KEYS", "secret://lookalike/test/signing")
        settle()
        yield


def settle() -> None:
    """Read settings anew; the engine of the tests stays."""
    for built in (wiring.settings, wiring.aws, wiring.search, wiring.naming, wiring.interactions):
        built.cache_clear()


def marked(name: str, **changes: Any) -> dict[str, Any]:
    """A committed event whose every secret part is marked."""
    request = {**event(name), **changes}
    secret = {
        "X-Api-Key": MARK,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={MARK}, Signature={MARK}",
        "X-Amz-Security-Token": MARK,
        "Cookie": f"session={MARK}",
    }
    request["headers"] = {**request["headers"], **secret}
    many = {key: [value] for key, value in secret.items()}
    request["multiValueHeaders"] = {**request["multiValueHeaders"], **many}
    return request


REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("search", "similar_images", {}),
    ("search", "search_with_json", {"body": json.dumps({"image_id": image_id_of("red.jpg")})}),
    ("search", "search_with_json", {"body": json.dumps({"image": MARK})}),
    ("search", "search_with_json", {"body": f"{MARK} is no JSON"}),
    ("search", "search_with_bytes", {"body": base64.b64encode(MARK.encode()).decode()}),
    ("catalogue", "health", {}),
    ("catalogue", "list_images", {}),
    ("catalogue", "edit_image", {"body": json.dumps({"tags": [MARK]})}),
    ("catalogue", "edit_image", {"body": f"{MARK} is no JSON"}),
    ("catalogue", "grant_upload", {}),
    ("interactions", "interactions", {"body": json.dumps({"session_id": MARK, "events": [{}]})}),
    ("interactions", "interactions", {"body": f"{MARK} is no JSON"}),
    ("metrics", "metrics", {}),
]

# Those of them that get as far as the index.
ASKING = [REQUESTS[0], REQUESTS[1], *REQUESTS[5:8]]


@pytest.mark.parametrize(("function", "name", "changes"), REQUESTS)
def test_no_log_says_what_was_sent(
    world: World,
    secrets: None,
    log: Log,
    function: str,
    name: str,
    changes: dict[str, Any],
) -> None:
    world.drop(red=jpeg("red"), blue=jpeg("blue"))
    handler = world.handler(function)

    answer = handler.lambda_handler(marked(name, **changes), Context())

    assert answer["statusCode"] < 500
    assert MARK not in log()


@pytest.mark.parametrize(("function", "name", "changes"), ASKING)
def test_no_log_says_what_was_sent_when_there_is_a_bug(
    world: World,
    secrets: None,
    monkeypatch: pytest.MonkeyPatch,
    log: Log,
    function: str,
    name: str,
    changes: dict[str, Any],
) -> None:
    monkeypatch.setattr(wiring, "index", lambda: None)  # no index has no methods
    for built in (wiring.search, wiring.curation):
        built.cache_clear()
    handler = world.handler(function)

    answer = handler.lambda_handler(marked(name, **changes), Context())

    assert answer["statusCode"] == 500
    said = log()
    assert "unexpected error" in said
    assert MARK not in said


def test_a_log_that_did_say_it_would_be_seen(
    world: World, secrets: None, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")

    world.handler("search").lambda_handler(marked("similar_images"), Context())

    assert MARK in log()


def test_a_signed_answer_and_what_was_done_with_it_leave_no_key_in_a_log(
    world: World, secrets: None, log: Log
) -> None:
    world.drop(red=jpeg("red"), orange=jpeg("orangered"))
    path = f"/v1/images/{image_id_of('red.jpg')}/similar"
    query = {"min_score": "-1"}
    many = {"min_score": ["-1"]}
    asked = marked(
        "similar_images",
        path=path,
        queryStringParameters=query,
        multiValueQueryStringParameters=many,
    )
    answer = json.loads(world.handler("search").lambda_handler(asked, Context())["body"])
    result = answer["results"][0]
    click = {
        "event_id": "0195e3a0-0000-7000-8000-000000000001",
        "type": "click",
        "query_id": answer["query_id"],
        "image_id": result["image_id"],
        "position": result["position"],
        "occurred_at": wiring.naming().now().isoformat(),
    }
    sent = marked("interactions", body=json.dumps({"session_id": "session-12", "events": [click]}))

    told = json.loads(world.handler("interactions").lambda_handler(sent, Context())["body"])

    said = log()
    assert told["accepted"] == 1
    assert MARK not in said
    assert answer["query_id"] not in said
    assert "session-12" not in said
    assert "203.0.113.7" not in said


@pytest.mark.parametrize("location", ["qdrant", "mangled", "absent"])
def test_trouble_with_the_vector_database_tells_no_key(
    world: World, secrets: None, monkeypatch: pytest.MonkeyPatch, log: Log, location: str
) -> None:
    monkeypatch.setenv("LOOKALIKE_QDRANT", f"secret://lookalike/test/{location}")
    wiring.settings.cache_clear()
    wiring.curation.cache_clear()
    server = wiring._qdrant_server(wiring.settings().qdrant)
    monkeypatch.setattr(wiring, "index", lambda: server)

    answer = world.handler("catalogue").lambda_handler(marked("health"), Context())

    assert answer["statusCode"] == 503
    assert MARK not in answer["body"]
    said = log()
    assert "a dependency failed" in said
    assert MARK not in said


def test_a_canary_that_falls_tells_no_key(
    world: World, secrets: None, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    gateway = boto3.client("apigateway")
    key = gateway.create_api_key(name="canary", enabled=True, value=f"{MARK}\n")
    monkeypatch.setenv("LOOKALIKE_CANARY_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LOOKALIKE_CANARY_KEY_ID", key["id"])
    for built in (wiring.settings, wiring.aws, wiring.canary):
        built.cache_clear()

    walked = world.handler("canary").lambda_handler(event("canary"), Context())

    assert walked["failed"]
    said = log()
    assert "the canary fell" in said
    assert MARK not in said
