"""During a trial a session is answered by one model, wholly; where that fails, by the live one."""

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lookalike import wiring
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.catalogue import image_id_of
from lookalike.errors import IndexUnavailable
from lookalike.models import SHIPPED
from tests.conftest import World, jpeg

Ask = Callable[..., tuple[int, dict[str, Any]]]
CHALLENGER = "challenger-1"
STRICT = 0.999  # the challenger's own relevance floor: it answers with next to nothing


@pytest.fixture
def tried(world: World, tmp_path: Path) -> World:
    """A challenger with a floor of its own; it answers half of the sessions."""
    world.drop(red=jpeg("red"), blue=jpeg("blue"), green=jpeg("green"))
    folder = tmp_path / "made"
    folder.mkdir()
    shutil.copy(SHIPPED / ONNX_NAME, folder / ONNX_NAME)
    shipped = ModelCard.read(SHIPPED)
    thresholds = replace(shipped.thresholds, floor=STRICT)
    card = replace(shipped, model=CHALLENGER, thresholds=thresholds)
    (folder / CARD_NAME).write_text(card.to_json())
    wiring.models().add(folder)
    wiring.reindex().nominate(CHALLENGER, 0.5)
    wiring.reindex().run()
    return world


def session_of(model: str) -> str:
    """A session that this model answers."""
    state = wiring.serving().read()[0]
    named = (f"session-{number}" for number in range(1_000))
    return next(session for session in named if state.answering(session) == model)


def similar(ask: Ask, session: str | None, key: str = "red.jpg") -> tuple[int, dict[str, Any]]:
    image_id = image_id_of(key)
    said = {"session_id": session} if session else {}
    return ask(
        "search",
        "similar_images",
        path=f"/v1/images/{image_id}/similar",
        pathParameters={"image_id": image_id},
        queryStringParameters=said,
        multiValueQueryStringParameters={name: [value] for name, value in said.items()},
    )


def find(ask: Ask, **body: Any) -> tuple[int, dict[str, Any]]:
    return ask("search", "search_with_json", body=json.dumps(body))


def sent(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def test_a_session_is_answered_by_its_model_and_that_one_alone(tried: World, ask: Ask) -> None:
    """Its collection, its thresholds, its name in the token."""
    of_live, of_challenger = session_of(tried.model), session_of(CHALLENGER)

    for session, model in ((of_live, tried.model), (of_challenger, CHALLENGER)):
        for status, body in (
            similar(ask, session),
            find(ask, image=sent(jpeg("red")), session_id=session),
            find(ask, image_id=image_id_of("red.jpg"), session_id=session),
        ):
            assert (status, body["model"]) == (200, model)
            assert wiring.naming().read(body["query_id"]).model == model
            strict = [result for result in body["results"] if result["score"] < STRICT]
            assert bool(strict) == (model == tried.model)


def test_raw_bytes_name_their_session_in_the_query(tried: World, ask: Ask) -> None:
    said = {"session_id": session_of(CHALLENGER)}

    _, body = ask(
        "search",
        "search_with_bytes",
        body=sent(jpeg("red")),
        queryStringParameters=said,
        multiValueQueryStringParameters={name: [value] for name, value in said.items()},
    )

    assert body["model"] == CHALLENGER


def test_no_other_collection_is_looked_into(
    tried: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: set[str] = set()
    for name in ("similar", "nearest", "get"):
        real = getattr(wiring.index(), name)

        def noted(model: str, *given: Any, real: Any = real) -> Any:
            looked.add(model)
            return real(model, *given)

        monkeypatch.setattr(wiring.index(), name, noted)
    session = session_of(CHALLENGER)
    whole = {"x": 0, "y": 0, "w": 1, "h": 1}

    similar(ask, session)
    find(ask, image_id=image_id_of("red.jpg"), crop=whole, session_id=session)
    find(ask, positive=[image_id_of("red.jpg")], session_id=session)

    assert looked == {CHALLENGER}


def test_who_names_no_session_is_answered_by_the_live_model(tried: World, ask: Ask) -> None:
    assert similar(ask, None)[1]["model"] == tried.model


def test_a_session_that_is_none_is_refused(tried: World, ask: Ask) -> None:
    for wrong in ("short", "with spaces in it", "x" * 65):
        status, problem = similar(ask, wrong)

        assert status == 422
        assert [error["pointer"] for error in problem["errors"]] == ["/session_id"]


def test_a_challenger_without_its_collection_leaves_the_whole_answer_to_the_live_model(
    tried: World, ask: Ask
) -> None:
    session = session_of(CHALLENGER)
    wiring.index().drop(CHALLENGER)

    answers = [similar(ask, session), find(ask, image=sent(jpeg("red")), session_id=session)]

    for status, body in answers:
        assert (status, body["model"]) == (200, tried.model)
        assert wiring.naming().read(body["query_id"]).model == tried.model
        assert body["results"]


def test_a_challenger_whose_file_is_poisoned_leaves_the_answer_to_the_live_model(
    tried: World, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    session = session_of(CHALLENGER)
    (wiring.models().cache / CHALLENGER / ONNX_NAME).write_bytes(b"poison")
    wiring.models().keep((tried.model,))  # as in a sandbox that starts now

    status, body = similar(ask, session)

    assert (status, body["model"]) == (200, tried.model)
    (said,) = [one for one in caplog.records if one.msg == "answered by the live model"]
    assert vars(said)["challenger"] == CHALLENGER
    assert "differs from its card" in vars(said)["reason"]


def test_a_picture_that_only_the_live_model_knows_yet_is_found(tried: World, ask: Ask) -> None:
    """As in the moment between the two writes of one change."""
    wiring.index().delete(CHALLENGER, image_id_of("red.jpg"))

    status, body = similar(ask, session_of(CHALLENGER))

    assert (status, body["model"]) == (200, tried.model)


def test_a_picture_that_nobody_knows_is_unknown_during_a_trial_too(tried: World, ask: Ask) -> None:
    assert similar(ask, session_of(CHALLENGER), "absent.jpg")[0] == 404


def test_where_the_live_model_fails_the_challenger_does_not_step_in(
    tried: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise IndexUnavailable("down")

    monkeypatch.setattr(wiring.index(), "similar", fail)

    for model in (tried.model, CHALLENGER):
        assert similar(ask, session_of(model))[0] == 503


def test_bytes_that_are_no_picture_are_the_callers_fault_whoever_is_asked(
    tried: World, ask: Ask
) -> None:
    wrong = sent(jpeg()[:300])

    assert find(ask, image=wrong, session_id=session_of(CHALLENGER))[0] == 422


def test_the_health_route_tells_of_the_trial(tried: World, ask: Ask) -> None:
    _, body = ask("catalogue", "health")

    state = wiring.serving().read()[0]
    assert state.trial is not None
    assert (body["model"], body["next"]) == (tried.model, CHALLENGER)
    assert body["trial"] == {"share": 0.5, "since": state.trial.since}
