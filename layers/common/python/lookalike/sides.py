"""How the two sides of a trial compare, and whether they are the two that were asked for."""

import math

from lookalike.metrics import EstimateBody

DECIMALS = 6


def p_value(live: int, challenger: int, share: float) -> float | None:
    """Chance that sessions part as oddly as this or more, if the challenger's share is `share`.

    Chi-square with one degree of freedom: P(χ² > x) = erfc(√(x/2)). None without sessions.
    Fabijan et al., Diagnosing Sample Ratio Mismatch in Online Controlled Experiments, KDD 2019.
    """
    sessions = live + challenger
    if not sessions:
        return None
    meant = ((live, sessions * (1 - share)), (challenger, sessions * share))
    if share in (0, 1):  # one side is to have nobody
        return float(all(found == wanted for found, wanted in meant))
    square = sum((found - wanted) ** 2 / wanted for found, wanted in meant)
    return math.erfc(math.sqrt(square / 2))


def difference(live: EstimateBody, challenger: EstimateBody) -> EstimateBody:
    """The challenger's share less the live one's; no session is on both sides.

    The interval is put together of theirs (Zou and Donner, Statistics in Medicine 2008): it reaches
    as far down as the challenger's low and the live one's high take it, √(a² + b²), and so up.
    """
    ours, theirs = challenger["value"], live["value"]
    if ours is None or theirs is None:
        return {"value": None, "low": None, "high": None}
    value = ours - theirs
    below = _reach(challenger["low"], ours, live["high"], theirs)
    above = _reach(challenger["high"], ours, live["low"], theirs)
    return {
        "value": round(value, DECIMALS),
        "low": None if below is None else round(max(-1.0, value - below), DECIMALS),
        "high": None if above is None else round(min(1.0, value + above), DECIMALS),
    }


def _reach(
    limit: float | None, value: float, other_limit: float | None, other: float
) -> float | None:
    if limit is None or other_limit is None:
        return None
    return math.hypot(limit - value, other_limit - other)
