"""What is asked for while pictures come and go: other models, and a reconcile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.simulator.encoders import MODELS
from tests.simulator.world import Sandbox, World

Act = Callable[[Sandbox], object]


@dataclass(frozen=True, slots=True)
class Command:
    """may: whether anybody would ask for it now. one_at_a_time: with the others that are.

    of: what is done, given the world as it was when it was asked for, and a number to choose by.
    """

    name: str
    may: Callable[[World], bool]
    of: Callable[[World, int], Act]
    one_at_a_time: bool = False


def _nominate(world: World, number: int) -> Act:
    others = [model for model in MODELS if model != world.live]
    share = 0.5 if number % 4 > 1 else None
    return lambda its: its.reindex.nominate(others[number % 2], share)


def _fill(world: World, number: int) -> Act:
    if number % 2:
        return lambda its: its.reindex.fill(its.send)
    return lambda its: its.reindex.fill()


def _next_is_named(world: World) -> bool:
    return world.state.next is not None


def _let_in(world: World, number: int) -> Act:
    model = world.state.next or ""
    return lambda its: its.reindex.let_in(model)


def _abandon(world: World, number: int) -> Act:
    model = world.state.next or ""
    return lambda its: its.reindex.abandon(model)


def _roll_back(world: World, number: int) -> Act:
    to = world.state.previous if number % 2 else None
    return lambda its: its.reindex.rollback(to)


def _has_spare(world: World) -> bool:
    return len(world.points.collections) > len(world.state.models())


# On a laptop one thread fills, lets in and retires, in the cloud one run that holds the lease; a
# person may name a model, stop or go back meanwhile.
COMMANDS = (
    Command("nomination", lambda world: True, _nominate),
    Command("filling", _next_is_named, _fill, one_at_a_time=True),
    Command("letting in", _next_is_named, _let_in, one_at_a_time=True),
    Command("whole run", _next_is_named, lambda *_: lambda its: its.reindex.run(), True),
    Command("retirement", _has_spare, lambda *_: lambda its: its.reindex.retire(), True),
    Command(
        "rollback",
        lambda world: world.state.previous is not None,
        _roll_back,
    ),
    Command("abandoning", _next_is_named, _abandon),
    Command(
        "end of the trial",
        lambda world: world.state.trial is not None,
        lambda *_: lambda its: its.reindex.stop_trial(),
    ),
    Command("reconcile", lambda world: bool(world.workers), lambda *_: Sandbox.mend),
)


def possible(world: World) -> list[Command]:
    busy = any(is_one_at_a_time(name) for name in world.commands)
    return [one for one in COMMANDS if one.may(world) and not (busy and one.one_at_a_time)]


def is_one_at_a_time(name: str) -> bool:
    return any(one.one_at_a_time and one.name in name for one in COMMANDS)
