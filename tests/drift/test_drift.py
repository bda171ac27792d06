"""Short form of `python -m tests.drift`: every drift is found by name, mended, and gone."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import drift
from lookalike import wiring
from lookalike.catalogue import image_id_of
from lookalike.errors import StoreUnavailable
from lookalike.ingest import thumbnail_of
from tests.conftest import World
from tests.drift import proof
from tests.drift.catalogue import LIVE, MODELS, NEXT, Catalogue
from tests.drift.damage import ELSEWHERE, POINTS, Damage, Expected, lose
from tests.drift.proof import Broken, Figures

PICTURES = 80
FEW = 11
SEED = 8


@pytest.fixture
def catalogue(world: World, tmp_path: Path) -> Iterator[Catalogue]:
    """Not begun: the tests need pictures of different numbers."""
    handler = world.handler("embed").lambda_handler
    made = Catalogue(tmp_path / "work", handler, random.Random(SEED))
    yield made
    made.close()


@pytest.fixture
def agreed(catalogue: Catalogue) -> Catalogue:
    """A few pictures, and every collection as it should be."""
    catalogue.begin(FEW)
    catalogue.sync(catalogue.keys())
    proof.require_found(drift.find(), Expected())
    return catalogue


def test_every_drift_is_found_by_name_mended_and_gone(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.begin(PICTURES)
    figures = Figures()
    proof.found_and_mended(catalogue, proof.unfilled(catalogue), figures)
    for harm in POINTS:
        damage = Damage(catalogue)
        for model in MODELS:
            harm(damage, model)
        proof.found_and_mended(catalogue, damage.expected, figures)
    for elsewhere in ELSEWHERE:
        damage = Damage(catalogue)
        elsewhere(damage)
        proof.found_and_mended(catalogue, damage.expected, figures)

    assert figures.mended == figures.found > 100
    assert proof.require_same_as_rebuilt(catalogue, tmp_path / "rebuilt") > 3 * PICTURES // 2


def test_several_drifts_at_once_are_too_and_a_collection_that_is_lost(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    catalogue.begin(PICTURES)
    figures = proof.rounds(catalogue, proof.LOST_EACH, lambda words: None)

    assert figures.mended == figures.found > 100
    assert proof.require_same_as_rebuilt(catalogue, tmp_path / "rebuilt") > 3 * PICTURES // 2


def test_the_proof_sees_what_was_not_found_and_what_was_not_mended(catalogue: Catalogue) -> None:
    """Else its silence would say nothing."""
    catalogue.begin(FEW)
    expected = proof.unfilled(catalogue)
    wiring.index().delete(LIVE, image_id_of(catalogue.indexed()[0]))
    with pytest.raises(Broken, match="live-1: missing: found and not damaged"):
        proof.require_found(drift.find(), expected)

    expected.note(NEXT, drift.ORPHANED, ["never.jpg"])
    with pytest.raises(Broken, match="damaged and not found"):
        proof.require_found(drift.find(), expected)


def test_a_look_changes_nothing(agreed: Catalogue) -> None:
    expected = lose(NEXT, agreed)

    for _ in range(2):
        proof.require_found(drift.find(), expected)

    assert agreed.queue.is_idle()


def test_a_picture_that_comes_while_one_looks_keeps_its_thumbnail(
    agreed: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed after the folder was and before the thumbnails were, it looks like one that went."""
    key = agreed.keys()[0]
    listed = agreed.store.keys
    answers = iter([[one for one in listed() if one[0] != key]])
    monkeypatch.setattr(agreed.store, "keys", lambda: next(answers, None) or listed())

    found = drift.find()

    assert found.strays == ()
    drift.mend(found, agreed.changes)
    agreed.work_off()
    assert wiring.derived_store().head(thumbnail_of(image_id_of(key)))
    assert drift.find().named == frozenset()


def test_a_folder_that_is_not_there_is_an_unplugged_disk(agreed: Catalogue, world: World) -> None:
    world.pictures.rename(world.pictures.with_name("elsewhere"))

    with pytest.raises(StoreUnavailable, match="connect its disk"):
        drift.find()


def test_what_was_given_up_is_told_and_not_tried_for_ever(agreed: Catalogue) -> None:
    key = agreed.add()
    agreed.changes.report([key])
    for _ in range(3):
        message = agreed.queue.receive()
        assert message is not None
        agreed.queue.change_visibility(message.receipt, 0)

    assert drift.mend(drift.find(), agreed.changes) == 0
    assert drift.find().named == {key}


def test_a_record_that_cannot_be_read_stops_nobody(agreed: Catalogue) -> None:
    """Cut off beside a picture that is fine; and in place of the record of one that is not."""
    broken = next(iter(wiring.rejects().all())).key
    for key in (agreed.indexed()[0], broken):
        wiring.derived_store().put(f"rejects/{image_id_of(key)}.json", b"{", "application/json")

    found = drift.find()

    assert found.named == {broken}
    assert drift.mend(found, agreed.changes) == 1
    agreed.work_off()
    assert drift.find().named == frozenset()
