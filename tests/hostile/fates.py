"""What becomes of one file from a stranger, and what would break the promise about it."""

from dataclasses import dataclass
from typing import get_args

from lookalike.errors import RejectReason

MOST_ADDED = 300 * 10**6  # bytes of memory over those of the process before
MOST_SECONDS = 5.0  # of CPU: the clock on the wall counts what others do on the machine too
OUTCOMES = ("indexed", "rejected")


@dataclass(frozen=True, slots=True)
class Fate:
    """outcome: indexed, rejected, or else what went wrong ("died", "hung", the error's words).

    reason, detail: of a reject. seconds: of CPU, all threads together.
    added: bytes at the peak, over the process before. at_rest: bytes it holds afterwards.
    """

    outcome: str
    reason: str = ""
    detail: str = ""
    format: str = ""
    seconds: float = 0.0
    added: int = 0
    at_rest: int = 0

    def broken(self) -> str:
        """Which promise this breaks, "" for none."""
        if self.outcome not in OUTCOMES:
            return self.outcome
        if (self.reason in get_args(RejectReason)) != (self.outcome == "rejected"):
            return f"{self.outcome} with the reason {self.reason!r}"
        if self.added > MOST_ADDED:
            return f"{self.added / 1e6:.0f} MB added"
        if self.seconds > MOST_SECONDS:
            return f"{self.seconds:.1f} s of CPU"
        return ""
