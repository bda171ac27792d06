"""Every night: what the index missed is told again, in S3's own words, to embed."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lookalike import wiring
from lookalike.catalogue import image_id_of
from lookalike.changes_queue import ChangesQueue
from lookalike.errors import QueueUnavailable
from tests.conftest import KEY, Context, World, event, jpeg


class Sandbox(Context):
    """Time runs out after so many looks at the clock."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def get_remaining_time_in_millis(self) -> int:
        self.looks -= 1
        return 30_000 if self.looks >= 0 else 29_999


@pytest.fixture
def queue(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        made = boto3.resource("sqs").create_queue(QueueName="lookalike-dev-changes")
        monkeypatch.setenv("LOOKALIKE_CHANGES_QUEUE", made.url)
        wiring.settings.cache_clear()
        yield made
    wiring.aws.cache_clear()


def run(world: World, looks: int = 1000) -> dict[str, Any]:
    handler = world.handler("reconcile")
    answer: dict[str, Any] = handler.lambda_handler(event("reconcile"), Sandbox(looks))
    return answer


def bodies(queue: Any) -> list[str]:
    found: list[str] = []
    while messages := queue.receive_messages(MaxNumberOfMessages=10):
        for message in messages:
            found.append(message.body)
            message.delete()
    return found


def deliver(world: World, body: str) -> None:
    """To the real embed handler, as SQS would."""
    message = event("image_created")
    message["Records"][0]["body"] = body
    answer = world.handler("embed").lambda_handler(message, Context())
    assert answer == {"batchItemFailures": []}


def test_what_the_index_missed_is_told_to_embed(world: World, queue: Any) -> None:
    world.drop(good=jpeg(), gone=jpeg("green"), broken=b"text")
    world.write(KEY, jpeg("blue"))
    (world.pictures / "gone.jpg").unlink()

    found = run(world)

    assert found == {"indexed": 1, "missing": 1, "orphaned": 1, "sent": 2, "left": 0}
    for body in bodies(queue):
        deliver(world, body)
    assert wiring.index().get(world.model, image_id_of(KEY)) is not None
    assert wiring.index().get(world.model, image_id_of("gone.jpg")) is None
    assert run(world) == {"indexed": 2, "missing": 0, "orphaned": 0, "sent": 0, "left": 0}


def test_a_message_is_shaped_like_s3s_own(world: World, queue: Any) -> None:
    world.write(KEY, jpeg("blue"))

    run(world)

    (record,) = json.loads(bodies(queue)[0])["Records"]
    own = json.loads(event("image_created")["Records"][0]["body"])["Records"][0]
    assert record.keys() <= own.keys()
    assert record["s3"]["object"]["key"] == own["s3"]["object"]["key"]
    assert record["eventName"] == "ObjectCreated:Reconcile"
    assert "eventTime" not in record  # nobody knows when it changed: it must not count as fresh


def test_it_writes_nothing_to_the_index_itself(
    world: World, queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write("new.jpg", jpeg())
    for write in ("put", "delete", "open", "drop"):
        monkeypatch.delattr(type(wiring.index()), write)

    assert run(world)["sent"] == 1


def test_the_collection_that_waits_for_a_rollback_is_mended_too(world: World, queue: Any) -> None:
    world.drop(red=jpeg("red"))
    state, etag = wiring.serving().read()
    previous = "before-1"
    wiring.index().open(previous, 4)
    wiring.serving().swap(etag, type(state)(live=world.model, previous=previous))

    found = run(world)

    assert (found["missing"], found["sent"]) == (0, 1)


def measured(said: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [line for line in lines if "_aws" in line and "missing" in line]


def test_the_counts_are_gauges_of_the_live_collection(
    world: World, queue: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    world.drop(good=jpeg())
    world.write("new.jpg", jpeg())

    run(world)

    (found,) = measured(capsys.readouterr().out)
    assert found["drift"] == [50.0]  # percent
    assert [found[name] for name in ("indexed", "missing", "orphaned", "sent")] == [
        [1.0],
        [1.0],
        [0.0],
        [1.0],
    ]


def test_what_there_is_no_time_for_is_left_to_the_next_night(world: World, queue: Any) -> None:
    for number in range(25):
        world.write(f"{number}.jpg", jpeg())

    found = run(world, looks=2)

    assert (found["missing"], found["sent"], found["left"]) == (25, 20, 5)
    assert len(bodies(queue)) == 20


class Fussy:
    """An SQS that refuses some messages of each batch a few times."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.taken: list[str] = []

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        entries: list[dict[str, str]] = request["Entries"]
        refused = entries[::3] if self.refusals > 0 else []
        self.refusals -= 1
        taken = [one for one in entries if one not in refused]
        self.taken += [one["MessageBody"] for one in taken]
        failed = [{"Id": one["Id"], "Code": "Throttled", "SenderFault": False} for one in refused]
        return {"Successful": [{"Id": one["Id"]} for one in taken], "Failed": failed}


def told(refusals: int, keys: list[str]) -> list[str]:
    client = Fussy(refusals)
    queue = ChangesQueue(client, "https://queue", "bucket", lambda _: None)  # type: ignore[arg-type]
    assert queue.send(keys, lambda: False) == len(keys)
    found = [json.loads(body)["Records"][0]["s3"]["object"]["key"] for body in client.taken]
    return sorted(found)


def test_only_the_messages_that_were_refused_are_sent_again() -> None:
    keys = [f"{number:02}.jpg" for number in range(12)]

    assert told(2, keys) == keys


def test_messages_that_keep_being_refused_are_an_error() -> None:
    with pytest.raises(QueueUnavailable, match="refused 1 messages: Throttled"):
        told(9, ["a.jpg", "b.jpg"])


def test_a_queue_that_does_not_answer_is_an_error_and_the_counts_are_known(
    world: World, queue: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write("new.jpg", jpeg())
    queue.delete()

    with pytest.raises(QueueUnavailable, match="did not answer"):
        run(world)

    (found,) = measured(capsys.readouterr().out)
    assert found["missing"] == [1.0]
    assert "sent" not in found
