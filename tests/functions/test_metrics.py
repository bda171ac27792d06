"""GET /v1/metrics, from its event to its numbers."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from lookalike import wiring
from lookalike.interaction_log import FolderLog
from lookalike.models import ServingState, Trial
from tests.conftest import World, jpeg
from tests.unit.crowd import row, rows

Ask = Callable[..., tuple[int, dict[str, Any]]]


def measure(ask: Ask, **asked: str) -> tuple[int, dict[str, Any]]:
    several = {name: [value] for name, value in asked.items()}
    return ask(
        "metrics",
        "metrics",
        queryStringParameters=asked or None,
        multiValueQueryStringParameters=several or None,
    )


@pytest.fixture
def log(world: World) -> FolderLog:
    return FolderLog(world.data / "interactions")


@pytest.fixture
def crowd(log: FolderLog) -> None:
    log.write(list(rows(sessions=20, seed=4)))


@pytest.mark.usefixtures("crowd")
def test_the_committed_event_is_answered(ask: Ask) -> None:
    status, body = ask("metrics", "metrics")

    assert status == 200
    assert (body["metric"], body["interval"], body["group_by"]) == ("ctr", "week", "model")
    assert {one["group"] for one in body["rows"]} == {None, "m1", "m2"}


def test_nothing_asked_for_is_ctr_by_day(ask: Ask, world: World) -> None:
    status, body = measure(ask)

    assert status == 200
    assert (body["metric"], body["interval"], body["group_by"]) == ("ctr", "day", None)
    assert body["rows"] == [
        {
            "period": None,
            "group": None,
            "value": None,
            "low": None,
            "high": None,
            "events": 0,
            "of": 0,
            "sessions": 0,
        }
    ]


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize(
    "metric", ["ctr", "query_ctr", "time_spent", "coverage", "sponsored_share", "trial"]
)
@pytest.mark.parametrize("interval", ["day", "week", "month"])
def test_every_metric_has_a_row_of_everything(ask: Ask, metric: str, interval: str) -> None:
    status, body = measure(ask, metric=metric, interval=interval)

    assert status == 200
    assert (body["rows"][0]["period"], body["rows"][0]["group"]) == (None, None)


def test_clicks_through_the_api_move_the_rate(ask: Ask, world: World) -> None:
    world.drop(one=jpeg("red"), two=jpeg("darkred"), three=jpeg("blue"))
    status, found = ask("search", "search_with_json", body=json.dumps(_like_the_first()))
    assert status == 200

    def tell(kind: str, image_id: str) -> None:
        events = [
            {
                "event_id": str(uuid4()),
                "type": kind,
                "image_id": image_id,
                "occurred_at": wiring.interactions().now().isoformat(),
            }
        ]
        body = {"session_id": "session-1", "query_id": found["query_id"], "events": events}
        assert ask("interactions", "interactions", body=json.dumps(body))[0] == 202

    ids = [one["image_id"] for one in found["results"]]
    for image_id in ids:
        tell("impression", image_id)
    before = measure(ask)[1]["rows"][0]
    tell("click", ids[0])
    after = measure(ask)[1]["rows"][0]

    assert (before["value"], before["of"]) == (0, len(ids))
    assert after["value"] == pytest.approx(1 / len(ids), abs=1e-6)
    covered = measure(ask, metric="coverage")[1]["rows"][0]
    assert (covered["events"], covered["of"]) == (len(ids), 3)


def _like_the_first() -> dict[str, Any]:
    model = wiring.serving().recent().live
    first = next(iter(wiring.index().scan(model)))
    return {"image_id": first.image_id, "min_score": -1}


def test_a_trial_is_told_with_both_models(ask: Ask, world: World, log: FolderLog) -> None:
    log.write([row("impression", "session-1", "q1", "image-1", 1, model=world.model)])
    log.write([row("impression", "session-2", "q2", "image-1", 1, model="next-1")])
    _, etag = wiring.serving().read()
    began = Trial(0.5, "2026-11-01T00:00:00Z")
    wiring.serving().swap(etag, ServingState(world.model, next="next-1", trial=began))

    status, body = measure(ask, metric="trial")

    assert status == 200
    assert body["trial"]["sessions"] == {"live": 1, "challenger": 1}
    assert body["trial"]["balanced"] is True


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"metric": "likes"}, "/metric"),
        ({"interval": "year"}, "/interval"),
        ({"group_by": "policy"}, "/group_by"),
        ({"since": "yesterday"}, "/since"),
        ({"metric": "coverage", "group_by": "position"}, ""),
        ({"limit": "5"}, "/limit"),
    ],
)
def test_what_cannot_be_counted_is_named(ask: Ask, asked: dict[str, str], pointer: str) -> None:
    status, body = measure(ask, **asked)

    assert status == 422
    assert [one["pointer"] for one in body["errors"]] == [pointer]


def test_a_log_that_cannot_be_read_is_503(ask: Ask, world: World) -> None:
    (world.data / "interactions/dt=2026-11-02/interactions.jsonl").mkdir(parents=True)

    status, body = measure(ask)

    assert status == 503
    assert body["title"] == "Temporarily unavailable"


def test_in_the_cloud_athena_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_REPORTS", "athena://lookalike-dev/lookalike_dev")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    wiring.settings.cache_clear()

    engine: Any = wiring.reports().engine

    assert (engine.workgroup, engine.database) == ("lookalike-dev", "lookalike_dev")
