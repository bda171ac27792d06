"""POST /v1/interactions, through the real handler, about answers of the real search."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lookalike import wiring
from lookalike.catalogue import image_id_of
from lookalike.errors import InteractionsUnavailable
from lookalike.interactions import MAX_BODY_BYTES
from lookalike.tokens import verify
from tests.conftest import World, event, jpeg

Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def answer(world: World, ask: Ask) -> dict[str, Any]:
    world.drop(red=jpeg("red"), orange=jpeg("orangered"), green=jpeg("green", dot="white"))
    _, body = similar(ask)
    return body


def similar(ask: Ask) -> tuple[int, dict[str, Any]]:
    query = {"min_score": "-1"}
    return ask(
        "search",
        "similar_images",
        path=f"/v1/images/{image_id_of('red.jpg')}/similar",
        queryStringParameters=query,
        multiValueQueryStringParameters={name: [value] for name, value in query.items()},
    )


def find(ask: Ask, **body: Any) -> dict[str, Any]:
    return ask("search", "search_with_json", body=json.dumps(body))[1]


def send(ask: Ask, name: str = "interactions", **body: Any) -> tuple[int, dict[str, Any]]:
    return ask("interactions", name, body=json.dumps({"session_id": "session-1", **body}))


def happened(answer: dict[str, Any], kind: str, result: int = 0, **changes: Any) -> dict[str, Any]:
    shown = answer["results"][result]
    return {
        "event_id": str(uuid4()),
        "type": kind,
        "query_id": answer["query_id"],
        "image_id": shown["image_id"],
        "position": shown["position"],
        "occurred_at": wiring.naming().now().isoformat(),
        **changes,
    }


def rows(world: World) -> list[Any]:
    files = sorted(Path(world.data, "interactions").rglob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_what_people_did_with_an_answer_is_kept(
    world: World, ask: Ask, answer: dict[str, Any]
) -> None:
    seen = [happened(answer, "impression", place) for place in range(2)]
    clicked = happened(answer, "click", 1)
    looked = happened(answer, "dwell", 1, dwell_ms=1)

    status, body = send(ask, events=[*seen, clicked, looked])

    assert (status, body) == (202, {"accepted": 4, "duplicate": 0, "rejected": []})
    kept = rows(world)
    assert [row["type"] for row in kept] == ["impression", "impression", "click", "dwell"]
    assert {row["anchor_image_id"] for row in kept} == {image_id_of("red.jpg")}
    assert {row["model"] for row in kept} == {world.model}
    assert {row["query_id"] for row in kept} != {answer["query_id"]}
    assert kept[2]["image_id"] == answer["results"][1]["image_id"]
    assert (kept[2]["position"], kept[2]["slot"], kept[2]["propensity"]) == (2, "organic", 1.0)


def test_a_page_that_closes_sends_the_same_as_text(
    world: World, ask: Ask, answer: dict[str, Any]
) -> None:
    """sendBeacon sends no other type and no key; behind CloudFront a reader is a hop further."""
    status, body = send(ask, "interactions_beacon", events=[happened(answer, "click")])

    assert (status, body["accepted"]) == (202, 1)
    assert rows(world)[0]["source"] != rows(world)[0]["viewer"]


def test_a_body_that_came_as_base64_is_read_too(
    world: World, ask: Ask, answer: dict[str, Any]
) -> None:
    sent = {"session_id": "session-1", "events": [happened(answer, "click")]}
    body = base64.b64encode(json.dumps(sent).encode()).decode()

    status, said = ask("interactions", "interactions", body=body, isBase64Encoded=True)

    assert (status, said["accepted"]) == (202, 1)


def test_the_committed_events_are_understood(world: World, ask: Ask) -> None:
    """Theirs is another deployment's key: each of the three is refused for itself."""
    for name in ("interactions", "interactions_beacon"):
        status, body = ask("interactions", name)

        assert (status, body["accepted"]) == (202, 0)
        assert {one["reason"] for one in body["rejected"]} <= {"forged_query", "expired_query"}
        assert [one["index"] for one in body["rejected"]] == [0, 1, 2]


def test_a_token_names_the_anchor_only_if_the_image_was_asked_for_whole_and_alone(
    world: World, ask: Ask, answer: dict[str, Any]
) -> None:
    red, green = image_id_of("red.jpg"), image_id_of("green.jpg")
    whole = {"x": 0, "y": 0, "w": 1, "h": 1}
    find_key = wiring.naming().keys.find

    def anchor(**asked: Any) -> str | None:
        return verify(find(ask, **asked, min_score=-1)["query_id"], find_key).anchor_image_id

    assert verify(answer["query_id"], find_key).anchor_image_id == red
    assert anchor(image_id=red) == red
    assert anchor(image_id=red, crop=whole) is None
    assert anchor(image_id=red, negative=[green]) is None
    assert anchor(positive=[red]) is None
    assert anchor(image=base64.b64encode(jpeg("red")).decode()) is None


def test_every_answer_has_its_own_name(world: World, ask: Ask, answer: dict[str, Any]) -> None:
    assert similar(ask)[1]["query_id"] != answer["query_id"]


def test_the_log_says_what_was_shown_and_holds_no_token(
    world: World, ask: Ask, answer: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    _, body = similar(ask)

    (said,) = [vars(record) for record in caplog.records if record.message == "answer"]
    named = verify(body["query_id"], wiring.naming().keys.find)
    assert said["query_id"] == named.query_id
    assert said["shown"] == [result["image_id"] for result in body["results"]]
    assert said["model"] == world.model
    assert body["query_id"] not in str(said)


def test_an_answer_is_given_also_where_no_key_can_be_read(world: World, ask: Ask) -> None:
    world.data.mkdir(exist_ok=True)
    Path(world.data, "signing.json").write_text("broken")
    world.drop(red=jpeg("red"), orange=jpeg("orangered"))

    status, body = similar(ask)

    assert status == 200
    assert len(body["query_id"]) == 36
    assert send(ask, events=[happened(body, "click")])[0] == 503


def test_an_answer_without_results_can_be_clicked_nowhere(
    world: World, ask: Ask, answer: dict[str, Any]
) -> None:
    nothing = find(ask, image_id=image_id_of("red.jpg"), min_score=0.9999)
    assert nothing["results"] == []

    click = happened(answer, "click", query_id=nothing["query_id"])

    assert send(ask, events=[click])[1]["rejected"] == [{"index": 0, "reason": "not_in_answer"}]


def test_a_log_that_takes_nothing_is_503_and_says_when_to_come_back(
    world: World, ask: Ask, answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def write(self, rows: object) -> None:
            raise InteractionsUnavailable("full")

    monkeypatch.setattr(wiring.interactions(), "log", Full())

    status, problem = send(ask, events=[happened(answer, "click")])

    assert (status, problem["status"]) == (503, 503)


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "null", "NaN", "[" * 100_000, '{"session_id": "session-1", "events": 1}'],
)
def test_a_body_of_another_form_is_422(world: World, ask: Ask, body: str) -> None:
    assert ask("interactions", "interactions_beacon", body=body)[0] == 422


def test_a_body_of_ten_megabytes_is_413(world: World, ask: Ask) -> None:
    assert ask("interactions", "interactions", body="x" * 10_000_000)[0] == 413
    assert ask("interactions", "interactions", body=" " * (MAX_BODY_BYTES + 1))[0] == 413


def test_the_largest_request_there_can_be_is_let_in(
    world: World, ask: Ask, answer: dict[str, Any]
) -> None:
    events = [happened(answer, "impression", query_id="A" * 2_400) for _ in range(500)]

    status, body = send(ask, events=events)

    assert status == 202
    assert len(body["rejected"]) == 500


def test_another_type_of_body_is_415(world: World, ask: Ask) -> None:
    headers = {**event("interactions")["headers"], "Content-Type": "image/png"}
    several = {name: [value] for name, value in headers.items()}

    assert ask("interactions", "interactions", headers=headers, multiValueHeaders=several)[0] == 415
