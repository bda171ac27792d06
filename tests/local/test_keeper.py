"""The keeper lets a model serve that is fit to, and no other."""

import shutil
import time
from collections.abc import Iterator
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
def keeper(world: World, tmp_path: Path) -> Iterator[Keeper]:
    """With a next model, named and filled."""
    folder = tmp_path / "next"
    folder.mkdir()
    shutil.copy(SHIPPED / ONNX_NAME, folder / ONNX_NAME)
    (folder / CARD_NAME).write_text(replace(ModelCard.read(SHIPPED), model=NEXT).to_json())
    wiring.models().add(folder)
    world.drop(red=jpeg("red"), blue=jpeg("blue"))
    wiring.reindex().nominate(NEXT)
    wiring.reindex().fill()
    store = wiring.image_store()
    assert isinstance(store, Folder)
    queue = Queue(tmp_path / "queue")
    made = Keeper(Changes(store, queue), queue)
    yield made
    made.stop()
    queue.close()


def settle(keeper: Keeper) -> None:
    keeper.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while wiring.serving().read()[0].next is not None or not keeper.compared.is_set():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_filled_model_serves(world: World, keeper: Keeper) -> None:
    settle(keeper)

    assert wiring.serving().read()[0] == ServingState(live=NEXT, previous=world.model)


def test_a_model_with_foreign_vectors_is_let_go_and_the_trouble_told(
    world: World, keeper: Keeper
) -> None:
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
