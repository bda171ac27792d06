"""What came of visits: clicks per suggestion seen, with intervals, session by session."""

import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

NORMAL_95 = 1.959964  # two-sided


class Share(NamedTuple):
    """value: from -1 to 1. low, high: 95 %."""

    value: float
    low: float
    high: float

    @property
    def variance(self) -> float:
        return ((self.high - self.low) / 2 / NORMAL_95) ** 2

    @property
    def percent(self) -> str:
        return f"{100 * self.value:.1f} % ({100 * self.low:.1f}–{100 * self.high:.1f})"

    @property
    def points(self) -> str:
        return f"{100 * self.value:+.1f} points ({100 * self.low:+.1f} to {100 * self.high:+.1f})"


@dataclass
class Session:
    """What one session did with the answers of one model."""

    answers: int = 0
    seen: int = 0
    clicked: int = 0


@dataclass
class Takings:
    """sessions: by model, then by id. Threads may count at once."""

    sessions: dict[str, dict[str, Session]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, model: str, session_id: str, seen: int, clicked: int) -> None:
        """One answer."""
        with self._lock:
            one = self.sessions.setdefault(model, {}).setdefault(session_id, Session())
            one.answers += 1
            one.seen += seen
            one.clicked += clicked

    def models(self) -> list[str]:
        return list(self.sessions)

    def all_of(self, model: str | None = None) -> list[Session]:
        """Of one model, or of every one."""
        with self._lock:
            names = self.sessions if model is None else [model]
            return [one for name in names for one in self.sessions[name].values()]

    def answers(self, model: str | None = None) -> int:
        return sum(one.answers for one in self.all_of(model))

    def click_rate(self, model: str) -> Share:
        return click_rate(self.all_of(model))

    def told(self, model: str) -> str:
        some = self.all_of(model)
        clicks = sum(one.clicked for one in some)
        return f"{len(some):,} shoppers, {self.answers(model):,} answers, {clicks:,} clicks"


def click_rate(sessions: Iterable[Session]) -> Share:
    """Clicks ÷ suggestions seen. What one person does is one piece of evidence, however often: the
    delta method over sessions (Deng, Knoblich and Lu, KDD 2018), as the reports have it.
    """
    some = [one for one in sessions if one.seen]
    seen, clicked, many = sum(s.seen for s in some), sum(s.clicked for s in some), len(some)
    if many < 2:
        raise ValueError("One session does not say how sessions differ.")
    rate = clicked / seen
    squares = sum((s.clicked - rate * s.seen) ** 2 for s in some)
    return around(rate, squares * many / (many - 1) / seen**2)


def difference(before: Share, after: Share) -> Share:
    """Of two groups that have no session in common."""
    return around(after.value - before.value, before.variance + after.variance)


def mean(some: Iterable[Share]) -> Share:
    """Of independent runs that count alike."""
    every = list(some)
    value = sum(one.value for one in every) / len(every)
    return around(value, sum(one.variance for one in every) / len(every) ** 2)


def around(value: float, variance: float) -> Share:
    half = NORMAL_95 * math.sqrt(variance)
    return Share(value, value - half, value + half)
