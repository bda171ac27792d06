"""Many schedules, one after the other, until one breaks a promise; and the story of that one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.simulator.machine import HAPPENED, Machine
from tests.simulator.settling import Broken
from tests.simulator.walking import Step, Walker
from tests.simulator.wandering import Wanderer

Kind = type[Walker] | type[Wanderer]

CPU = "milliseconds of CPU"
APART = 1_000_003  # of the seeds of two hunts: they share no schedule


@dataclass(frozen=True, slots=True)
class Failure:
    """schedules: how many were run, this one among them. story: its last line is what is wrong."""

    schedules: int
    seed: int
    story: tuple[str, ...]
    wrong: str


def run(
    schedules: int,
    seed: int,
    seconds: float | None = None,
    shrink: bool = False,
    first: int = 0,
    kind: Kind = Walker,
) -> Failure | None:
    """The first failure, or None after so many schedules, or so many seconds.

    A seed always leads to the same schedules of a kind; first: how many of them others run.
    shrink: to the fewest steps that still fail.
    """
    deadline = time.monotonic() + seconds if seconds is not None else None
    for number in range(first, first + schedules):
        own = seed * APART + number
        if found := walk(own, kind):
            broken = shrunk(*found) if shrink else found[0]
            return Failure(number + 1 - first, own, broken.story, broken.wrong)
        if deadline is not None and time.monotonic() > deadline:
            return None
    return None


def portion(seed: int, first: int, schedules: int) -> tuple[Counter[str], Failure | None]:
    """Some of many schedules, of one kind or of the other, and what happened in them."""
    HAPPENED.clear()
    began = time.process_time()
    kind = Wanderer if first // schedules % 2 else Walker
    failure = run(schedules, seed, shrink=True, first=first, kind=kind)
    HAPPENED[CPU] = round(1000 * (time.process_time() - began))
    return Counter(HAPPENED), failure


def walk(seed: int, kind: Kind = Walker) -> tuple[Broken, list[Step]] | None:
    """One schedule. Where it breaks a promise: how, and the steps that led there."""
    walker = kind(seed)
    try:
        walker.walk()
    except Broken as broken:
        return broken, walker.steps
    return None


def replay(steps: list[Step]) -> Broken | None:
    """A machine is one world: the same steps always end the same."""
    machine = Machine()
    try:
        for rule, arguments in steps:
            getattr(machine, rule)(**arguments)
        machine.teardown()
    except Broken as broken:
        return broken
    return None


def shrunk(broken: Broken, steps: list[Step]) -> Broken:
    """What is left when no step can be left out or made smaller, and it still fails somehow."""
    smaller = True
    while smaller:
        smaller = False
        for fewer in _smaller(steps):
            if found := replay(fewer):
                broken, steps, smaller = found, fewer, True
                break
    return broken


def _smaller(steps: list[Step]) -> Iterator[list[Step]]:
    """Without a half, a quarter, … a single step; then with smaller numbers."""
    size = len(steps) // 2
    while size:
        for start in range(0, len(steps), size):
            yield steps[:start] + steps[start + size :]
        size //= 2
    for place, (rule, arguments) in enumerate(steps):
        for name, value in arguments.items():
            for less in _less(value):
                step = (rule, {**arguments, name: less})
                yield [*steps[:place], step, *steps[place + 1 :]]


def _less(value: Any) -> list[int]:
    if not isinstance(value, int) or value < 1:
        return []
    return sorted({0, value // 2, value - 1})
