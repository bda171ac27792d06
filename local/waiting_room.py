"""Who is answered next where one instance answers everybody, and who is told to come again.

The page goes before programs: a person waits for it, and a browser asks six things at once at the
most. Programs can ask as much as they like, so they are the ones to be told "503, come again" when
there is more than can be answered: at once, and not after a wait that their own patience ends.
"""

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.types import Message, Receive

from local.bodies import ClientGone

ROOM_SECONDS = 1.0  # of work ahead: whoever would wait longer had better ask again
ALWAYS = 12  # may wait whatever their work takes: as many as two browsers ask at once
LONGEST_WAIT_SECONDS = 10.0  # for one's turn, when the work ahead takes longer than it used to
MOST_BYTES = 64_000_000  # of bodies in memory: six of the largest, thousands of ordinary ones
FIRST_GUESS_SECONDS = 0.01  # what a function takes, before it was ever seen
LATEST_SHARE = 0.1  # how much the latest answer weighs in what a function usually takes

Turn = asyncio.Future[None]


class Busy(Exception):
    """There is more to do than can be done soon. retry_after: whole seconds, 1 at the least."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"about {seconds:.1f} s of work are ahead")
        self.retry_after = max(1, math.ceil(seconds))


class Line:
    """Those who wait for their turn, in the order in which they came."""

    def __init__(self) -> None:
        self._turns: deque[tuple[Turn, str]] = deque()
        self.work: Counter[str] = Counter()  # by function

    def __len__(self) -> int:
        return len(self._turns)

    def join(self, turn: Turn, function: str) -> None:
        self._turns.append((turn, function))
        self.work[function] += 1

    def leave(self, turn: Turn, function: str) -> None:
        self._turns.remove((turn, function))
        self.work[function] -= 1

    def call(self) -> None:
        turn, function = self._turns.popleft()
        self.work[function] -= 1
        turn.set_result(None)


class WaitingRoom:
    """Of one event loop, and for one instance: one turn at a time."""

    def __init__(self) -> None:
        self._lines = (Line(), Line())  # the page's, then the others'
        self._taken = False
        self._usual: dict[str, float] = {}  # seconds, by function
        self._bytes = 0

    @asynccontextmanager
    async def turn(
        self, function: str, first: bool, gone: asyncio.Task[None]
    ) -> AsyncIterator[None]:
        """The instance is the caller's while the block runs.

        Raises Busy, at once when too much is ahead or after LONGEST_WAIT_SECONDS; ClientGone when
        `gone` ends before it is the caller's turn.
        """
        self.require_room(function, first)
        line = self._lines[0 if first else 1]
        turn: Turn = asyncio.get_running_loop().create_future()
        line.join(turn, function)
        self._call_next()
        try:
            await asyncio.wait(
                {turn, gone}, timeout=LONGEST_WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if gone.done():
                raise ClientGone
            if not turn.done():
                raise Busy(ROOM_SECONDS)
            began = time.monotonic()
            yield
            self._learn(function, time.monotonic() - began)
        finally:
            self._end(turn, line, function)

    def require_room(self, function: str, first: bool) -> None:
        """Raises Busy if whoever comes now would wait for too long."""
        lines = self._lines[: 1 if first else 2]
        ahead = sum(self._work(line) for line in lines)
        if ahead >= ROOM_SECONDS and len(lines[-1]) >= ALWAYS:
            raise Busy(ahead)

    @contextmanager
    def keeping(self, receive: Receive, declared: int) -> Iterator[Receive]:
        """The same stream; its bytes, at least so many as declared, are in memory while the block
        runs.

        Raises Busy at the end of a body for which there was no room: it was read and let go of,
        because a client that is still sending hears no answer.
        """
        dropped = self._bytes + declared > MOST_BYTES
        came, kept = 0, 0 if dropped else declared
        self._bytes += kept

        async def receive_some() -> Message:
            nonlocal came, kept, dropped
            message = await receive()
            came += len(message.get("body", b""))
            more = max(0, came - kept)
            dropped = dropped or self._bytes + more > MOST_BYTES
            if not dropped:
                kept += more
                self._bytes += more
            elif message["type"] == "http.request":
                message["body"] = b""
                if not message.get("more_body", False):
                    raise Busy(ROOM_SECONDS)
            return message

        try:
            yield receive_some
        finally:
            self._bytes -= kept

    def _work(self, line: Line) -> float:
        """Seconds until this line is empty."""
        return sum(
            count * self._usual.get(function, FIRST_GUESS_SECONDS)
            for function, count in line.work.items()
        )

    def _call_next(self) -> None:
        line = self._lines[0] or self._lines[1]
        if line and not self._taken:
            self._taken = True
            line.call()

    def _learn(self, function: str, took: float) -> None:
        usual = self._usual.get(function, FIRST_GUESS_SECONDS)
        self._usual[function] = usual + LATEST_SHARE * (took - usual)

    def _end(self, turn: Turn, line: Line, function: str) -> None:
        if turn.done():
            self._taken = False
            self._call_next()
        else:
            line.leave(turn, function)
