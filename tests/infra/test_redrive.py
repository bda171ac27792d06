"""What was set aside is moved back on request, and whoever moves it sees what and how many."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra import redrive
from infra.redrive import Queues, Redrive, Stuck, keys_of, queues_of
from tests.conftest import KEY, event

TEMPLATE = {
    "Resources": {
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Changes": {"Type": "AWS::SQS::Queue"},
    },
    "Outputs": {
        "DeadLetterQueue": {"Value": {"Ref": "Dead"}},
        "ChangesQueue": {"Value": {"Ref": "Changes"}},
    },
}


class MovingSqs:
    """moto's SQS with the two calls that it lacks. A move ends after as many looks as told."""

    def __init__(self, client: Any, queues: Queues, *, looks: int = 2, ends: str = "COMPLETED"):
        self.client = client
        self.queues = queues
        self.looks = looks
        self.ends = ends
        self.tasks: list[dict[str, Any]] = []
        self.started = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def start_message_move_task(self, **asked: str) -> None:
        assert asked["SourceArn"].endswith(self.queues.dead_letters.rpartition("/")[2])
        assert asked["DestinationArn"].endswith(self.queues.changes.rpartition("/")[2])
        self.started += 1
        self.tasks.insert(0, {"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 0})

    def list_message_move_tasks(self, **asked: Any) -> dict[str, Any]:
        if self.tasks and self.tasks[0]["Status"] == "RUNNING":
            self._go_on(self.tasks[0])
        return {"Results": [dict(one) for one in self.tasks[: asked["MaxResults"]]]}

    def _go_on(self, task: dict[str, Any]) -> None:
        self.looks -= 1
        if self.looks > 0:
            return
        task["Status"] = self.ends
        if self.ends == "FAILED":
            task["FailureReason"] = "AccessDenied"
            return
        for body in take(self.client, self.queues.dead_letters):
            self.client.send_message(QueueUrl=self.queues.changes, MessageBody=body)
            task["ApproximateNumberOfMessagesMoved"] += 1


def take(client: Any, url: str) -> list[str]:
    found = []
    while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for one in messages:
            found.append(one["Body"])
            client.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    return found


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Queues]]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(StackName="Lookalike-dev", TemplateBody=json.dumps(TEMPLATE))
        yield boto3.client("sqs"), queues_of(cloudformation, "dev")


def set_aside(client: Any, queues: Queues, count: int = 1) -> str:
    body = event("image_created")["Records"][0]["body"]
    for _ in range(count):
        client.send_message(QueueUrl=queues.dead_letters, MessageBody=body)
    return str(body)


def walk(sqs: Any, queues: Queues, *, answer: str | None = None) -> list[str]:
    """What is said; answer: to the question, None where nobody may be asked."""
    said: list[str] = []

    def ask(question: str) -> str:
        assert answer is not None, "it was told --yes"
        return answer

    redrive.run(
        Redrive(sqs, queues, sleep=lambda _: None),
        agreed=answer is None,
        ask=ask,
        say=said.append,
    )
    return said


def test_what_was_set_aside_is_moved_back_as_it_was(deployed: tuple[Any, Queues]) -> None:
    client, queues = deployed
    body = set_aside(client, queues, 12)

    said = walk(MovingSqs(client, queues), queues)

    assert take(client, queues.changes) == [body] * 12
    assert take(client, queues.dead_letters) == []
    assert said[0].startswith("About 12 changes")
    assert f"  {KEY}" in said
    assert said[-1].startswith("12 moved.")


def test_looking_moves_and_hides_nothing(deployed: tuple[Any, Queues]) -> None:
    client, queues = deployed
    set_aside(client, queues, 3)
    sqs = MovingSqs(client, queues)

    said = walk(sqs, queues, answer="")

    assert said[-1] == "Nothing was moved."
    assert sqs.started == 0
    assert len(take(client, queues.dead_letters)) == 3


def test_whoever_says_yes_moves_them(deployed: tuple[Any, Queues]) -> None:
    client, queues = deployed
    set_aside(client, queues)

    walk(MovingSqs(client, queues), queues, answer="Y\n")

    assert len(take(client, queues.changes)) == 1


def test_an_empty_queue_is_good_news_and_starts_nothing(deployed: tuple[Any, Queues]) -> None:
    client, queues = deployed
    sqs = MovingSqs(client, queues)

    assert walk(sqs, queues, answer="y") == ["No change was set aside."]
    assert sqs.started == 0


def test_a_move_that_is_under_way_is_followed_not_started_again(
    deployed: tuple[Any, Queues],
) -> None:
    client, queues = deployed
    set_aside(client, queues)
    sqs = MovingSqs(client, queues, looks=3)
    Redrive(sqs, queues).start()

    walk(sqs, queues)

    assert sqs.started == 1
    assert len(take(client, queues.changes)) == 1


def test_a_move_that_failed_says_why(deployed: tuple[Any, Queues]) -> None:
    client, queues = deployed
    set_aside(client, queues)

    with pytest.raises(Stuck, match="FAILED: AccessDenied"):
        walk(MovingSqs(client, queues, ends="FAILED"), queues)


def test_an_environment_that_is_not_deployed_is_said_to_be_so(
    deployed: tuple[Any, Queues],
) -> None:
    with pytest.raises(SystemExit, match="Lookalike-prod"):
        redrive.main(["prod", "--yes"])


@pytest.mark.parametrize("body", ["", "[]", '{"Event": "s3:TestEvent"}', "null"])
def test_a_message_that_is_no_event_is_shown_as_it_is(body: str) -> None:
    assert keys_of(body) == [f"no event of S3: {body}"]
