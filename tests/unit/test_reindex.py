"""Another encoder takes over without a mixed or an empty answer."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lookalike import wiring
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.catalogue import image_id_of
from lookalike.errors import InvalidRequest
from lookalike.models import SHIPPED
from lookalike.reconcile import Census, census
from lookalike.requests import Asked
from tests.conftest import World, jpeg

NEXT = "next-1"


@pytest.fixture
def next_model(world: World, tmp_path: Path) -> str:
    """The shipped encoder under another version."""
    folder = tmp_path / "next"
    folder.mkdir()
    shutil.copy(SHIPPED / ONNX_NAME, folder / ONNX_NAME)
    card = replace(ModelCard.read(SHIPPED), model=NEXT)
    (folder / CARD_NAME).write_text(card.to_json())
    wiring.models().add(folder)
    return NEXT


def has(model: str, key: str) -> bool:
    return wiring.index().get(model, image_id_of(key)) is not None


def test_the_next_model_is_filled_and_switched_to(world: World, next_model: str) -> None:
    world.drop(red=jpeg("red"), blue=jpeg("blue"), broken=b"text")
    wiring.reindex().nominate(next_model)

    assert wiring.reindex().run() == next_model

    state = wiring.serving().read()[0]
    assert (state.live, state.next, state.previous) == (next_model, None, world.model)
    answer = wiring.search().similar(image_id_of("red.jpg"), Asked(min_score=-1))
    assert answer["model"] == next_model
    assert [result["key"] for result in answer["results"]] == ["blue.jpg"]


def test_queries_are_answered_by_the_old_model_until_the_switch(
    world: World, next_model: str
) -> None:
    world.drop(red=jpeg("red"), blue=jpeg("blue"))
    wiring.reindex().nominate(next_model)
    wiring.reindex().fill()

    assert wiring.search().similar(image_id_of("red.jpg"), Asked())["model"] == world.model


def test_changes_while_it_fills_reach_every_collection(world: World, next_model: str) -> None:
    world.drop(red=jpeg("red"), blue=jpeg("blue"))
    wiring.reindex().nominate(next_model)
    world.drop(green=jpeg("green"))
    (world.pictures / "blue.jpg").unlink()
    wiring.ingest().sync("blue.jpg")

    wiring.reindex().run()

    for model in (world.model, next_model):
        assert has(model, "green.jpg")
        assert has(model, "red.jpg")
        assert not has(model, "blue.jpg")


def test_changes_after_the_switch_reach_the_previous_model_too(
    world: World, next_model: str
) -> None:
    world.drop(red=jpeg("red"))
    wiring.reindex().nominate(next_model)
    wiring.reindex().run()

    world.drop(blue=jpeg("blue"))

    assert has(world.model, "blue.jpg")


def test_a_switch_is_refused_while_a_picture_is_missing(world: World, next_model: str) -> None:
    world.drop(red=jpeg("red"), blue=jpeg("blue"))
    wiring.reindex().nominate(next_model)

    with pytest.raises(InvalidRequest, match="2 pictures are not in next-1 yet"):
        wiring.reindex().switch()

    assert wiring.serving().read()[0].live == world.model


def test_filling_goes_on_where_it_was_interrupted(world: World, next_model: str) -> None:
    world.drop(red=jpeg("red"), blue=jpeg("blue"))
    wiring.reindex().nominate(next_model)
    wiring.ingest().sync("red.jpg")
    encoded: list[str] = []

    wiring.reindex().fill(encoded.append)

    assert encoded == ["blue.jpg"]


def test_two_models_cannot_be_filled_at_once(world: World, next_model: str) -> None:
    wiring.reindex().nominate(next_model)

    wiring.reindex().nominate(next_model)  # the same again is harmless
    with pytest.raises(InvalidRequest, match="serves already"):
        wiring.reindex().nominate(world.model)


def test_a_rollback_is_a_switch_back_without_a_gap(world: World, next_model: str) -> None:
    world.drop(red=jpeg("red"))
    wiring.reindex().nominate(next_model)
    wiring.reindex().run()
    world.drop(blue=jpeg("blue"))
    encoded: list[str] = []

    wiring.reindex().nominate(world.model)
    wiring.reindex().fill(encoded.append)

    assert encoded == []  # the previous collection was kept up to date
    assert wiring.reindex().switch() == world.model


def test_a_collection_that_serves_nobody_is_dropped(world: World, next_model: str) -> None:
    wiring.index().open("forgotten-1", 4)
    wiring.reindex().nominate(next_model)

    assert wiring.reindex().retire() == ("forgotten-1",)

    assert set(wiring.index().models()) == {world.model, next_model}


def count(world: World) -> Census:
    return census(wiring.image_store(), wiring.index(), wiring.rejects(), world.model)


def test_every_picture_is_indexed_rejected_or_pending(world: World) -> None:
    world.drop(good=jpeg(), changed=jpeg("blue"), broken=b"text", gone=jpeg("green"))
    world.write("new.jpg", jpeg("black"))
    world.write("changed.jpg", jpeg("white"))
    (world.pictures / "gone.jpg").unlink()

    found = count(world)

    assert found.indexed == {"good.jpg"}
    assert found.rejected == {"broken.jpg"}
    assert found.pending == {"new.jpg", "changed.jpg"}
    assert found.orphaned == {"gone.jpg"}


def test_syncing_the_drift_leaves_none(world: World) -> None:
    world.drop(changed=jpeg("blue"), gone=jpeg("green"), broken=jpeg())
    world.write("new.jpg", jpeg("black"))
    world.write("changed.jpg.metadata.json", b'{"tags": ["x"]}')
    world.write("broken.jpg", b"text")
    (world.pictures / "gone.jpg").unlink()

    for key in count(world).drift:
        wiring.ingest().sync(key)

    after = count(world)
    assert list(after.drift) == []
    assert after.indexed == {"new.jpg", "changed.jpg"}
    assert after.rejected == {"broken.jpg"}


def test_a_mended_reject_is_pending_until_it_is_looked_at(world: World) -> None:
    world.drop(broken=b"text")
    world.write("broken.jpg", jpeg())

    assert count(world).pending == {"broken.jpg"}


def test_a_picture_that_the_live_model_lacks_too_does_not_hold_up_the_next(
    world: World, next_model: str
) -> None:
    """It is on its way to both, or was given up for both."""
    world.drop(red=jpeg("red"))
    world.write("given-up.jpg", jpeg("blue"))
    wiring.reindex().nominate(next_model)
    wiring.ingest().sync("red.jpg")

    assert wiring.reindex().switch() == next_model
