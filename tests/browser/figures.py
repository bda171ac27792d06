"""Answers of GET /v1/metrics as months of visits would give them, for the drawings to show."""

import math
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

TODAY = date(2026, 11, 22)
SPANS = {"day": 30, "week": 26, "month": 12}
MODELS = {"default-1": 0.118, "projection-2026-11-08": 0.196}
TRIAL = {
    "live": "default-1",
    "challenger": "projection-2026-11-08",
    "share": 0.5,
    "since": "2026-11-09T08:00:00.000Z",
    "sessions": {"live": 391, "challenger": 402},
    "p_value": 0.696,
    "balanced": True,
    "ctr": {
        "live": {"value": 0.118, "low": 0.104, "high": 0.132},
        "challenger": {"value": 0.196, "low": 0.178, "high": 0.214},
        "difference": {"value": 0.078, "low": 0.055, "high": 0.101},
    },
}


def measured(parameters: dict[str, str], trial: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the API answers to these parameters."""
    metric, interval = parameters["metric"], parameters.get("interval", "day")
    group_by = parameters.get("group_by")
    days = periods(interval)
    chance = random.Random(metric)
    rate = {"query_ctr": 0.41, "coverage": 0.63, "sponsored_share": 0.042}.get(metric, 0.158)
    if metric == "time_spent":
        rows = [row(None, None, 14_200, 900), *(wave(day, chance, 14_200) for day in days)]
    else:
        rows = [row(None, None, rate, 5200), *(wave(day, chance, rate) for day in days)]
    if group_by == "model" or metric == "trial":
        rows += [row(None, name, value, 2400) for name, value in MODELS.items()]
    if group_by == "position":
        rows += [row(None, str(n), 0.31 / (0.6 + 0.4 * n), 900 // n) for n in range(1, 49)]
    return {
        "metric": metric,
        "unit": "ms" if metric == "time_spent" else "share",
        "interval": interval,
        "group_by": group_by,
        "since": days[0],
        "as_of": datetime.combine(TODAY, datetime.min.time(), UTC).isoformat(),
        "rows": [one for one in rows if one is not None],
        "trial": trial if metric == "trial" else None,
    }


def periods(interval: str) -> list[str]:
    count = SPANS[interval]
    if interval == "month":
        return [date(2025 + (11 + n) // 12, (11 + n) % 12 + 1, 1).isoformat() for n in range(count)]
    step = timedelta(days=7 if interval == "week" else 1)
    last = TODAY - timedelta(days=TODAY.weekday()) if interval == "week" else TODAY
    return [(last - n * step).isoformat() for n in reversed(range(count))]


def wave(day: str, chance: random.Random, around: float) -> dict[str, Any] | None:
    """Two quiet days of the month have nothing; a lonely one between them is there."""
    if day.endswith(("-03", "-05")):
        return None
    value = around * (0.72 + 0.4 * math.sin(int(day[-2:]) / 5) ** 2 + chance.uniform(-0.12, 0.12))
    return row(day, None, value, chance.randint(60, 400))


def row(period: str | None, group: str | None, value: float, of: int) -> dict[str, Any]:
    is_share = value < 1
    spread = 1.96 * math.sqrt(value * (1 - value) / of) if is_share else value * 3 / math.sqrt(of)
    return {
        "period": period,
        "group": group,
        "value": value,
        "low": max(0.0, value - spread),
        "high": value + spread,
        "events": round(value * of),
        "of": of,
        "sessions": max(2, of // 6),
    }
