"""Schedules in which every rule is as likely as any other: the calm beside the Walker's tempers."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.simulator.machine import WRITTEN, Machine
from tests.simulator.pictures import KEYS, SIDECARS
from tests.simulator.walking import Step

RULES = (
    "change_a_picture",
    "change_a_sidecar",
    "go_on_a_little",
    "go_on",
    "deliver",
    "deliver_and_finish",
    "trouble",
    "command",
)
STEPS = 40
A_LITTLE, FAR = 6, 40  # operations: a sync has about fifteen
ANY = 36  # of numbers that something is chosen by: all that is chosen from are fewer


class Wanderer:
    """Hypothesis without its memory, and twice as fast: models come and go, and much goes wrong."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.steps: list[Step] = []
        self.machine = Machine()

    def walk(self) -> None:
        """Raises Broken when a promise is, on the way or at its end."""
        self._step("begin", pictures=self.random.randint(1, len(KEYS)), first=self._number())
        for _ in range(STEPS):
            self._step(self.random.choice(RULES), number=self._number())
        self.machine.teardown()

    def _step(self, rule: str, **arguments: Any) -> None:
        arguments |= self._more(rule)
        self.steps.append((rule, arguments))
        getattr(self.machine, rule)(**arguments)

    def _more(self, rule: str) -> dict[str, Any]:
        match rule:
            case "change_a_picture":
                return {"what": self.random.choice(WRITTEN)}
            case "change_a_sidecar":
                return {"what": self.random.choice([*SIDECARS, None])}
            case "go_on_a_little":
                return {"operations": self.random.randint(1, A_LITTLE)}
            case "go_on" | "deliver" | "command":
                return {"operations": self.random.randint(1, FAR)}
        return {}

    def _number(self) -> int:
        return self.random.randrange(ANY)
