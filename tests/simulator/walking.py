"""Schedules drawn by plain chance: many more a second than Hypothesis draws, each with a temper."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.simulator import commands, troubles
from tests.simulator.machine import TO_THE_END, WRITTEN, Machine
from tests.simulator.pictures import KEYS, READABLE, SIDECARS

FEW, MANY = 4, 20  # steps of a schedule
PACES = ((1, 4), (1, 12), (1, 24))  # operations in one go: a sync has about twenty
Step = tuple[str, dict[str, Any]]  # a rule of the machine, and what it is called with
VERBS = ("looks", "reads", "writes", "puts", "deletes")
MOST = 12  # operations between two of a kind, or nearly
ANY = 36  # of numbers that something is chosen by: all that is chosen from are fewer


class Walker:
    """One schedule, whose temper is drawn first: what is apt to happen in it, and how fast.

    Where everything may happen at any time, nothing happens often enough to meet itself. And a
    message that still waits at the end mends whatever was wrong with its picture: most must have
    been delivered by then.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.steps: list[Step] = []
        self.machine = Machine()
        self.world = self.machine.world
        self.keys = KEYS[: self.random.choice((1, 1, 1, 2, 2, 3))]
        self._step("begin", pictures=len(self.keys), first=self._number())
        self.was: dict[int, list[str | None]] = {key: [None] for key in range(len(self.keys))}
        self.latest = 0  # the picture that was written last
        self.pace = self.random.choice(PACES)
        self.choices = (
            (self._write, 2),
            (self._say, self._apt(0, 0, 2)),
            (self._go_on, 3),
            (self._deliver, 2),
            (self._deliver_and_finish, self._apt(2, 4)),
            (self._finish, 2),
            (self._trouble, self._apt(0, 1, 3, 5)),
            (self._write_unheard, self._apt(0, 0, 1)),
            (self._command, self._apt(0, 0, 1, 4)),
            (self._overtake, self._apt(1, 4)),
        )

    def walk(self) -> None:
        """Raises Broken when a promise is, on the way or at its end."""
        if self._apt(0, 1):
            self._prepare()
        acts, weights = zip(*self.choices, strict=True)
        for act in self.random.choices(acts, weights, k=self.random.randint(FEW, MANY)):
            act()
        self.machine.teardown()

    def _prepare(self) -> None:
        """A catalogue that has been there for a while, and perhaps a model that has been, too."""
        for number in range(len(self.keys)):
            self._put(number, self.random.choice([*READABLE]))
            self._deliver_and_finish()
        if self._apt(0, 0, 1):
            self._take_over()

    def _step(self, rule: str, **arguments: Any) -> None:
        self.steps.append((rule, arguments))
        getattr(self.machine, rule)(**arguments)

    def _apt(self, *weights: int) -> int:
        return self.random.choice(weights)

    def _number(self) -> int:
        return self.random.randrange(ANY)

    def _operations(self) -> int:
        return self.random.randint(*self.pace)

    # What people do.

    def _write(self) -> None:
        self._put(self.random.randrange(len(self.keys)), self.random.choice(WRITTEN))

    def _put(self, key: int, what: str | None) -> None:
        self.latest = key
        self.was[key].append(what)
        self._step("change_a_picture", number=key, what=what)

    def _to_and_fro(self) -> None:
        """Changed and undone, between two looks of whoever is at work, or not."""
        key = self.latest
        what = self.was[key][-1]
        self._put(key, self.random.choice(WRITTEN))
        self._go_on()
        self._put(key, what)

    def _write_unheard(self) -> None:
        self._write()
        self._befall("a message is lost")

    def _say(self) -> None:
        what = self.random.choice([*SIDECARS, None])
        self._step("change_a_sidecar", number=self._number(), what=what)

    def _take_over(self) -> None:
        """As it should be, or without filling first, which must be refused."""
        for name in ("nomination", self.random.choice(("whole run", "whole run", "letting in"))):
            self._ask_for(name, TO_THE_END)

    def _go_back(self) -> None:
        self._ask_for("rollback", TO_THE_END)

    def _command(self) -> None:
        operations = self.random.choice((self._operations(), TO_THE_END))
        self._ask_for(self.random.choice(commands.COMMANDS).name, operations)

    def _ask_for(self, name: str, operations: int) -> None:
        names = [one.name for one in commands.possible(self.world)]
        if name in names:
            number = names.index(name) + len(names) * self.random.randrange(4)
            self._step("command", number=number, operations=operations)

    def _overtake(self) -> None:
        """Somebody stops on the way, the world goes on, and then so does he."""
        begin = self.random.choice((self._deliver, self._deliver, self._command))
        meanwhile = (self._write, self._to_and_fro, self._say, self._take_over, self._go_back)
        self._write()
        begin()
        for _ in range(self.random.randint(1, 3)):
            self.random.choice(meanwhile)()
            for _ in range(self.random.randint(0, 2)):
                self._deliver_and_finish()
            self._go_on()
        self.random.choice((self._finish, self._finish, self._trouble, self._die))()

    # What happens by itself.

    def _go_on(self) -> None:
        if self._apt(0, 1):
            self._step("go_on", number=self._number(), operations=self._operations())
        else:
            self._go_on_until(self._number(), self.random.choice(VERBS))

    def _go_on_until(self, number: int, verb: str) -> None:
        """As far as the operation before the next of a kind: there lie the moments that count."""
        for _ in range(MOST):
            actors = self.world.actors
            if not actors:
                return
            actor = actors[number % len(actors)]
            self._step("go_on", number=number, operations=1)
            if actor.dead or actor.before.startswith(verb):
                return

    def _finish(self) -> None:
        self._step("go_on", number=self._number(), operations=TO_THE_END)

    def _deliver(self) -> None:
        is_aimed = self._apt(0, 1)
        self._step(
            "deliver", number=self._number(), operations=1 if is_aimed else self._operations()
        )
        if is_aimed:
            self._go_on_until(len(self.world.workers) - 1, self.random.choice(VERBS))

    def _deliver_and_finish(self) -> None:
        self._step("deliver", number=self._number(), operations=TO_THE_END)

    def _die(self) -> None:
        """For good: what it was at is never taken up again."""
        self._befall("somebody is killed")
        self._befall("a message is lost")

    def _befall(self, name: str) -> None:
        names = [one.name for one in troubles.possible(self.world)]
        if name in names:
            number = names.index(name) + len(names) * self.random.randrange(6)
            self._step("trouble", number=number)

    def _trouble(self) -> None:
        if troubles.possible(self.world):
            self._step("trouble", number=self._number())
