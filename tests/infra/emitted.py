"""What the real handlers write into their logs for CloudWatch to count."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import boto3
import pytest
from aws_lambda_powertools.metrics.provider import cold_start
from moto import mock_aws

from lookalike import wiring
from lookalike.catalogue import image_id_of
from tests.conftest import KEY, Context, World, event, jpeg

NAMESPACE = "Lookalike/prod"


class Counted(NamedTuple):
    """A metric as CloudWatch tells it from others; of a function's full name, that there is one."""

    name: str
    service: str
    others: tuple[str, ...] = ()


def counted(namespace: str, name: str, dimensions: dict[str, str]) -> Counted:
    assert namespace == NAMESPACE
    return Counted(name, dimensions["service"], tuple(sorted(dimensions.keys() - {"service"})))


class Handlers:
    """Calls the functions of a world as the cloud would, and reads what they print."""

    def __init__(
        self, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.world = world
        self.monkeypatch = monkeypatch
        self.capsys = capsys
        monkeypatch.setenv("LOOKALIKE_METRICS_NAMESPACE", NAMESPACE)
        monkeypatch.setenv("LOOKALIKE_CANARY_URL", "http://127.0.0.1:9")  # nobody is there
        wiring.settings.cache_clear()

    def emitted(self) -> set[Counted]:
        self.world.write(KEY, jpeg())
        self.world.write("broken.jpg", b"text")
        changes = [self._change(key) for key in (KEY, KEY, "broken.jpg", "gone.jpg")]
        similar = event("similar_images")
        found = {**similar, "path": f"/v1/images/{image_id_of(KEY)}/similar"}
        return {
            *self._called("embed", *changes),
            *self._called("search", found, event("search_with_bytes"), event("search_with_json")),
            *self._called("catalogue", event("list_images")),
            *self._called("interactions", event("interactions")),
            *self._called("reconcile", event("reconcile")),
            *self._called("canary", event("canary")),
        }

    def _change(self, key: str) -> dict[str, Any]:
        message = event("image_created")
        body = json.loads(message["Records"][0]["body"])
        body["Records"][0]["s3"]["object"]["key"] = quote_plus(key, safe="/")
        message["Records"][0]["body"] = json.dumps(body)
        return message

    def _called(self, function: str, *events: dict[str, Any]) -> Iterator[Counted]:
        """In a sandbox that starts with the first event."""
        self.monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", function)
        self.monkeypatch.setattr(cold_start, "is_cold_start", True)
        handler = self.world.handler(function)
        self.capsys.readouterr()
        for one in events:
            handler.lambda_handler(one, Context())
        for line in self.capsys.readouterr().out.splitlines():
            if "_aws" in line:
                yield from _in(json.loads(line))


def _in(document: dict[str, Any]) -> Iterator[Counted]:
    for kind in document["_aws"]["CloudWatchMetrics"]:
        (names,) = kind["Dimensions"]
        dimensions = {name: document[name] for name in names}
        for metric in kind["Metrics"]:
            yield counted(kind["Namespace"], metric["Name"], dimensions)


@pytest.fixture
def emitted(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[set[Counted]]:
    """Every metric of ours, from the handlers that write it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        queue = boto3.resource("sqs").create_queue(QueueName="lookalike-dev-changes")
        monkeypatch.setenv("LOOKALIKE_CHANGES_QUEUE", queue.url)
        yield Handlers(world, monkeypatch, capsys).emitted()
    wiring.aws.cache_clear()
