"""Who goes on, and when: actors stop before everything that they ask of a dependency."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import TypeVar

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from lookalike.errors import LookalikeError

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone, between two operations. What had taken effect stays."""


class Fate(Enum):
    """What becomes of the operation that an actor stands before."""

    DONE = "done"
    REFUSED = "refused"  # an error, and nothing happened
    UNANSWERED = "unanswered"  # an error, though it took effect: the answer was lost on its way
    LATE = "late"  # an error; it takes effect when nobody expects it any more


class Actor(greenlet):  # type: ignore[misc]
    """One process at work. Nothing of it happens unless it is told to go on.

    sandbox: what this process has built, and keeps in mind. ended: told how it went: None, or what
    was raised.
    """

    def __init__(
        self,
        name: str,
        sandbox: object,
        act: Callable[[], object],
        ended: Callable[[BaseException | None], None],
    ) -> None:
        super().__init__()
        self.name = name
        self.sandbox = sandbox
        self.act = act
        self.ended = ended
        self.before = ""  # what it will do next, in words
        self.is_killed = False

    def begin(self) -> None:
        """As far as the first operation."""
        self._go(self.switch)

    def run(self) -> None:
        try:
            self.act()
        except BaseException as error:
            self.ended(error)
        else:
            self.ended(None)

    def go_on(self, fate: Fate = Fate.DONE) -> None:
        """One operation, and on to the next one or to the end."""
        self._go(lambda: self.switch(fate))

    def kill(self) -> None:
        self.is_killed = True
        self._go(lambda: self.throw(Killed))

    def finish(self) -> None:
        while not self.dead:
            self.go_on()

    def _go(self, switch: Callable[[], object]) -> None:
        self.parent = getcurrent()
        words = switch()
        self.before = "" if self.dead else str(words)


class Stage:
    """The place where actors meet dependencies. story: one line for each thing that happened."""

    def __init__(self) -> None:
        self.story: list[str] = []
        self.operations = 0
        self.late: list[tuple[str, Callable[[], object]]] = []

    def tell(self, line: str) -> None:
        self.story.append(line)

    def ask(
        self,
        words: str,
        act: Callable[[], T],
        fault: Callable[[str], Exception],
        seen: Callable[[T], str] = lambda _: "",
    ) -> T:
        """Let the actor that asks do this when it is told to; whoever else asks is answered.

        seen: what the answer was, in words, for the story.
        """
        actor = getcurrent()
        if not isinstance(actor, Actor):
            return act()
        if actor.is_killed:  # the dead do nothing, whatever their code would do last
            raise Killed
        fate = actor.parent.switch(words)
        self.operations += 1
        if fate is Fate.REFUSED:
            self.tell(f"{actor.name} {words}, and is refused")
            raise fault(words)
        if fate is Fate.LATE:
            self.tell(f"{actor.name} {words}, which stays on its way")
            self.late.append((f"{actor.name} {words}", act))
            raise fault(words)
        answer = act()
        if fate is Fate.UNANSWERED:
            self.tell(f"{actor.name} {words}, and gets no answer")
            raise fault(words)
        self.tell(f"{actor.name} {words}{seen(answer)}")
        return answer

    def arrive(self) -> None:
        """What was late takes effect, or finds what it was for gone."""
        for words, act in self.late:
            self.tell(f"only now does this arrive: {words}")
            with suppress(LookalikeError):
                act()
        self.late = []
