"""The state machine: Hypothesis says what happens next, in which order, and to whom."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from lookalike.catalogue import sidecar_of
from tests.simulator import commands, troubles
from tests.simulator.pictures import KEYS, PICTURES, READABLE, SIDECARS
from tests.simulator.settling import check, settle
from tests.simulator.stage import Actor
from tests.simulator.world import MOST_COMMANDS, MOST_WORKERS, World

WHICH = st.integers(0, 11)
A_LITTLE = st.integers(1, 6)  # operations: a sync has about fifteen
FAR = st.integers(1, 40)
TO_THE_END = 10_000
# A fine picture every other time: of what is broken or gone there is less to get wrong.
WRITTEN = [*READABLE, *READABLE, *PICTURES, None, None]
HAPPENED: Counter[str] = Counter()  # in this process, by what it was


class Machine(RuleBasedStateMachine):
    """A bucket that people change, workers that follow it, and models that come and go.

    Any rule may come at any time; one that finds nothing to act on does nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.keys: tuple[str, ...] = KEYS
        self.first = 0

    @initialize(pictures=st.integers(1, len(KEYS)), first=WHICH)
    def begin(self, pictures: int, first: int) -> None:
        """Few pictures meet often; many show what one does to another."""
        self.keys = KEYS[: max(1, pictures)]
        self.first = first

    def teardown(self) -> None:
        HAPPENED["schedules"] += 1
        settle(self.world, self.first)
        HAPPENED["operations"] += self.world.stage.operations

    @rule(number=WHICH, what=st.sampled_from(WRITTEN))
    def change_a_picture(self, number: int, what: str | None) -> None:
        HAPPENED[f"a picture {'is written' if what else 'is deleted'}"] += 1
        self.world.change(self._key(number), PICTURES[what] if what else None)

    @rule(number=WHICH, what=st.sampled_from([*SIDECARS, None]))
    def change_a_sidecar(self, number: int, what: str | None) -> None:
        HAPPENED[f"a sidecar {'is written' if what else 'is deleted'}"] += 1
        data = SIDECARS[what].data if what else None
        self.world.change(sidecar_of(self._key(number)), data)

    @rule(number=WHICH, operations=A_LITTLE)
    def go_on_a_little(self, number: int, operations: int) -> None:
        self._walk(number, operations)

    @rule(number=WHICH, operations=FAR)
    def go_on(self, number: int, operations: int) -> None:
        self._walk(number, operations)

    @rule(number=WHICH, operations=FAR)
    def deliver(self, number: int, operations: int) -> None:
        if self.world.queue.waiting and len(self.world.workers) < MOST_WORKERS:
            HAPPENED["a message is delivered"] += 1
            self._go(self.world.deliver(number), operations)
        elif self.world.actors:
            self._walk(number, operations)

    @rule(number=WHICH)
    def deliver_and_finish(self, number: int) -> None:
        self.deliver(number, TO_THE_END)

    @rule(number=WHICH)
    def trouble(self, number: int) -> None:
        if possible := troubles.possible(self.world):
            trouble = possible[number % len(possible)]
            HAPPENED[trouble.name] += 1
            trouble.happen(self.world, number // len(possible))
            check(self.world)

    @rule(number=st.integers(0, 35), operations=FAR)
    def command(self, number: int, operations: int) -> None:
        if len(self.world.commands) < MOST_COMMANDS:
            possible = commands.possible(self.world)
            command = possible[number % len(possible)]
            HAPPENED[f"a {command.name} begins"] += 1
            act = command.of(self.world, number // len(possible))
            self._go(self.world.command(f"the {command.name}", act), operations)
        else:
            self._walk(number, operations)

    def _key(self, number: int) -> str:
        return self.keys[number % len(self.keys)]

    def _walk(self, number: int, operations: int) -> None:
        """One of those at work goes on; if there is none, one begins."""
        if actors := self.world.actors:
            self._go(actors[number % len(actors)], operations)
        else:
            self.deliver(number, operations)

    def _go(self, actor: Actor, operations: int) -> None:
        for _ in range(operations):
            if actor.dead:
                break
            actor.go_on()
        check(self.world)
