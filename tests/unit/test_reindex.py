"""Another encoder takes over without a mixed or an empty answer."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count as count_from
from typing import Any

import pytest
from PIL import Image

from lookalike import wiring
from lookalike.catalogue import IndexedImage, image_id_of
from lookalike.errors import IndexUnavailable, InvalidRequest, StoreUnavailable
from lookalike.index import Vector
from lookalike.ingest import thumbnail_of
from lookalike.models import ServingState
from lookalike.moderation import Verdict
from lookalike.reconcile import Census, census
from lookalike.requests import Asked
from tests.conftest import World, jpeg


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
        wiring.reindex().switch(next_model)

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


def take_over(model: str) -> None:
    wiring.reindex().nominate(model)
    wiring.reindex().run()


def test_a_rollback_is_a_switch_back_without_a_gap(world: World, next_model: str) -> None:
    world.drop(red=jpeg("red"))
    take_over(next_model)
    world.drop(blue=jpeg("blue"))

    state = wiring.reindex().rollback()

    assert state == ServingState(live=world.model, previous=next_model)
    answer = wiring.search().similar(image_id_of("red.jpg"), Asked(min_score=-1))
    assert answer["model"] == world.model
    assert [result["key"] for result in answer["results"]] == ["blue.jpg"]


def test_the_model_that_was_rolled_back_stays_ready(world: World, next_model: str) -> None:
    world.drop(red=jpeg("red"))
    take_over(next_model)
    wiring.reindex().rollback()
    world.drop(blue=jpeg("blue"))

    assert wiring.reindex().rollback().live == next_model
    assert has(next_model, "blue.jpg")


def test_a_repeated_rollback_does_not_go_forth_again(world: World, next_model: str) -> None:
    take_over(next_model)

    states = [wiring.reindex().rollback(world.model) for _ in range(2)]

    assert states[0] == states[1] == ServingState(live=world.model, previous=next_model)


def test_a_rollback_without_a_previous_model_is_refused(world: World, next_model: str) -> None:
    with pytest.raises(InvalidRequest, match="no previous model is kept"):
        wiring.reindex().rollback()
    take_over(next_model)
    with pytest.raises(InvalidRequest, match="other-1 is not the previous model"):
        wiring.reindex().rollback("other-1")


def test_a_rollback_to_a_model_that_is_behind_is_refused(world: World, next_model: str) -> None:
    world.drop(red=jpeg("red"), blue=jpeg("blue"))
    take_over(next_model)
    wiring.index().delete(world.model, image_id_of("red.jpg"))

    with pytest.raises(InvalidRequest, match="lacks 1 pictures that next-1 has"):
        wiring.reindex().rollback()

    assert wiring.serving().read()[0].live == next_model


def test_a_live_collection_that_is_lost_does_not_hold_up_a_rollback(
    world: World, next_model: str
) -> None:
    world.drop(red=jpeg("red"))
    take_over(next_model)
    world.write("on-its-way.jpg", jpeg("blue"))
    wiring.index().drop(next_model)

    assert wiring.reindex().rollback().live == world.model


def test_a_live_collection_that_is_lost_lets_nothing_unproven_serve(
    world: World, next_model: str
) -> None:
    world.drop(red=jpeg("red"))
    take_over(next_model)
    wiring.reindex().nominate(world.model)
    wiring.index().drop(next_model)

    with pytest.raises(IndexUnavailable):
        wiring.reindex().switch(world.model)


def test_a_rollback_lets_go_of_the_model_being_filled(world: World, next_model: str) -> None:
    world.drop(red=jpeg("red"))
    take_over(next_model)
    wiring.reindex().nominate(world.model)  # by somebody who did not know of the rollback

    state = wiring.reindex().rollback()

    assert state.next is None


class PaidModerator:
    """One that counts, and changes its mind."""

    def __init__(self) -> None:
        self.reviews = 0

    def review(self, picture: Image.Image) -> Verdict:
        self.reviews += 1
        return Verdict("unsafe", "seen") if self.reviews == 1 else Verdict("visible")


def test_another_model_needs_another_vector_and_no_other_review(
    world: World, next_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid = PaidModerator()
    monkeypatch.setattr(wiring, "moderator", lambda: paid)
    world.drop(red=jpeg("red"))
    before = wiring.index().get(world.model, image_id_of("red.jpg"))

    take_over(next_model)

    assert paid.reviews == 1
    assert before is not None
    assert before.status == "unsafe"
    after = wiring.index().get(next_model, image_id_of("red.jpg"))
    assert after == replace(before, model=next_model)


def test_the_previous_model_stays_ready_until_the_switch(world: World, next_model: str) -> None:
    take_over(next_model)
    wiring.reindex().nominate(world.model)

    wiring.reindex().abandon(world.model)

    assert wiring.serving().read()[0] == ServingState(live=next_model, previous=world.model)


def test_an_abandoned_model_is_followed_no_more(world: World, next_model: str) -> None:
    wiring.reindex().nominate(next_model)

    served = [wiring.reindex().abandon(next_model) for _ in range(2)]

    world.drop(red=jpeg("red"))
    assert served == [world.model, world.model]
    assert not has(next_model, "red.jpg")
    assert wiring.reindex().retire() == (next_model,)


def test_abandoning_another_model_changes_nothing(world: World, next_model: str) -> None:
    wiring.reindex().nominate(next_model)

    wiring.reindex().abandon("other-1")
    wiring.reindex().abandon(world.model)

    assert wiring.serving().read()[0] == ServingState(live=world.model, next=next_model)


def test_a_change_that_comes_second_says_so_and_changes_nothing(
    world: World, next_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = wiring.serving().swap

    def after_another(etag: str, state: ServingState) -> str:
        real(etag, ServingState(live=world.model, previous="other-1"))
        return real(etag, state)

    monkeypatch.setattr(wiring.serving(), "swap", after_another)
    with pytest.raises(StoreUnavailable, match="changed meanwhile; ask again"):
        wiring.reindex().nominate(next_model)

    assert wiring.serving().read()[0].previous == "other-1"


def test_a_write_that_arrived_twice_is_one_change(
    world: World, next_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when S3's answer is lost and the client asks again: its own etag is in its way."""
    real = wiring.serving().swap

    def twice(etag: str, state: ServingState) -> str:
        real(etag, state)
        return real(etag, state)

    monkeypatch.setattr(wiring.serving(), "swap", twice)
    wiring.reindex().nominate(next_model)

    assert wiring.serving().read()[0].next == next_model


class Crash(BaseException):
    """The process is gone."""


def crash_at(patch: pytest.MonkeyPatch, moment: int) -> None:
    """Before the n-th write to the index or the serving state, or after it: 2 moments for each."""
    left = moment

    def crashing(write: Callable[..., Any]) -> Callable[..., Any]:
        def perhaps(*arguments: Any) -> Any:
            for act in (lambda: None, lambda: write(*arguments)):
                result = act()
                nonlocal left
                left -= 1
                if left == 0:
                    raise Crash
            return result

        return perhaps

    for name in ("open", "put", "drop"):
        patch.setattr(wiring.index(), name, crashing(getattr(wiring.index(), name)))
    patch.setattr(wiring.serving(), "swap", crashing(wiring.serving().swap))


def whole_answer(world: World) -> str:
    """The model that answers, with the whole catalogue; whatever else goes on."""
    answer = wiring.search().similar(image_id_of("red.jpg"), Asked(min_score=-1))
    assert [result["key"] for result in answer["results"]] == ["blue.jpg"]
    return answer["model"]


def test_each_step_can_be_repeated_after_a_crash_at_any_moment(
    world: World, next_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(red=jpeg("red"), blue=jpeg("blue"))
    reindex = wiring.reindex()
    steps: list[Callable[[], object]] = [
        lambda: reindex.nominate(next_model),
        lambda: reindex.abandon(next_model),
        lambda: reindex.nominate(next_model),
        lambda: reindex.fill(),
        lambda: reindex.switch(next_model),
        lambda: reindex.rollback(world.model),
        lambda: reindex.nominate(next_model),
        lambda: reindex.switch(next_model),
        lambda: reindex.retire(),
    ]
    for moment in count_from(1):
        crashes = 0
        with monkeypatch.context() as patch:
            crash_at(patch, moment)
            for step in steps:
                try:
                    step()
                except Crash:
                    crashes += 1
                    assert whole_answer(world) in (world.model, next_model)
                    step()
                assert whole_answer(world) == wiring.serving().read()[0].live
        assert wiring.serving().read()[0] == ServingState(live=next_model, previous=world.model)
        if not crashes:
            break
        _, etag = wiring.serving().read()
        wiring.serving().swap(etag, ServingState(live=world.model))
        for name in ("red", "blue"):
            wiring.index().delete(next_model, image_id_of(f"{name}.jpg"))

    assert moment > 20  # two for each write: it really went through all of them


def test_a_picture_that_came_during_the_census_does_not_hold_up_the_switch(
    world: World, next_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(red=jpeg("red"))
    wiring.reindex().nominate(next_model)
    wiring.reindex().fill()
    world.write("late.jpg", jpeg("blue"))
    real = wiring.index().scan

    def while_something_comes(model: str) -> Iterator[IndexedImage]:
        yield from real(model)
        if model == next_model:
            wiring.ingest().sync("late.jpg")

    monkeypatch.setattr(wiring.index(), "scan", while_something_comes)

    assert wiring.reindex().behind() == ()


def test_a_worker_that_is_overtaken_by_a_whole_switch_writes_to_the_new_model_too(
    world: World, next_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read who serves before the next model was named, and writes when that one serves."""
    world.drop(red=jpeg("red"))
    world.write("late.jpg", jpeg("blue"))
    real = wiring.index().put

    def after_a_switch(model: str, image: IndexedImage, vector: Vector) -> None:
        monkeypatch.setattr(wiring.index(), "put", real)
        wiring.reindex().nominate(next_model)
        wiring.reindex().run()
        real(model, image, vector)

    monkeypatch.setattr(wiring.index(), "put", after_a_switch)

    wiring.ingest().sync("late.jpg")

    assert wiring.serving().read()[0].live == next_model
    assert has(next_model, "late.jpg")


def test_what_a_model_kept_of_a_picture_that_broke_is_gone_before_it_serves(
    world: World, next_model: str
) -> None:
    """The picture was overwritten by a broken one while that model followed nothing."""
    world.drop(red=jpeg("red"), blue=jpeg("blue"))
    wiring.reindex().nominate(next_model)
    wiring.reindex().fill()
    wiring.reindex().abandon(next_model)
    world.drop(blue=b"broken")

    wiring.reindex().nominate(next_model)
    with pytest.raises(InvalidRequest, match="1 pictures are not in next-1 yet"):
        wiring.reindex().switch(next_model)
    wiring.reindex().run()

    assert not has(next_model, "blue.jpg")


def test_a_collection_that_serves_nobody_is_dropped(world: World, next_model: str) -> None:
    wiring.index().open("forgotten-1", 4)
    wiring.reindex().nominate(next_model)

    assert wiring.reindex().retire() == ("forgotten-1",)

    assert set(wiring.index().models()) == {world.model, next_model}


@pytest.mark.parametrize("moment", ["before it is named", "after"])
def test_a_model_that_is_named_while_its_old_collection_is_dropped_has_one(
    moment: str, world: World, next_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(red=jpeg("red"))
    wiring.index().open(next_model, 256)
    index, serving = wiring.index(), wiring.serving()
    drop, swap = index.drop, serving.swap

    def named_meanwhile(model: str) -> None:
        monkeypatch.setattr(index, "drop", drop)
        wiring.reindex().nominate(next_model)
        drop(model)

    def dropped_meanwhile(etag: str, state: ServingState) -> str:
        monkeypatch.setattr(serving, "swap", swap)
        wiring.reindex().retire()
        return swap(etag, state)

    if moment == "after":
        monkeypatch.setattr(index, "drop", named_meanwhile)
        wiring.reindex().retire()
    else:
        monkeypatch.setattr(serving, "swap", dropped_meanwhile)
        wiring.reindex().nominate(next_model)

    wiring.ingest().sync("red.jpg")
    assert has(next_model, "red.jpg")


def count(world: World) -> Census:
    return census(wiring.image_store(), wiring.index(), wiring.rejects(), world.model)


def test_every_picture_is_indexed_rejected_or_pending(world: World) -> None:
    world.drop(good=jpeg(), changed=jpeg("blue"), broken=b"text", gone=jpeg("green"))
    world.write("new.jpg", jpeg("black"))
    world.write("changed.jpg", jpeg("white"))
    (world.pictures / "gone.jpg").unlink()

    found = count(world)

    assert found.indexed == 1
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
    assert after.indexed == 2
    assert after.rejected == {"broken.jpg"}


def test_a_thumbnail_that_is_missing_or_another_one_is_drift(world: World) -> None:
    world.drop(missing=jpeg("red"), other=jpeg("blue"), right=jpeg("green"), refused=b"text")
    derived = wiring.derived_store()
    derived.delete(thumbnail_of(image_id_of("missing.jpg")))
    derived.put(thumbnail_of(image_id_of("other.jpg")), b"of what was there before", "image/webp")

    derived.put(thumbnail_of(image_id_of("refused.jpg")), b"of what was there before", "image/webp")

    assert count(world).pending == {"missing.jpg", "other.jpg"}
    assert count(world).outdated == {"refused.jpg"}

    for key in count(world).drift:
        wiring.ingest().sync(key)
    assert list(count(world).drift) == []


def test_a_point_of_another_model_is_drift(world: World) -> None:
    world.drop(red=jpeg("red"))
    image = wiring.index().get(world.model, image_id_of("red.jpg"))
    vector = wiring.index().vector(world.model, image_id_of("red.jpg"))
    assert image is not None
    assert vector is not None
    wiring.index().put(world.model, replace(image, model="another-1"), vector)

    assert count(world).pending == {"red.jpg"}


def test_the_reject_of_a_picture_that_is_gone_or_fine_is_drift(world: World) -> None:
    world.drop(gone=b"text", fine=b"text")
    rejects = list(wiring.rejects().all())
    (world.pictures / "gone.jpg").unlink()
    world.drop(fine=jpeg())
    for reject in rejects:
        wiring.rejects().record(reject)

    found = count(world)

    assert found.orphaned == {"gone.jpg"}
    assert found.outdated == {"fine.jpg"}
    for key in found.drift:
        wiring.ingest().sync(key)
    assert list(wiring.rejects().all()) == []


def test_a_record_of_a_reject_that_cannot_be_read_is_made_again(world: World) -> None:
    world.drop(broken=b"text")
    record = f"rejects/{image_id_of('broken.jpg')}.json"
    wiring.derived_store().put(record, b'{"key": "bro', "application/json")

    assert count(world).pending == {"broken.jpg"}

    assert wiring.ingest().sync("broken.jpg") == "rejected"
    assert count(world).rejected == {"broken.jpg"}


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

    assert wiring.reindex().switch(next_model).live == next_model
