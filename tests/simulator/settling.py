"""A quiet end: everybody finishes, every message is delivered; then the promises are checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.simulator import promises
from tests.simulator.world import Sandbox, World

MOST_REDRIVES = 3  # in a world without faults one is enough


class Broken(AssertionError):
    """A promise is broken. story: how it came to that, a line for each thing that happened."""

    def __init__(self, wrong: str, story: list[str]) -> None:
        super().__init__("\n".join(["", *story, f"WRONG: {wrong}"]))
        self.wrong = wrong
        self.story = (*story, f"WRONG: {wrong}")


def check(world: World) -> None:
    """Raises Broken for what was wrong on the way."""
    if world.wrong:
        raise Broken("; ".join(world.wrong), world.stage.story)


def settle(world: World, first: int = 0) -> None:
    """Raises Broken for what is wrong before a reconcile, but for lost events, or after it.

    first: which of those at work finishes first.
    """
    world.stage.tell("no more faults: everybody finishes")
    world.queue.refuses, world.opinion.is_down = 0, False
    _finish(world, first)
    while world.queue.waiting:
        world.deliver(0).finish()
    if world.state.next:  # it opens what a late retirement closed, and brings it up to date
        world.command("the filling", lambda sandbox: sandbox.reindex.fill()).finish()
    _drain(world)
    world.stage.arrive()
    _require(world, promises.of_a_quiet_world(world, world.lost))
    if not world.lost:
        _require(world, _of_a_reconcile(world))
    world.queue.refuses = first % 2  # what is not taken is sent again
    world.command("the reconcile", Sandbox.mend).finish()
    world.queue.refuses = 0
    _drain(world)
    _require(world, promises.of_a_quiet_world(world))
    _require(world, _of_a_reconcile(world))


def _of_a_reconcile(world: World) -> Iterator[str]:
    if drift := world.sandbox().reconcile.find().keys:
        yield f"a reconcile finds {', '.join(drift)}, where nothing is wrong"


def _finish(world: World, first: int) -> None:
    while actors := world.actors:
        actors[first % len(actors)].finish()


def _drain(world: World) -> None:
    for _ in range(MOST_REDRIVES):
        while world.queue.waiting:
            world.deliver(0).finish()
        check(world)
        if not world.queue.dead:
            return
        world.redrive()
    key = min(world.queue.subjects())
    raise Broken(f"{key} cannot be brought up to date", world.stage.story)


def _require(world: World, said: Iterable[str]) -> None:
    if wrong := [*said]:
        raise Broken("; ".join(wrong), world.stage.story)
