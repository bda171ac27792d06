"""Every function as uploaded, on AWS as far as moto is AWS: one picture's way through all."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra import bundling
from infra.bundling import function, layer
from tests.conftest import KEY, event, jpeg
from tests.infra.aws_here import Aws, aws
from tests.infra.deployed import API_KEY, HERE
from tests.infra.fake_qdrant import FakeQdrant
from tests.infra.runtime_api import Outcome, Sandbox, runtime

FUNCTIONS = {handler.parent.name for handler in bundling.FUNCTIONS.glob("*/handler.py")}


TIMEOUT_SECONDS = 120  # some functions stop early, to have time left to say so


class Cloud:
    """A deployment: calls functions, each in a new sandbox, and remembers which it called."""

    def __init__(self, folder: Path, on: Aws) -> None:
        self.folder = folder
        self.aws = on
        self.runtime = runtime(folder / "runtime")
        self.called: set[str] = set()
        self.log = ""

    def call(self, name: str, asked: Any, **environ: str) -> Outcome:
        self.called.add(name)
        own = {"LOOKALIKE_MODEL_CACHE": str(self.folder / f"cache-{name}")}
        with Sandbox(
            f"functions.{name}.handler.lambda_handler",
            function(name, HERE),
            self.runtime,
            layers=[layer(HERE)],
            environ={**self.aws.environ, **own, **environ},
            timeout=TIMEOUT_SECONDS,
        ) as sandbox:
            outcome = sandbox.invoke(asked)
        self.log += sandbox.log
        return outcome

    def ask(self, name: str, asked: Any) -> Any:
        answer = self.call(name, asked).answer
        assert answer["statusCode"] < 300, answer["body"]
        return json.loads(answer["body"])


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("cloud")
    with FakeQdrant(API_KEY) as qdrant, aws({"url": qdrant.url, "api_key": API_KEY}) as on:
        yield Cloud(folder, on)


def similar(image_id: str) -> dict[str, Any]:
    path = f"/v1/images/{image_id}/similar"
    return {**event("similar_images"), "path": path, "pathParameters": {"image_id": image_id}}


def interaction(answer: dict[str, Any]) -> dict[str, Any]:
    """A click on the first result of an answer."""
    shown = answer["results"][0]
    clicked = {
        "event_id": "0196e0a4-7c1e-7b2a-9f00-3c1d2e4f5a6b",
        "type": "click",
        "query_id": answer["query_id"],
        "image_id": shown["image_id"],
        "position": shown["position"],
        "occurred_at": datetime.now(UTC).isoformat(),
    }
    asked = event("interactions")
    sent = json.loads(asked["body"])
    return {**asked, "body": json.dumps({**sent, "events": [clicked]})}


def test_a_pictures_way_through_every_function(cloud: Cloud) -> None:
    """In the order in which a team would see it: deploy, drop, look, click, repair, learn."""
    created = event("deployment_created")
    created["ResponseURL"] = cloud.aws.link_to_put("responses", "answer.json")
    cloud.call("deployment", created)
    told = json.loads(cloud.aws.objects("responses")["answer.json"])
    assert told["Status"] == "SUCCESS", told

    cloud.aws.put("images", KEY, jpeg("red"))
    cloud.aws.put("images", "unnoticed.jpg", jpeg("tomato"))
    assert cloud.call("embed", event("image_created")).answer == {"batchItemFailures": []}

    everything = {**event("list_images"), "queryStringParameters": None}
    listed = cloud.ask("catalogue", {**everything, "multiValueQueryStringParameters": None})
    assert [image["key"] for image in listed["images"]] == [KEY]

    night = cloud.call("reconcile", event("reconcile")).answer
    assert (night["missing"], night["sent"]) == (1, 1)
    queue = cloud.aws.client("sqs")
    (message,) = queue.receive_message(QueueUrl=cloud.aws.queue)["Messages"]
    drifted = {"Records": [{**event("image_created")["Records"][0], "body": message["Body"]}]}
    assert cloud.call("embed", drifted).answer == {"batchItemFailures": []}

    found = cloud.ask("search", similar(listed["images"][0]["image_id"]))
    assert [one["key"] for one in found["results"]] == ["unnoticed.jpg"]

    counted = cloud.ask("interactions", interaction(found))
    assert counted["accepted"] == 1, counted
    assert any(b'"click"' in rows for rows in cloud.aws.objects("interactions").values())

    numbers = {**dict.fromkeys(("value", "low", "high"), "double"), "events": "bigint"}
    cloud.aws.athena_says(
        {**numbers, "total": "bigint", "sessions": "bigint"}, ["0.5", "0.25", "0.75", "1", "2", "2"]
    )
    (whole,) = cloud.ask("metrics", event("metrics"))["rows"]
    assert (whole["value"], whole["events"], whole["of"]) == (0.5, 1, 2)

    started = cloud.call("learning", event("learning_start")).answer
    assert started["live"] == told["Data"]["live"]

    walked = cloud.call("canary", event("canary"), LOOKALIKE_CANARY_URL="http://127.0.0.1:9")
    assert walked.answer["failed"] is True

    assert cloud.called == FUNCTIONS
    assert API_KEY not in cloud.log
