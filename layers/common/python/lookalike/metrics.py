"""The numbers that GET /v1/metrics is asked for, and how it answers."""

import re
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator
from typing_extensions import TypedDict

from lookalike.requests import Request

Metric = Literal["ctr", "query_ctr", "time_spent", "coverage", "sponsored_share", "trial"]
Interval = Literal["day", "week", "month"]
Grouping = Literal["model", "slot", "position"]

GROUPINGS: dict[Metric, tuple[Grouping, ...]] = {
    "ctr": ("model", "slot", "position"),
    "query_ctr": ("model",),  # an answer has several slots
    "time_spent": ("model", "slot"),
    "coverage": ("model", "slot"),
    "sponsored_share": ("model",),
    "trial": (),  # it is about two models, and tells them apart as it is
}
EARLIEST = date(2020, 1, 1)  # years before the first log, and far from where dates end


def _day(value: Any) -> Any:
    """Text alone, since a number would pass for a moment."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise ValueError("must be a day, such as 2026-11-22")
    if value < EARLIEST.isoformat():
        raise ValueError(f"must be {EARLIEST} or later")
    return value


class Measure(Request):
    """GET /v1/metrics. since: its first day, UTC; if not given, 30 days, 26 weeks or 12 months ago.

    interval: of places, of which periods are not told apart, it says how far back and no more.
    """

    metric: Metric = "ctr"
    interval: Interval = "day"
    group_by: Grouping | None = None
    since: Annotated[date, BeforeValidator(_day)] | None = None

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.group_by not in (None, *GROUPINGS[self.metric]):
            able = " or ".join(GROUPINGS[self.metric]) or "left out"
            raise ValueError(f"group_by of {self.metric} is {able}, not {self.group_by}")
        if self.metric == "trial" and self.since is not None:
            raise ValueError("a trial counts from its own beginning: leave since out")
        return self


class EstimateBody(TypedDict):
    """A number with its 95 % interval; null where nothing was seen, or by too few sessions."""

    value: float | None
    low: float | None
    high: float | None


class MetricRowBody(EstimateBody):
    """One number of a metric: value is events ÷ of, or ÷ sessions for milliseconds.

    period: its first day, null for the whole window. group: null for all groups together.
    """

    period: str | None
    group: str | None
    events: int
    of: int
    sessions: int


class TrialSessionsBody(TypedDict):
    """Sessions on either side since the trial began."""

    live: int
    challenger: int


class TrialCtrBody(TypedDict):
    """CTR of either side, and the challenger's less the live model's."""

    live: EstimateBody
    challenger: EstimateBody
    difference: EstimateBody


class TrialReportBody(TypedDict):
    """A trial of one model against the live one.

    share: of the sessions that the challenger is to answer. p_value: of this many sessions on
    either side, or odder ones, by chance alone. balanced: false where that is past belief, and then
    no number of the trial can be trusted.
    """

    live: str
    challenger: str
    share: float
    since: str
    sessions: TrialSessionsBody
    p_value: float | None
    balanced: bool
    ctr: TrialCtrBody


class MetricsBody(TypedDict):
    """A metric over a window: the row of everything first, then periods and groups.

    interval: null where periods are not told apart. as_of: when the log was read. trial: of
    metric=trial alone, while there is one.
    """

    metric: Metric
    unit: Literal["share", "ms"]
    interval: Interval | None
    group_by: Grouping | None
    since: str
    as_of: str
    rows: list[MetricRowBody]
    trial: TrialReportBody | None
