"""S3 → SQS → embed: one bad message fails alone."""

import json

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


def test_a_dependency_fault_keeps_its_own_message_only(
    world: World, monkeypatch: pytest.MonkeyPatch
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


def test_the_test_event_that_s3_sends_first_is_acknowledged(world: World) -> None:
    message = event("image_created")
    message["Records"][0]["body"] = json.dumps(
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "lookalike-dev-images"}
    )

    answer = world.handler("embed").lambda_handler(message, Context())

    assert answer == {"batchItemFailures": []}
