"""The keeper lets a model serve that is fit to, and no other."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local.changes import Changes
from local.keeper import Keeper
from local.queue import Queue
from lookalike import wiring
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.catalogue import image_id_of
from lookalike.folder import Folder
from lookalike.models import SHIPPED, ServingState
from tests.conftest import World, jpeg

NEXT = "next-1"
PATIENCE_SECONDS = 20.0


@pytest.fixture
def filled(world: World, tmp_path: Path) -> None:
    """A next model, named and filled."""
    folder = tmp_path / "next"
    folder.mkdir()
    shutil.copy(SHIPPED / ONNX_NAME, folder / ONNX_NAME)
    (folder / CARD_NAME).write_text(replace(ModelCard.read(SHIPPED), model=NEXT).to_json())
    wiring.models().add(folder)
    world.drop(red=jpeg("red"), blue=jpeg("blue"))
    wiring.reindex().nominate(NEXT)
    wiring.reindex().fill()


@pytest.fixture
def keeper(filled: None, tmp_path: Path) -> Iterator[Keeper]:
    store = wiring.image_store()
    assert isinstance(store, Folder)
    queue = Queue(tmp_path / "queue")
    made = Keeper(Changes(store, queue), queue)
    yield made
    made.stop()
    queue.close()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def settle(keeper: Keeper) -> None:
    keeper.start()
    until(lambda: keeper.compared.is_set() and wiring.serving().read()[0].filling is None)


def test_a_filled_model_serves(world: World, keeper: Keeper) -> None:
    settle(keeper)

    assert wiring.serving().read()[0] == ServingState(live=NEXT, previous=world.model)


def test_a_filled_model_that_is_wanted_for_a_trial_answers_and_does_not_serve(
    world: World, keeper: Keeper
) -> None:
    """Also when the process that was asked for it is gone: the serving state remembers."""
    wiring.reindex().nominate(NEXT, 0.25)

    settle(keeper)

    state = wiring.serving().read()[0]
    assert (state.live, state.challenger, state.previous) == (world.model, NEXT, None)
    until(keeper.settled)  # a trial is nothing that is left to do


def test_a_promotion_of_the_model_on_trial_lets_it_serve(world: World, keeper: Keeper) -> None:
    wiring.reindex().nominate(NEXT, 0.25)
    settle(keeper)
    wiring.reindex().nominate(NEXT)

    until(lambda: wiring.serving().read()[0] == ServingState(live=NEXT, previous=world.model))


def test_the_graphs_of_both_that_answer_are_built(
    world: World, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: set[str] = set()
    monkeypatch.setattr(wiring.index(), "optimize", built.add)
    wiring.reindex().nominate(NEXT, 0.25)

    keeper.start()

    until(lambda: built == {world.model, NEXT})


@pytest.mark.parametrize("share", [None, 0.25])
def test_a_model_with_foreign_vectors_is_let_go_and_the_trouble_told(
    world: World, keeper: Keeper, share: float | None
) -> None:
    wiring.reindex().nominate(NEXT, share)
    red, blue = (image_id_of(f"{name}.jpg") for name in ("red", "blue"))
    foreign = wiring.index().vector(NEXT, blue)
    image = wiring.index().get(NEXT, red)
    assert image is not None
    assert foreign is not None
    wiring.index().put(NEXT, image, foreign)

    settle(keeper)
    keeper.stop()

    assert wiring.serving().read()[0] == ServingState(live=world.model)
    assert keeper.trouble.startswith("next-1 is not fit to serve: 1 of 2 pictures do not find")


def test_what_the_previous_model_lacks_is_brought_up_for_a_rollback(
    world: World, keeper: Keeper
) -> None:
    settle(keeper)
    wiring.index().delete(world.model, image_id_of("red.jpg"))

    keeper.compare()

    until(lambda: keeper.queue.counts().waiting == 1)
    message = keeper.queue.receive()
    assert message is not None
    assert message.key == "red.jpg"
