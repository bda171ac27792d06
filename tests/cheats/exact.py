"""What a count of so many says about a share: C. J. Clopper, E. S. Pearson (1934)."""

from collections.abc import Callable

CERTAIN = 0.95
STEPS = 60  # of a bisection: beyond what a float can tell


def interval(hits: int, count: int) -> tuple[float, float]:
    """The exact one, of CERTAIN."""
    tail = (1 - CERTAIN) / 2
    low = _share(lambda p: 1 - _at_most(hits - 1, count, p), tail) if hits else 0.0
    high = _share(lambda p: -_at_most(hits, count, p), -tail) if hits < count else 1.0
    return low, high


def _at_most(hits: int, count: int, share: float) -> float:
    """Chance of so many or fewer."""
    total, term = 0.0, (1 - share) ** count
    for k in range(hits + 1):
        total += term
        term *= (count - k) / (k + 1) * share / (1 - share)
    return total


def _share(rising: Callable[[float], float], wanted: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return low
