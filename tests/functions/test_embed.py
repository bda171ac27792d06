"""S3 → SQS → embed: one bad message fails alone."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lookalike import wiring
from lookalike.catalogue import image_id_of
from lookalike.errors import IndexUnavailable
from tests.conftest import KEY, Context, World, event, jpeg


def is_indexed(world: World, key: str) -> bool:
    return wiring.index().get(world.model, image_id_of(key)) is not None


def test_a_created_picture_with_an_awkward_key_is_indexed(world: World) -> None:
    world.write(KEY, jpeg())

    answer = world.handler("embed").lambda_handler(event("image_created"), Context())

    assert answer == {"batchItemFailures": []}
    assert is_indexed(world, KEY)


@pytest.mark.parametrize("name", ["image_removed", "image_expired"])
def test_a_picture_that_is_gone_is_removed(world: World, name: str) -> None:
    world.write(KEY, jpeg())
    wiring.ingest().sync(KEY)
    (world.pictures / KEY).unlink()

    answer = world.handler("embed").lambda_handler(event(name), Context())

    assert answer == {"batchItemFailures": []}
    assert not is_indexed(world, KEY)


def test_a_late_removal_does_not_remove_a_picture_that_is_there(world: World) -> None:
    world.write(KEY, jpeg())

    world.handler("embed").lambda_handler(event("image_removed"), Context())

    assert is_indexed(world, KEY)


def test_a_changed_sidecar_reaches_its_image(world: World) -> None:
    world.write(KEY, jpeg())
    wiring.ingest().sync(KEY)
    world.write(f"{KEY}.metadata.json", b'{"tags": ["red"]}')

    world.handler("embed").lambda_handler(event("sidecar_changed"), Context())

    image = wiring.index().get(world.model, image_id_of(KEY))
    assert image is not None
    assert image.tags == ("red",)


def test_a_picture_that_cannot_be_read_is_acknowledged(world: World) -> None:
    world.write(KEY, b"not a picture")

    answer = world.handler("embed").lambda_handler(event("image_created"), Context())

    assert answer == {"batchItemFailures": []}


def test_a_dependency_fault_keeps_its_own_message_only_and_the_log_says_why(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.write(KEY, jpeg())
    world.write("other.jpg", jpeg("blue"))
    message = event("image_created")
    second = json.loads(json.dumps(message["Records"][0]).replace("059f36b4", "aaaaaaaa"))
    body = json.loads(second["body"])
    body["Records"][0]["s3"]["object"]["key"] = "other.jpg"
    second["body"] = json.dumps(body)
    message["Records"].append(second)
    real = wiring.index().put

    def put_all_but_one(model: str, image: object, vector: object) -> None:
        if getattr(image, "key", "") == KEY:
            raise IndexUnavailable("down")
        real(model, image, vector)  # type: ignore[arg-type]

    monkeypatch.setattr(wiring.index(), "put", put_all_but_one)
    answer = world.handler("embed").lambda_handler(message, Context())

    failed = message["Records"][0]["messageId"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": failed}]}
    assert is_indexed(world, "other.jpg")
    assert caplog.text.count("lookalike.errors.IndexUnavailable: down") == 1


def test_the_test_event_that_s3_sends_first_is_acknowledged(world: World) -> None:
    message = event("image_created")
    message["Records"][0]["body"] = json.dumps(
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "lookalike-dev-images"}
    )

    answer = world.handler("embed").lambda_handler(message, Context())

    assert answer == {"batchItemFailures": []}


def metrics_of(
    world: World, message: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> list[dict[str, Any]]:
    """Every metric document that one message leaves in the log, but for a cold start's."""
    handler = world.handler("embed")
    capsys.readouterr()
    handler.lambda_handler(message, Context())
    lines = [line for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    documents = [json.loads(line) for line in lines]
    return [document for document in documents if "ColdStart" not in document]


def created_at(moment: datetime) -> dict[str, Any]:
    message = event("image_created")
    body = json.loads(message["Records"][0]["body"])
    body["Records"][0]["eventTime"] = moment.isoformat().replace("+00:00", "Z")
    message["Records"][0]["body"] = json.dumps(body)
    return message


def test_freshness_is_the_time_from_upload_to_searchable(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write(KEY, jpeg())
    message = created_at(datetime.now(UTC) - timedelta(seconds=7))

    (first,) = metrics_of(world, message, capsys)
    (again,) = metrics_of(world, message, capsys)

    assert 7_000 < first["freshness"][0] < 60_000
    assert (first["messages"], first["indexed"]) == ([1.0], [1.0])
    assert again["unchanged"] == [1.0]
    assert "freshness" not in again, "a repeated event says nothing of freshness"


def test_a_clock_that_runs_ahead_makes_nothing_fresher_than_now(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write(KEY, jpeg())

    (metrics,) = metrics_of(world, created_at(datetime.now(UTC) + timedelta(hours=1)), capsys)

    assert metrics["freshness"] == [0.0]


def test_an_event_of_ours_without_a_time_is_synced_all_the_same(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write(KEY, jpeg())
    message = event("image_created")
    body = json.loads(message["Records"][0]["body"])
    del body["Records"][0]["eventTime"]
    message["Records"][0]["body"] = json.dumps(body)

    (metrics,) = metrics_of(world, message, capsys)

    assert metrics["indexed"] == [1.0]
    assert "freshness" not in metrics


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "empty"), (b"text", "unsupported_format"), (jpeg()[:200], "corrupt")]
)
def test_a_reject_is_counted_by_its_reason(
    world: World, capsys: pytest.CaptureFixture[str], data: bytes, reason: str
) -> None:
    world.write(KEY, data)

    by_reason, other = metrics_of(world, event("image_created"), capsys)

    assert (by_reason["rejects"], by_reason["reason"]) == ([1.0], reason)
    (described,) = by_reason["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "Lookalike"
    assert set(described["Dimensions"][0]) == {"service", "reason"}
    assert other["rejected"] == [1.0]


def test_metrics_are_kept_apart_by_environment(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_METRICS_NAMESPACE", "Lookalike/staging")
    wiring.settings.cache_clear()

    documents = metrics_of(world, event("image_created"), capsys)

    (described,) = documents[0]["_aws"]["CloudWatchMetrics"]
    assert (described["Namespace"], described["Dimensions"]) == ("Lookalike/staging", [["service"]])
