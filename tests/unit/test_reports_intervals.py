"""The intervals of the reports, against the same numbers counted without SQL and by bootstrap."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.duckdb_log import DuckDBLog
from lookalike.interaction_log import Row
from lookalike.reports import text
from tests.unit.crowd import row, rows, written

Pairs = dict[str, tuple[float, float]]  # by session: what is above the line, and below it
Report = Callable[..., dict[tuple[Any, ...], dict[str, Any]]]
Keys = tuple[str | None, ...]

SINCE = "date '2026-11-01'"
CATALOGUE = 400
KEYS = {"period", "model", "slot", "position"}
# Student's t at 97.5 %, by degrees of freedom, as textbooks print it.
TABLE = {
    1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262,
    10: 2.228, 12: 2.179, 15: 2.131, 20: 2.086, 30: 2.042, 60: 2.000, 120: 1.980, 10**9: 1.960,
}  # fmt: skip


@pytest.fixture(scope="module")
def crowd() -> list[Row]:
    return list(rows(sessions=150, seed=1))


@pytest.fixture(scope="module")
def log(crowd: list[Row], tmp_path_factory: pytest.TempPathFactory) -> DuckDBLog:
    return DuckDBLog(written(tmp_path_factory.mktemp("log"), crowd))


def report(log: DuckDBLog, name: str, interval: str = "day") -> dict[Keys, dict[str, Any]]:
    """Its rows by what they are about, in the order of its columns."""
    since = "timestamp '2026-11-01 00:00:00.000'" if name == "trial" else SINCE
    values = {"interval": interval, "catalogue": str(CATALOGUE), "live": "m1", "challenger": "m2"}
    found = log.rows(text(name, **values, since=since))
    about = [one for one in found[0] if one in KEYS]
    return {
        tuple(None if one[key] is None else str(one[key]) for key in about): one for one in found
    }


def by_level(
    told: Iterable[tuple[Sequence[str], str, float, float]],
) -> dict[Keys, Pairs]:
    """Sums over each session at every level: each of the keys, or all of them together."""
    levels: dict[Keys, dict[str, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for keys, session, above, below in told:
        for level in product(*((key, None) for key in keys)):
            sums = levels[level][session]
            sums[0] += above
            sums[1] += below
    return {
        level: {session: (sums[0], sums[1]) for session, sums in sessions.items()}
        for level, sessions in levels.items()
    }


def interval(pairs: Pairs) -> tuple[float, float]:
    """value and half the width, from the residuals of each session."""
    above, below = np.array([*pairs.values()]).T
    ratio, n = above.sum() / below.sum(), len(pairs)
    if n < 2:
        return ratio, math.nan
    residuals = above - ratio * below
    error = math.sqrt(n / (n - 1) * (residuals**2).sum()) / below.sum()
    return ratio, student(n - 1) * error


def student(freedom: int) -> float:
    """Between two lines of the table it is nearly straight in 1 / freedom."""
    lines = sorted((1 / one, value) for one, value in TABLE.items())
    return float(np.interp(1 / freedom, *zip(*lines, strict=True)))


def check(found: dict[Keys, dict[str, Any]], told: dict[Keys, Pairs], top: float = 1.0) -> None:
    """Every row of a report, and no row besides."""
    assert found.keys() == told.keys()
    for level, pairs in told.items():
        value, reach = interval(pairs)
        one = found[level]
        assert one["value"] == pytest.approx(value), level
        assert one["sessions"] == len(pairs), level
        assert one["events"] == pytest.approx(sum(above for above, _ in pairs.values())), level
        if len(pairs) < 2:
            assert (one["low"], one["high"]) == (None, None), level
        elif len(pairs) >= 5 and 0 < value < top:  # with fewer, t is not expanded as well
            near = 0.01 * reach
            assert one["low"] == pytest.approx(max(0, value - reach), abs=near), level
            assert one["high"] == pytest.approx(min(top, value + reach), abs=near), level


def suggestions(crowd: list[Row]) -> list[tuple[Row, bool]]:
    """What was seen, and whether it was clicked; each image of an answer once."""
    clicked = {(one["query_id"], one["image_id"]) for one in crowd if one["type"] == "click"}
    seen: dict[tuple[str, str], Row] = {}
    for one in crowd:
        if one["type"] == "impression":
            seen.setdefault((one["query_id"], one["image_id"]), one)
    return [(one, pair in clicked) for pair, one in seen.items()]


def day(one: Row) -> str:
    return one["occurred_at"][:10]


def test_every_ctr_is_the_ratio_of_sums_over_sessions_at_its_own_level(
    log: DuckDBLog, crowd: list[Row]
) -> None:
    told = by_level(
        ((day(one), one["model"], one["slot"]), one["session_id"], clicked, 1)
        for one, clicked in suggestions(crowd)
    )

    check(report(log, "ctr"), told)


def test_ctr_by_place_is_counted_alike(log: DuckDBLog, crowd: list[Row]) -> None:
    told = by_level(
        ((str(one["position"]), one["slot"]), one["session_id"], clicked, 1)
        for one, clicked in suggestions(crowd)
    )

    check(report(log, "ctr_by_position"), told)


def test_query_ctr_is_the_share_of_answers_with_a_click(log: DuckDBLog, crowd: list[Row]) -> None:
    answers: dict[str, tuple[Row, bool]] = {}
    for one, clicked in suggestions(crowd):
        first, before = answers.get(one["query_id"], (one, False))
        answers[one["query_id"]] = (min(first, one, key=day), before or clicked)
    told = by_level(
        ((day(one), one["model"]), one["session_id"], clicked, 1)
        for one, clicked in answers.values()
    )

    check(report(log, "query_ctr"), told)


def test_the_sponsored_share_is_of_what_was_seen(log: DuckDBLog, crowd: list[Row]) -> None:
    told = by_level(
        ((day(one), one["model"]), one["session_id"], one["slot"] == "sponsored", 1)
        for one, _ in suggestions(crowd)
    )

    check(report(log, "sponsored_share"), told)


def test_time_spent_is_a_mean_over_sessions_of_which_each_counts_once_in_each_level(
    log: DuckDBLog, crowd: list[Row]
) -> None:
    told = by_level(
        ((day(one), one["model"], one["slot"]), one["session_id"], one["dwell_ms"] or 0, 1)
        for one in crowd
    )
    means = {
        level: {session: (ms, 1.0) for session, (ms, _) in pairs.items()}
        for level, pairs in told.items()
    }

    check(report(log, "time_spent"), means, top=math.inf)


def test_coverage_is_what_is_left_when_each_session_in_turn_is_left_out(
    log: DuckDBLog, crowd: list[Row]
) -> None:
    seen: dict[Keys, list[tuple[str, str]]] = defaultdict(list)
    for one, _ in suggestions(crowd):
        for level in product(*((key, None) for key in (day(one), one["model"], one["slot"]))):
            seen[level].append((one["session_id"], one["image_id"]))

    found = report(log, "coverage")

    assert found.keys() == seen.keys()
    for level, pairs in seen.items():
        people, share = {who for who, _ in pairs}, len({what for _, what in pairs}) / CATALOGUE
        left = [len({what for who, what in pairs if who != one}) / CATALOGUE for one in people]
        n = len(people)
        error = math.sqrt((n - 1) / n * sum((one - np.mean(left)) ** 2 for one in left))
        assert found[level]["value"] == pytest.approx(share)
        if n >= 5:
            high = min(1, share + student(n - 1) * error)
            assert found[level]["high"] == pytest.approx(high, rel=0.01)


def test_more_images_seen_than_there_are_is_all_of_them(tmp_path: Path) -> None:
    """Some have been deleted since."""
    log = DuckDBLog(written(tmp_path, list(rows(sessions=20, seed=3))))

    (whole, *_) = log.rows(text("coverage", interval="day", since=SINCE, catalogue="5"))

    assert whole["events"] > 5
    assert (whole["value"], whole["high"]) == (1.0, 1.0)
    assert 0 <= whole["low"] <= 1


def test_without_a_catalogue_there_is_no_coverage(tmp_path: Path) -> None:
    log = DuckDBLog(written(tmp_path, list(rows(sessions=3, seed=3))))

    (whole, *_) = log.rows(text("coverage", interval="day", since=SINCE, catalogue="0"))

    assert (whole["value"], whole["low"], whole["high"]) == (None, None, None)


@pytest.mark.parametrize("name", ["ctr", "time_spent"])
def test_the_interval_is_the_one_of_a_bootstrap_over_sessions(
    log: DuckDBLog, crowd: list[Row], name: str
) -> None:
    if name == "ctr":
        told = (((), one["session_id"], float(hit), 1) for one, hit in suggestions(crowd))
        pairs = by_level(told)[()]
    else:
        told = (((), one["session_id"], one["dwell_ms"] or 0, 1) for one in crowd)
        pairs = {who: (ms, 1.0) for who, (ms, _) in by_level(told)[()].items()}
    above, below = np.array([*pairs.values()]).T
    drawn = np.random.default_rng(0).integers(0, len(pairs), (4000, len(pairs)))
    low, high = np.percentile(above[drawn].sum(1) / below[drawn].sum(1), [2.5, 97.5])

    whole = next(iter(report(log, name).values()))

    assert whole["high"] - whole["low"] == pytest.approx(high - low, rel=0.1)
    assert whole["low"] == pytest.approx(low, rel=0.1)
    assert whole["high"] == pytest.approx(high, rel=0.1)


def whole_ctr(folder: Path, people: list[Row]) -> dict[str, Any]:
    log = DuckDBLog(written(folder, people))
    return log.rows(text("ctr", interval="day", since=SINCE))[0]


def seen_and_clicked(sessions: int, seen: int, clicked: Callable[[int], int]) -> list[Row]:
    """clicked: how many of what it saw a session clicked, by its number."""
    found = []
    for number in range(sessions):
        who = f"session-{number}"
        for place in range(1, seen + 1):
            found.append(row("impression", who, f"q{number}", f"image-{place}", place))
            if place <= clicked(number):
                found.append(row("click", who, f"q{number}", f"image-{place}", place))
    return found


def test_who_clicks_on_everything_is_one_person_however_much_they_saw(tmp_path: Path) -> None:
    few = whole_ctr(tmp_path / "few", seen_and_clicked(40, 1, lambda one: one % 4 == 0))
    many = whole_ctr(tmp_path / "many", seen_and_clicked(40, 12, lambda one: 12 * (one % 4 == 0)))

    assert many["total"] == 12 * few["total"]
    assert (many["low"], many["high"]) == pytest.approx((few["low"], few["high"]))


def test_where_nobody_clicked_the_number_of_sessions_says_how_sure_that_is(tmp_path: Path) -> None:
    """With a rate of 7.1 % or more, 50 people in a row without a click are one case in forty."""
    none = whole_ctr(tmp_path, seen_and_clicked(50, 3, lambda _: 0))

    assert (none["value"], none["low"]) == (0, 0)
    assert (1 - none["high"]) ** 50 == pytest.approx(0.025)


def test_where_everybody_clicked_too(tmp_path: Path) -> None:
    everything = whole_ctr(tmp_path, seen_and_clicked(50, 3, lambda _: 3))

    assert (everything["value"], everything["high"]) == (1, 1)
    assert everything["low"] ** 50 == pytest.approx(0.025)


def test_one_session_has_a_rate_and_no_interval(tmp_path: Path) -> None:
    one = whole_ctr(tmp_path, seen_and_clicked(1, 4, lambda _: 1))

    assert (one["value"], one["low"], one["high"]) == (0.25, None, None)


def test_no_limit_is_beyond_what_a_share_can_be(tmp_path: Path) -> None:
    two = whole_ctr(tmp_path, seen_and_clicked(2, 4, lambda one: 1 + one))

    assert (two["low"], two["value"], two["high"]) == (0, 0.375, 1)
