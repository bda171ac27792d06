"""What goes wrong, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.simulator.encoders import VERDICTS
from tests.simulator.stage import Actor, Fate
from tests.simulator.world import World

ENOUGH = 2  # changes of the moderator's mind in one schedule


@dataclass(frozen=True, slots=True)
class Trouble:
    """may: whether it can happen now. number: whom it happens to, among those it may."""

    name: str
    may: Callable[[World], bool]
    happen: Callable[[World, int], None]


def _somebody(world: World) -> bool:
    return bool(world.actors)


def _whom(world: World, number: int) -> Actor:
    return world.actors[number % len(world.actors)]


def _kill(world: World, number: int) -> None:
    _whom(world, number).kill()


def _refuse(world: World, number: int) -> None:
    _whom(world, number).go_on(Fate.REFUSED)


def _leave_unanswered(world: World, number: int) -> None:
    _whom(world, number).go_on(Fate.UNANSWERED)


def _writers(world: World) -> list[tuple[Actor, str]]:
    """Workers before a write to the index, and the pictures that it is about."""
    return [
        (actor, subject)
        for actor, subject in world.workers.values()
        if actor.before.startswith(("puts the point", "deletes the point"))
    ]


def _delay(world: World, number: int) -> None:
    """No retry can know of a write that arrives after it: only a reconcile finds that out."""
    writers = _writers(world)
    actor, subject = writers[number % len(writers)]
    world.lost.add(subject)
    actor.go_on(Fate.LATE)


def _refuse_an_entry(world: World, number: int) -> None:
    world.queue.refuses = 1


def _silence(world: World, number: int) -> None:
    world.stage.tell("the moderator will not answer whoever asks next")
    world.opinion.is_down = True


def _think(world: World, number: int) -> None:
    world.think(VERDICTS[number % len(VERDICTS)])


def _may_think(world: World) -> bool:
    return bool(world.workers) and world.opinion.changes < ENOUGH


def _is_late(world: World) -> bool:
    return bool(world.stage.late)


def _may_duplicate(world: World) -> bool:
    """A bug that is planted may have taken the message of whoever is at work."""
    return bool(world.workers and world.queue.in_flight)


def _may_lose(world: World) -> bool:
    return bool(world.queue.waiting) and not world.lost


TROUBLES = (
    Trouble("somebody is killed", _somebody, _kill),
    Trouble("an operation is refused", _somebody, _refuse),
    Trouble("an operation is not answered", _somebody, _leave_unanswered),
    Trouble("a write to the index is late", lambda world: bool(_writers(world)), _delay),
    Trouble("a late write arrives", _is_late, lambda world, _: world.stage.arrive()),
    Trouble("a message comes twice", _may_duplicate, World.duplicate),
    Trouble("a message is lost", _may_lose, World.lose),
    Trouble("an entry is refused", lambda world: bool(world.commands), _refuse_an_entry),
    Trouble("the moderator changes its mind", _may_think, _think),
    Trouble("the moderator is silent", _may_think, _silence),
    Trouble("a redrive", lambda world: bool(world.queue.dead), lambda world, _: world.redrive()),
)


def possible(world: World) -> list[Trouble]:
    return [one for one in TROUBLES if one.may(world)]
