"""What GET /v1/metrics is told: which rows, of which window, and what of a trial."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from lookalike.duckdb_log import DuckDBLog
from lookalike.errors import InvalidRequest, ModelUnavailable
from lookalike.folder import Folder
from lookalike.index import Only
from lookalike.interaction_log import Row
from lookalike.metrics import GROUPINGS, Measure, MetricsBody
from lookalike.models import Serving, ServingState, Trial
from lookalike.reports import Reports, begin
from lookalike.requests import parse_parameters
from tests.unit.crowd import row, rows, written

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
SINCE = "2026-11-02T00:00:00Z"  # as crowd.START


class Catalogue:
    """As much of an index as reports ask: how many images are visible."""

    def count(self, model: str, only: Only | None = None) -> int:
        assert (model, only) == ("m1", Only())
        return 500


class Said:
    """An engine that keeps what it is asked, and knows nothing."""

    def __init__(self) -> None:
        self.sql: list[str] = []

    def rows(self, sql: str) -> list[dict[str, Any]]:
        self.sql.append(sql)
        return []


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    made = Serving(Folder(tmp_path / "models"))
    made.start("m1")
    return made


@pytest.fixture
def reports(tmp_path: Path, serving: Serving) -> Reports:
    log = DuckDBLog(written(tmp_path / "log", list(rows(sessions=60, seed=2))))
    return Reports(log, Catalogue(), serving, lambda: NOW)  # type: ignore[arg-type]


def measured(reports: Reports, **asked: str) -> MetricsBody:
    return reports.measure(parse_parameters(Measure, {one: [asked[one]] for one in asked}))


def groups(rows: Sequence[Any]) -> list[tuple[str | None, str | None]]:
    return [(one["period"], one["group"]) for one in rows]


def test_the_row_of_everything_comes_first_then_groups_then_periods(reports: Reports) -> None:
    found = measured(reports, interval="week", group_by="model")

    assert groups(found["rows"])[:5] == [
        (None, None),
        (None, "m1"),
        (None, "m2"),
        ("2026-11-02", None),
        ("2026-11-02", "m1"),
    ]
    assert (found["metric"], found["unit"], found["interval"]) == ("ctr", "share", "week")
    assert (found["group_by"], found["trial"]) == ("model", None)
    assert found["as_of"] == "2026-11-23T10:15:00Z"


def test_without_groups_periods_alone_are_told_apart(reports: Reports) -> None:
    found = measured(reports, metric="time_spent")

    assert found["unit"] == "ms"
    assert {group for _, group in groups(found["rows"])} == {None}
    assert [period for period, _ in groups(found["rows"])[1:]] == sorted(
        {str(one["period"]) for one in found["rows"][1:]}
    )


def test_places_are_told_apart_over_the_whole_window(reports: Reports) -> None:
    found = measured(reports, group_by="position")

    assert found["interval"] is None
    assert groups(found["rows"])[:3] == [(None, None), (None, "1"), (None, "2")]
    assert [int(group or 0) for _, group in groups(found["rows"])] == sorted(
        int(group or 0) for _, group in groups(found["rows"])
    )


def test_a_share_is_what_was_counted_of_what_there_was(reports: Reports) -> None:
    for metric in ("ctr", "query_ctr", "coverage", "sponsored_share", "time_spent"):
        for one in measured(reports, metric=metric)["rows"]:
            assert one["value"] == pytest.approx(one["events"] / one["of"], abs=0.06)


def test_coverage_is_of_the_visible_images_of_the_live_model(reports: Reports) -> None:
    assert {one["of"] for one in measured(reports, metric="coverage")["rows"]} == {500}


@pytest.mark.parametrize(
    ("interval", "first"),
    [("day", date(2026, 10, 24)), ("week", date(2026, 5, 25)), ("month", date(2025, 11, 1))],
)
def test_a_window_begins_with_a_whole_period(interval: Any, first: date) -> None:
    assert begin(interval, NOW.date()) == first


def test_a_since_is_taken_at_its_word(reports: Reports) -> None:
    found = measured(reports, since="2026-11-05", interval="month")

    assert found["since"] == "2026-11-05"
    assert found["rows"][0]["of"] < measured(reports, interval="month")["rows"][0]["of"]


@pytest.mark.parametrize(
    "asked",
    [
        {"metric": "clicks"},
        {"interval": "hour"},
        {"group_by": "session_id"},
        {"metric": "time_spent", "group_by": "position"},
        {"metric": "query_ctr", "group_by": "slot"},
        {"metric": "trial", "group_by": "model"},
        {"metric": "trial", "since": "2026-11-05"},
        {"since": "2026-13-01"},
        {"since": "2026-11-05T00:00:00"},
        {"since": "1764547200"},
        {"since": "0001-01-01"},
        {"since": "20261105"},
        {"since": "2026-11-05' or true --"},
        {"since": "٢٠٢٦-١١-٠٥"},
        {"until": "2026-11-05"},
    ],
)
def test_what_cannot_be_counted_is_refused_before_anybody_counts(
    serving: Serving, asked: dict[str, str]
) -> None:
    engine = Said()

    with pytest.raises(InvalidRequest):
        measured(Reports(engine, Catalogue(), serving, lambda: NOW), **asked)  # type: ignore[arg-type]

    assert engine.sql == []


def test_of_a_request_only_a_date_gets_into_the_sql(serving: Serving) -> None:
    engine = Said()
    reports = Reports(engine, Catalogue(), serving, lambda: NOW)  # type: ignore[arg-type]

    measured(reports, since="2026-11-05", interval="week")

    assert "date '2026-11-05'" in engine.sql[0]
    assert "date_trunc('week'" in engine.sql[0]


@pytest.mark.parametrize("metric", [one for one in GROUPINGS if one != "trial"])
def test_every_grouping_that_is_allowed_is_answered(reports: Reports, metric: str) -> None:
    for group_by in GROUPINGS[metric]:  # type: ignore[index]
        found = measured(reports, metric=metric, group_by=group_by)

        assert {group for _, group in groups(found["rows"])} > {None}


def on_trial(serving: Serving, since: str | None, share: float = 0.5) -> None:
    _, etag = serving.read()
    serving.swap(etag, ServingState("m1", next="m2", trial=Trial(share, since)))


def test_a_trial_tells_both_sides_and_how_far_they_are_apart(
    reports: Reports, serving: Serving
) -> None:
    on_trial(serving, SINCE)

    found = measured(reports, metric="trial")

    trial = found["trial"]
    assert trial is not None
    assert (trial["live"], trial["challenger"], trial["share"]) == ("m1", "m2", 0.5)
    assert groups(found["rows"]) == [(None, None), (None, "m1"), (None, "m2")]
    sides = {one["group"]: one for one in found["rows"]}
    assert trial["ctr"]["live"]["value"] == sides["m1"]["value"]
    apart = trial["ctr"]["difference"]
    assert apart["value"] == pytest.approx(
        (sides["m2"]["value"] or 0) - (sides["m1"]["value"] or 0), abs=2e-6
    )
    assert (apart["low"] or 0) < (apart["value"] or 0) < (apart["high"] or 0)
    assert found["since"] == "2026-11-02"


def test_a_trial_whose_sessions_part_otherwise_than_meant_is_not_to_be_trusted(
    tmp_path: Path, serving: Serving
) -> None:
    on_trial(serving, SINCE)
    people: list[Row] = [
        row(
            "impression", f"session-{one}", f"q{one}", "image-1", 1, model="m1" if one % 3 else "m2"
        )
        for one in range(300)
    ]
    log = DuckDBLog(written(tmp_path / "odd", people))

    trial = measured(Reports(log, Catalogue(), serving, lambda: NOW), metric="trial")["trial"]  # type: ignore[arg-type]

    assert trial is not None
    assert trial["sessions"] == {"live": 200, "challenger": 100}
    assert trial["p_value"] is not None
    assert trial["p_value"] < 0.001
    assert not trial["balanced"]


@pytest.mark.parametrize("since", [None, "none at all"])
def test_without_a_trial_that_answers_there_is_nothing_to_tell(
    reports: Reports, serving: Serving, since: str | None
) -> None:
    if since is None:
        on_trial(serving, None)

    found = measured(reports, metric="trial")

    assert found["trial"] is None
    (nothing,) = found["rows"]
    assert (nothing["value"], nothing["of"], nothing["sessions"]) == (None, 0, 0)


def test_a_trial_that_nobody_has_seen_yet_is_balanced_for_all_we_know(
    tmp_path: Path, serving: Serving
) -> None:
    on_trial(serving, SINCE)
    empty = Reports(DuckDBLog(tmp_path / "none"), Catalogue(), serving, lambda: NOW)  # type: ignore[arg-type]

    trial = measured(empty, metric="trial")["trial"]

    assert trial is not None
    assert (trial["p_value"], trial["balanced"]) == (None, True)
    assert trial["ctr"]["difference"] == {"value": None, "low": None, "high": None}


def test_no_serving_state_is_a_fault_of_ours(tmp_path: Path) -> None:
    nobody = Serving(Folder(tmp_path / "nobody"))
    with pytest.raises(ModelUnavailable):
        measured(Reports(Said(), Catalogue(), nobody, lambda: NOW), metric="coverage")  # type: ignore[arg-type]
