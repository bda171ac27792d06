"""Whatever happens, in whatever order: the index equals the bucket once it is quiet again."""

from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from lookalike.catalogue import sidecar_of
from tests.simulator import hunt
from tests.simulator.glimpses import glimpse, untouched
from tests.simulator.machine import HAPPENED, Machine
from tests.simulator.pictures import KEYS, READABLE, SAID
from tests.simulator.promises import of_a_quiet_world
from tests.simulator.settling import Broken, settle
from tests.simulator.stage import Fate
from tests.simulator.world import World

KEY = KEYS[0]


def test_no_schedule_that_hypothesis_thinks_of_breaks_a_promise() -> None:
    asked = settings(
        max_examples=100,
        stateful_step_count=30,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    run_state_machine_as_test(Machine, settings=asked)


def test_none_of_some_hundred_walks_breaks_a_promise() -> None:
    failure = hunt.run(500, seed=6, shrink=True)

    assert failure is None, "\n".join(failure.story)


def test_the_same_seed_is_the_same_schedules() -> None:
    def happened() -> Counter[str]:
        HAPPENED.clear()
        hunt.run(20, seed=1)
        return Counter(HAPPENED)

    assert happened() == happened()


# The machine itself: what it must see, and what must not disturb it.


def indexed() -> World:
    """A world with one picture, which is where it belongs."""
    world = World()
    world.change(KEY, READABLE["red"])
    world.deliver(0).finish()
    return world


def test_a_quiet_world_keeps_every_promise() -> None:
    assert [*of_a_quiet_world(indexed())] == []


def test_a_point_that_is_missing_of_another_picture_or_of_nothing_is_seen() -> None:
    world, other = indexed(), indexed()
    point = world.points.collections["m1"].popitem()
    assert [*of_a_quiet_world(world)] == [f"m1 has no point of {KEY}"]

    other.images.delete(KEY)
    assert f"m1 has a point of {KEY}, which is gone" in [*of_a_quiet_world(other)]

    world.points.collections["m1"][point[0]] = point[1]
    world.images.put(KEY, READABLE["blue"], "")
    assert f"the point of {KEY} in m1 is of other bytes" in [*of_a_quiet_world(world)]


def test_what_came_and_went_meanwhile_was_touched() -> None:
    """Its messages are on their way, so whoever switches need not have seen it."""
    world = indexed()
    before = glimpse(world)
    assert KEY in untouched(before, glimpse(world))

    world.change(sidecar_of(KEY), next(iter(SAID)))
    world.change(sidecar_of(KEY), None)

    assert KEY not in untouched(before, glimpse(world))


def test_who_is_killed_does_nothing_more_and_leaves_its_message() -> None:
    world = World()
    world.change(KEY, READABLE["red"])

    world.deliver(0).kill()

    assert world.actors == []
    assert world.points.collections == {"m1": {}}
    assert len(world.queue.waiting) == 1


def test_an_operation_without_an_answer_took_effect_and_a_refused_one_did_not() -> None:
    for fate, points in ((Fate.REFUSED, 0), (Fate.UNANSWERED, 1)):
        world = World()
        world.change(KEY, READABLE["red"])
        worker = world.deliver(0)
        while "puts the point" not in worker.before:
            worker.go_on()

        worker.go_on(fate)

        assert len(world.points.collections["m1"]) == points
        settle(world)


def test_a_lost_event_is_mended_by_the_reconcile_and_by_nothing_else() -> None:
    world = World()
    world.change(KEY, READABLE["red"])
    world.lose(0)

    settle(world)

    assert any("the reconcile 1 sends 1 events" in line for line in world.stage.story)


def test_a_write_that_arrives_after_its_retry_is_mended_by_the_reconcile() -> None:
    world = World()
    world.change(KEY, READABLE["red"])
    worker = world.deliver(0)
    while "puts the point" not in worker.before:
        worker.go_on()
    world.lost.add(KEY)
    worker.go_on(Fate.LATE)
    world.change(KEY, READABLE["blue"])

    settle(world)

    assert [*of_a_quiet_world(world)] == []
    assert any(line.startswith("only now does this arrive") for line in world.stage.story)


def test_a_failure_is_told_as_a_story() -> None:
    world = indexed()
    world.points.drop("m1")

    try:
        settle(world)
    except Broken as broken:
        story = broken.story
    else:
        raise AssertionError

    assert story[1:3] == (f"{KEY} is written (red)", f"worker 1 is told of {KEY}")
    assert story[-1].startswith("WRONG: m1 may serve, and has no collection")
