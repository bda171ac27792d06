"""The whole way of a draw: ranked, signed, shown, clicked, logged, and learnt from."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from lookalike import wiring
from lookalike.catalogue import image_id_of
from lookalike.interaction_log import FolderLog
from lookalike.interactions import Interactions
from lookalike.requests import Asked, Find, NewInteractions
from lookalike.search import Search
from lookalike.senders import Sender
from tests.conftest import World
from tests.training.clicks.conftest import Made
from tests.training.clicks.crowd import Crowd, indexed
from tests.training.clicks.shop import catalogue, key
from training import clicks

PLACES, ANSWERS = 12, 1_200
CROWD = Crowd(1, pictures=60, steepness=1.0, choosy=2)

Serve = Callable[[float], Search]


@pytest.fixture
def serve(world: World) -> Serve:
    """The real search over the crowd's pictures, exploring so much."""
    dimension = wiring.models().encoder(world.model).card.dimension
    for number, vector in enumerate(CROWD.vectors):
        padded = np.zeros(dimension, np.float32)
        padded[: len(vector)] = vector
        wiring.index().put(world.model, indexed(number), padded)

    def search(exploration: float) -> Search:
        parts = (wiring.image_store(), wiring.index(), wiring.models(), wiring.serving())
        return Search(*parts, wiring.links(), wiring.naming(), 3, exploration)

    return search


def ask(search: Search, anchor: int, session: str | None, **more: Any) -> dict[str, Any]:
    asked = Asked(limit=PLACES, min_score=-1.0, session_id=session, **more)
    return dict(search.similar(image_id_of(key(anchor)), asked))


def visited(search: Search, folder: Path) -> Path:
    """What the crowd leaves in the log: three questions a session."""
    interactions = Interactions(wiring.naming(), FolderLog(folder))
    chance = np.random.default_rng(7)
    numbers = {image_id_of(key(number)): number for number in range(CROWD.pictures)}
    for number in range(ANSWERS):
        session = f"session-{number // 3}"
        anchor = int(chance.integers(CROWD.pictures))
        answer = ask(search, anchor, session)
        ids = [result["image_id"] for result in answer["results"]]
        visit = CROWD.visit(anchor, [numbers[one] for one in ids], chance)
        events = [event("impression", ids[place], chance) for place in range(visit.places)]
        events += [event("click", ids[place - 1], chance) for place in visit.clicked]
        sent = NewInteractions(
            session_id=session, query_id=answer["query_id"], events=tuple(events)
        )
        recorded = interactions.record(sent, Sender("127.0.0.1", "127.0.0.1"))
        assert len(recorded.rows) == len(events)
    return folder


def event(kind: str, image_id: str, chance: np.random.Generator) -> Any:
    return {
        "event_id": str(UUID(bytes=chance.bytes(16), version=4)),
        "type": kind,
        "image_id": image_id,
        "occurred_at": datetime.now(UTC).isoformat(),
    }


def learnt(log: Path, folder: Path) -> Made:
    pictures = catalogue(folder / "catalogue", CROWD.pictures)
    named = ["--interactions", str(log), "--images", str(pictures), "--out", str(folder / "out")]
    assert clicks.main([*named, "--held-out", "0", "--shared-address"]) == 0
    return Made(folder / "out")


def test_exploration_recovers_which_places_people_look_at(serve: Serve, tmp_path: Path) -> None:
    told = {}
    for name, share in (("explored", 1.0), ("ranked", 0.0)):
        log = visited(serve(share), tmp_path / name / "log")
        told[name] = learnt(log, tmp_path / name).told["examination"]
    off = {name: CROWD.off(rate["curve"]) for name, rate in told.items()}

    assert told["ranked"]["clicks_that_moved"] == 0
    assert told["explored"]["clicks_on_drawn_places"] > 50
    assert off["explored"].mean() < 0.3
    assert off["explored"].mean() < off["ranked"].mean() / 2


def test_the_log_says_with_what_chance_a_picture_was_drawn(serve: Serve, tmp_path: Path) -> None:
    log = visited(serve(0.25), tmp_path)

    rows = [
        json.loads(line) for file in log.glob("dt=*/*") for line in file.read_text().splitlines()
    ]
    explored = [row for row in rows if row["slot"] == "explore"]
    assert {row["policy"] for row in rows} == {"baseline-1-explore-0.25"}
    assert {row["propensity"] for row in rows if row["slot"] == "organic"} == {1.0}
    assert {row["position"] for row in explored} == set(range(1, PLACES + 1))
    assert {row["propensity"] for row in explored} == {0.25 / (PLACES * 2 * PLACES)}
    answers = {row["query_id"] for row in explored}
    assert 0.15 < len(answers) / ANSWERS < 0.25  # of those drawn, who reached the place saw it


def test_a_session_that_asks_again_sees_the_same_page(serve: Serve) -> None:
    search = serve(0.5)

    for session in (f"session-{number}" for number in range(20)):
        once, again = ask(search, 3, session), ask(search, 3, session, explain=True)
        for one, other in zip(once["results"], again["results"], strict=True):
            assert (one["image_id"], one["slot"]) == (other["image_id"], other["slot"])


def test_sessions_and_questions_are_drawn_for_anew(serve: Serve) -> None:
    search = serve(0.5)

    def places(pages: list[dict[str, Any]]) -> set[tuple[int, str]]:
        results = [one for page in pages for one in page["results"] if one["slot"] == "explore"]
        return {(one["position"], one["image_id"]) for one in results}

    assert len(places([ask(search, 3, f"session-{number}") for number in range(40)])) > 10
    assert len(places([ask(search, number, "session-1") for number in range(40)])) > 10


def test_nothing_is_left_to_chance_where_nothing_would_be_learnt(serve: Serve) -> None:
    search = serve(1.0)
    someone = image_id_of(key(3))

    unknown = ask(search, 3, None)
    full: Any = {"limit": PLACES, "min_score": -1.0, "session_id": "session-1"}
    steered = search.find(Find(positive=(someone,), **full))
    known = search.find(Find(image_id=someone, **full))

    assert {one["slot"] for one in unknown["results"]} == {"organic"}
    assert {one["slot"] for one in steered["results"]} == {"organic"}
    assert {one["slot"] for one in known["results"]} == {"organic", "explore"}
    assert wiring.naming().read(unknown["query_id"]).policy == "baseline-1"
    assert wiring.naming().read(known["query_id"]).policy == "baseline-1-explore-1"
