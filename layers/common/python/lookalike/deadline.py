"""The wall that every invocation stops at: shortly before whoever called gives up on it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, TypeVar

from lookalike.errors import DependencyError, OutOfTime

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SPARE_SECONDS = 2.0  # to say so, and to write the log, on a third of a CPU
START_SECONDS = 4.0  # of the ten that Lambda gives a function to start; it reads two things then
REFRESH_SECONDS = 3.0  # for something newer than what is known, where that would do
# Now and then code swallows what is raised in it (a finaliser, a callback): ring again.
AGAIN_SECONDS = 0.5

Record = TypeVar("Record")


def before_the_end(remaining_milliseconds: int) -> AbstractContextManager[None]:
    """Raises OutOfTime, SPARE_SECONDS before an invocation's time is up."""
    return _Wall(remaining_milliseconds / 1000 - SPARE_SECONDS)


def while_starting() -> AbstractContextManager[None]:
    """For what can be done later: a dependency in trouble must not keep a function from starting,
    or nobody would be told so. The first request says what is missing.
    """
    return _Wall(START_SECONDS, may_wait=True)


def refreshing() -> AbstractContextManager[None]:
    """Raises OutOfTime where what is known already would have done long ago."""
    return _Wall(REFRESH_SECONDS)


def in_time(work: Callable[[Record], None]) -> Callable[[Record, LambdaContext], None]:
    """What a batch does with each record, as Powertools calls it: a late one fails, alone."""

    def do(record: Record, lambda_context: LambdaContext) -> None:
        with before_the_end(lambda_context.get_remaining_time_in_millis()):
            work(record)

    return do


class _Rang(BaseException):
    """Not an Exception: no adapter may take it for a fault of its own and try once more."""


class _Wall(AbstractContextManager[None]):
    """Every wait has a timeout of its own, but a reply that comes byte by byte meets none of them,
    and many slow replies add up. Python rings in the main thread only, where Lambda calls its
    handlers; in another one this does nothing. What was begun is left as a crash would leave it.

    may_wait: DependencyErrors, OutOfTime among them, are passed over.
    """

    def __init__(self, seconds: float, may_wait: bool = False) -> None:
        self.seconds = seconds
        self.may_wait = may_wait
        self.armed = False

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        if self.seconds <= 0:
            raise OutOfTime("There was no time left to begin.")
        self.began = time.monotonic()
        self.before = signal.signal(signal.SIGALRM, _ring)
        self.outer, self.again = signal.setitimer(signal.ITIMER_REAL, self.seconds, AGAIN_SECONDS)
        self.armed = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self.armed:
            self._disarm()
        if isinstance(error, _Rang) and not self.may_wait:
            words = f"What this relies on took longer than {self.seconds:.1f} seconds."
            raise OutOfTime(words) from None
        return self.may_wait and isinstance(error, _Rang | DependencyError)

    def _disarm(self) -> None:
        """As it was: whoever rang before may ring late, but rings."""
        taken = time.monotonic() - self.began
        left = max(AGAIN_SECONDS, self.outer - taken) if self.outer else 0.0
        signal.setitimer(signal.ITIMER_REAL, left, self.again)
        signal.signal(signal.SIGALRM, self.before or signal.SIG_DFL)


def _ring(number: int, frame: FrameType | None) -> None:
    """Not while a wall goes up or comes down: what rings then would outlive it."""
    while frame is not None:
        if frame.f_code in _OURS:
            return
        frame = frame.f_back
    raise _Rang


_OURS = {_Wall.__enter__.__code__, _Wall.__exit__.__code__, _ring.__code__}
