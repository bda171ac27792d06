"""What the log says of the answers: CTR, time spent, coverage, and how a trial stands.

One SQL text for each metric, in reports/, which DuckDB runs on a laptop and Athena in the cloud.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

from lookalike.index import Index, Only
from lookalike.interaction_log import stamp
from lookalike.metrics import (
    EstimateBody,
    Grouping,
    Interval,
    Measure,
    MetricRowBody,
    MetricsBody,
    TrialReportBody,
)
from lookalike.models import Serving, ServingState
from lookalike.sides import difference, p_value

TEXTS = Path(__file__).parent / "reports"
DAYS_BACK: dict[Interval, int] = {"day": 30, "week": 182, "month": 365}
GROUPINGS: tuple[Grouping, ...] = ("model", "slot", "position")
DECIMALS = {"share": 6, "ms": 1}  # beyond them is what the order of a sum does
IMBALANCE = 0.001  # a sound trial is called unsound once in a thousand looks

Row = dict[str, Any]
Unit = Literal["share", "ms"]


class Engine(Protocol):
    """Who counts: DuckDBLog on a laptop, Athena in the cloud."""

    def rows(self, sql: str) -> list[Row]:
        """Each row by the names of its columns: text, numbers, dates and None.

        sql: a text of ours about the table `interactions`. Raises ReportsUnavailable.
        """


class Reports:
    """Of a request nothing but a date becomes SQL; all else chooses between texts of ours."""

    def __init__(
        self,
        engine: Engine,
        index: Index,
        serving: Serving,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.engine = engine
        self.index = index
        self.serving = serving
        self.now = now

    def measure(self, asked: Measure) -> MetricsBody:
        """Raises DependencyError when log, index or serving state do not answer."""
        if asked.metric == "trial":
            return self._trial()
        since = asked.since or begin(asked.interval, self._today())
        by_place = asked.group_by == "position"
        values = {"interval": asked.interval, "since": f"date '{since}'"}
        if asked.metric == "coverage":
            values["catalogue"] = str(self.index.count(self.serving.recent().live, Only()))
        found = self.engine.rows(text("ctr_by_position" if by_place else asked.metric, **values))
        unit: Unit = "ms" if asked.metric == "time_spent" else "share"
        return {
            "metric": asked.metric,
            "unit": unit,
            "interval": None if by_place else asked.interval,
            "group_by": asked.group_by,
            "since": str(since),
            "as_of": self._as_of(),
            "rows": [_body(row, asked.group_by, unit) for row in _chosen(found, asked.group_by)],
            "trial": None,
        }

    def _trial(self) -> MetricsBody:
        """CTR by model since the trial began; without one there is nothing to count."""
        state, found, since = self.serving.recent(), [NOTHING], self._today()
        if state.trial and state.trial.since:
            began = datetime.fromisoformat(state.trial.since).astimezone(UTC)
            models = {"live": state.live, "challenger": str(state.next)}
            found = self.engine.rows(text("trial", **models, since=f"timestamp '{stamp(began)}'"))
            since = began.date()
        return {
            "metric": "trial",
            "unit": "share",
            "interval": None,
            "group_by": "model",
            "since": str(since),
            "as_of": self._as_of(),
            "rows": [_body(row, "model", "share") for row in found],
            "trial": _compared(found, state),
        }

    def _today(self) -> date:
        return self.now().astimezone(UTC).date()

    def _as_of(self) -> str:
        return self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


NOTHING: Row = {"value": None, "low": None, "high": None, "events": 0, "total": 0, "sessions": 0}


def text(name: str, **values: str) -> str:
    """The SQL of a report. values: as the text itself explains them, never a caller's words."""
    return (TEXTS / f"{name}.sql").read_text(encoding="utf-8").format(**values)


def begin(interval: Interval, today: date) -> date:
    """The first day of the first period that is told of by default."""
    first = today - timedelta(days=DAYS_BACK[interval])
    if interval == "week":
        return first - timedelta(days=first.weekday())
    return first.replace(day=1) if interval == "month" else first


def _chosen(found: Sequence[Row], group_by: Grouping | None) -> Iterator[Row]:
    """The rows that tell apart nothing but periods and these groups: a text gives all the sums."""
    others = [name for name in GROUPINGS if name != group_by]
    return (row for row in found if all(row.get(name) is None for name in others))


def _body(row: Row, group_by: Grouping | None, unit: Unit) -> MetricRowBody:
    period, group = row.get("period"), row.get(group_by or "")
    return {
        "period": None if period is None else str(period),
        "group": None if group is None else str(group),
        **_estimate(row, unit),
        "events": int(row["events"]),
        "of": int(row["total"]),
        "sessions": int(row["sessions"]),
    }


def _estimate(row: Row, unit: Unit = "share") -> EstimateBody:
    value, low, high = (_rounded(row[name], unit) for name in ("value", "low", "high"))
    return {"value": value, "low": low, "high": high}


def _rounded(number: float | None, unit: Unit) -> float | None:
    return None if number is None or math.isnan(number) else round(number, DECIMALS[unit])


def _compared(found: Sequence[Row], state: ServingState) -> TrialReportBody | None:
    trial = state.trial
    if trial is None or trial.since is None or state.next is None:
        return None
    sides = {row["model"]: row for row in found}
    live, challenger = (sides.get(model, NOTHING) for model in (state.live, state.next))
    counts = tuple(int(side.get("assigned", 0)) for side in (live, challenger))
    odds = p_value(counts[0], counts[1], trial.share)
    return {
        "live": state.live,
        "challenger": state.next,
        "share": trial.share,
        "since": trial.since,
        "sessions": {"live": counts[0], "challenger": counts[1]},
        "p_value": odds,
        "balanced": odds is None or odds >= IMBALANCE,
        "ctr": {
            "live": _estimate(live),
            "challenger": _estimate(challenger),
            "difference": difference(_estimate(live), _estimate(challenger)),
        },
    }
