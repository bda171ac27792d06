"""What one instance remembers of interactions: a bounded memory, lost when it ends."""

from collections import OrderedDict
from collections.abc import Iterable

MAX_EVENTS = 20_000  # ids of 36 characters: 3 MB
MAX_SESSIONS = 10_000
# One every two seconds for an hour without a rest: nobody looks at pictures that fast for so long.
MAX_SESSION_EVENTS = 1_800
WINDOW_SECONDS = 3_600


class RecentEvents:
    """The event ids accepted last; a client that heard nothing sends them again."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._ids

    def add(self, event_ids: Iterable[str]) -> None:
        self._ids.update(dict.fromkeys(event_ids))
        while len(self._ids) > MAX_EVENTS:
            self._ids.popitem(last=False)


class SessionMeter:
    """How many events a session may still send within the hour that its first one began."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def room(self, session_id: str, now: float) -> int:
        began, count = self._counts.get(session_id, (now, 0))
        return MAX_SESSION_EVENTS - count if now - began < WINDOW_SECONDS else MAX_SESSION_EVENTS

    def count(self, session_id: str, events: int, now: float) -> None:
        began, count = self._counts.pop(session_id, (now, 0))
        if now - began >= WINDOW_SECONDS:
            began, count = now, 0
        self._counts[session_id] = (began, count + events)
        while len(self._counts) > MAX_SESSIONS:
            self._counts.popitem(last=False)
