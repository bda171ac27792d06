"""A model on trial: verified before it answers, beside the live one, until a person decides."""

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lookalike import wiring
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.catalogue import image_id_of
from lookalike.errors import InvalidRequest, StoreUnavailable
from lookalike.models import SHIPPED, ServingState, Trial
from lookalike.requests import Asked
from tests.conftest import World, jpeg

NEXT, OTHER = "next-1", "other-1"


@pytest.fixture
def models(world: World, tmp_path: Path) -> None:
    """Two more versions of the shipped encoder, and two pictures."""
    for version in (NEXT, OTHER):
        folder = tmp_path / version
        folder.mkdir()
        shutil.copy(SHIPPED / ONNX_NAME, folder / ONNX_NAME)
        (folder / CARD_NAME).write_text(replace(ModelCard.read(SHIPPED), model=version).to_json())
        wiring.models().add(folder)
    world.drop(red=jpeg("red"), blue=jpeg("blue"))


@pytest.fixture
def trial(models: None) -> ServingState:
    return tried(NEXT)


def tried(model: str, share: float = 0.5) -> ServingState:
    wiring.reindex().nominate(model, share)
    wiring.reindex().fill()
    return wiring.reindex().admit(model)


def state() -> ServingState:
    return wiring.serving().read()[0]


def test_a_model_is_filled_verified_and_then_answers_its_share(world: World, models: None) -> None:
    wiring.reindex().nominate(NEXT, 0.5)
    assert state() == ServingState(world.model, next=NEXT, trial=Trial(0.5))

    assert wiring.reindex().run() == NEXT

    assert (state().live, state().challenger) == (world.model, NEXT)
    assert wiring.index().count(NEXT) == 2


def test_no_trial_answers_from_a_collection_that_is_behind(world: World, models: None) -> None:
    wiring.reindex().nominate(NEXT, 0.5)

    with pytest.raises(InvalidRequest, match="2 pictures are not in it yet"):
        wiring.reindex().admit(NEXT)

    assert state().challenger is None


def test_no_trial_answers_from_vectors_of_another_encoder(world: World, models: None) -> None:
    wiring.reindex().nominate(NEXT, 0.5)
    wiring.reindex().fill()
    red, blue = (image_id_of(f"{name}.jpg") for name in ("red", "blue"))
    image, foreign = wiring.index().get(NEXT, red), wiring.index().vector(NEXT, blue)
    assert image is not None
    assert foreign is not None
    wiring.index().put(NEXT, image, foreign)

    with pytest.raises(InvalidRequest, match="do not find themselves"):
        wiring.reindex().admit(NEXT)

    assert state().challenger is None


def test_a_model_that_is_to_serve_or_is_not_next_is_not_admitted(
    world: World, models: None
) -> None:
    wiring.reindex().nominate(NEXT)

    for model in (NEXT, OTHER):
        with pytest.raises(InvalidRequest, match=f"{model} is not to be tried"):
            wiring.reindex().admit(model)


def test_admitting_and_asking_again_change_nothing(world: World, trial: ServingState) -> None:
    assert wiring.reindex().admit(NEXT) == trial
    wiring.reindex().nominate(NEXT, 0.5)

    assert state() == trial


def test_of_an_admission_and_another_change_at_once_the_second_is_refused(
    world: World, models: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring.reindex().nominate(NEXT, 0.5)
    wiring.reindex().fill()
    real = wiring.reindex().verify

    def while_somebody_stops_it(model: str) -> Any:
        found = real(model)
        wiring.reindex().stop_trial()
        return found

    monkeypatch.setattr(wiring.reindex(), "verify", while_somebody_stops_it)
    with pytest.raises(StoreUnavailable, match="changed meanwhile"):
        wiring.reindex().admit(NEXT)

    assert state() == ServingState(world.model)


def test_another_share_is_another_trial_verified_anew(world: World, trial: ServingState) -> None:
    wiring.reindex().nominate(NEXT, 0.1)

    assert state().trial == Trial(0.1)
    assert wiring.reindex().admit(NEXT).challenger == NEXT


def test_changes_during_a_trial_reach_both_collections(world: World, trial: ServingState) -> None:
    world.drop(green=jpeg("green"))
    (world.pictures / "blue.jpg").unlink()
    wiring.ingest().sync("blue.jpg")

    assert wiring.index().count(NEXT) == wiring.index().count(world.model) == 2
    assert wiring.index().get(NEXT, image_id_of("green.jpg")) is not None


def test_retiring_never_drops_the_collection_of_a_trial(world: World, trial: ServingState) -> None:
    wiring.index().open("forgotten-1", 4)

    assert wiring.reindex().retire() == ("forgotten-1",)

    assert wiring.index().count(NEXT) == 2


def test_a_model_on_trial_is_switched_to_and_the_trial_is_over(
    world: World, trial: ServingState
) -> None:
    assert wiring.reindex().switch(NEXT) == ServingState(NEXT, previous=world.model)


def test_a_promotion_ends_the_trial_and_then_switches(world: World, trial: ServingState) -> None:
    wiring.reindex().nominate(NEXT)
    assert state() == ServingState(world.model, next=NEXT)

    wiring.reindex().run()

    assert state() == ServingState(NEXT, previous=world.model)


def test_a_trial_is_stopped_at_once_and_once(world: World, trial: ServingState) -> None:
    assert wiring.reindex().stop_trial() == NEXT

    assert state() == ServingState(world.model)
    with pytest.raises(InvalidRequest, match="No model is on trial"):
        wiring.reindex().stop_trial()


def test_a_promotion_is_not_stopped_as_a_trial(world: World, models: None) -> None:
    wiring.reindex().nominate(NEXT)

    with pytest.raises(InvalidRequest, match="No model is on trial"):
        wiring.reindex().stop_trial()


def test_abandoning_a_trial_lets_its_model_go(world: World, trial: ServingState) -> None:
    assert wiring.reindex().abandon(NEXT) == world.model

    assert state() == ServingState(world.model)


def test_nobody_else_is_next_during_a_trial(world: World, trial: ServingState) -> None:
    for share in (None, 0.5):
        with pytest.raises(InvalidRequest, match="next-1 is on trial; promote it or stop its"):
            wiring.reindex().nominate(OTHER, share)

    assert state() == trial


def test_a_rollback_ends_a_trial_against_the_model_that_goes(
    world: World, trial: ServingState
) -> None:
    wiring.reindex().switch(NEXT)
    tried(OTHER)

    assert wiring.reindex().rollback() == ServingState(world.model, previous=NEXT)


def test_a_rollback_where_there_is_only_a_trial_says_what_to_do(
    world: World, trial: ServingState
) -> None:
    with pytest.raises(InvalidRequest, match="next-1 is on trial; to end that, stop the trial"):
        wiring.reindex().rollback()

    assert state() == trial


def test_the_previous_model_may_be_tried_and_stays_ready_for_a_rollback(
    world: World, trial: ServingState
) -> None:
    wiring.reindex().switch(NEXT)
    tried(world.model)
    wiring.reindex().stop_trial()

    assert wiring.reindex().rollback() == ServingState(world.model, previous=NEXT)


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, math.nan, math.inf, True, "0.5"])
def test_a_share_that_leaves_one_of_them_without_sessions_is_refused(
    world: World, models: None, share: Any
) -> None:
    with pytest.raises(InvalidRequest, match=r"/share: .* is not a number between 0 and 1"):
        wiring.reindex().nominate(NEXT, share)

    assert state() == ServingState(world.model)


class Crash(BaseException):
    """The process is gone."""


def crash_at(patch: pytest.MonkeyPatch, moment: int) -> None:
    """Before the n-th write to the serving state, or after it: two moments for each."""
    left, real = moment, wiring.serving().swap

    def perhaps(etag: str, state: ServingState) -> str:
        nonlocal left
        for act in (lambda: "", lambda: real(etag, state)):
            written = act()
            left -= 1
            if left == 0:
                raise Crash
        return written

    patch.setattr(wiring.serving(), "swap", perhaps)


def test_each_step_of_a_trial_can_be_repeated_after_a_crash_at_any_moment(
    world: World, models: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reindex = wiring.reindex()
    steps: list[Callable[[], object]] = [
        lambda: reindex.nominate(NEXT, 0.5),
        lambda: reindex.fill(),
        lambda: reindex.admit(NEXT),
        lambda: reindex.abandon(NEXT),
        lambda: reindex.nominate(NEXT, 0.9),
        lambda: reindex.admit(NEXT),
        lambda: reindex.switch(NEXT),
        lambda: reindex.retire(),
    ]
    for moment in range(1, 13):  # two for each of six writes
        with monkeypatch.context() as patch:
            crash_at(patch, moment)
            crashes = sum(crashed(step, world) for step in steps)
        assert crashes == 1
        assert state() == ServingState(NEXT, previous=world.model)
        wiring.serving().swap(wiring.serving().read()[1], ServingState(world.model))


def crashed(step: Callable[[], object], world: World) -> bool:
    """Repeats the step where the process ended; every session gets a whole answer throughout."""
    try:
        step()
        return False
    except Crash:
        step()
        return True
    finally:
        for session in ("session-1", "session-2", "session-3", "session-4"):
            asked = Asked(min_score=-1, session_id=session)
            answer = wiring.search().similar(image_id_of("red.jpg"), asked)
            assert answer["model"] == state().answering(session)
            assert [result["key"] for result in answer["results"]] == ["blue.jpg"]
