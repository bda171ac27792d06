"""What the gate measured, in the shapes that its checks look at."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from training.gate.paired import Difference
from training.gate.soundness import Inspection

Outcome = Literal["passed", "refused", "not measured"]


class Check(NamedTuple):
    """said: one sentence, without its full stop."""

    name: str
    outcome: Outcome
    said: str


class Cost(NamedTuple):
    """Milliseconds a picture on one core, taking turns."""

    challenger: float
    live: float


class Spread(NamedTuple):
    """Of one encoder over the pool: effective rank, and mean cosine of two pictures."""

    rank: float
    alike: float


class Clicks(NamedTuple):
    """pairs: those that could be asked about. gone: those of which a picture is missing."""

    pairs: int
    effective: float
    askers: int
    gone: int


class Hidden(NamedTuple):
    """Shares of clicked pictures that are among the first ten, and that the card's thresholds hide:
    below its floor, or taken for a copy of the picture that was asked about."""

    challenger: float
    live: float


@dataclass(frozen=True)
class Slice:
    exam: str
    name: str
    found: Difference


@dataclass(frozen=True)
class Measurements:
    """None: could not be measured, since the challenger cannot be tried out."""

    challenger: Inspection
    live: Inspection
    cost: Cost | None = None
    spread: tuple[Spread, Spread] | None = None  # challenger, live
    clicks: Clicks | None = None
    on_clicks: Difference | None = None
    on_gold: Difference | None = None
    gold_metric: str = ""
    slices: tuple[Slice, ...] = ()
    hidden: Hidden | None = None
    failed: int = 0  # pictures for which the challenger had no vector


def points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def told(name: str, passed: bool, said: str) -> Check:
    return Check(name, "passed" if passed else "refused", said)


def unmeasured(name: str) -> Check:
    return Check(name, "not measured", "it could not be measured")
