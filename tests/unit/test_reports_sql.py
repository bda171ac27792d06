"""The reports count what they say they count: the very texts that Athena is given, run by DuckDB.

Both engines take them because they hold nothing but standard SQL: common table expressions, CASE,
CAST, CUBE, NULLS FIRST, a DATE literal less an INTERVAL, row_number() and the functions below.
"""

import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

import lookalike
from lookalike.interaction_log import COLUMNS
from tests.unit.shop import Shop

REPORTS = Path(lookalike.__file__).parent / "reports"
SPEAKING = {"int": "INTEGER", "double": "DOUBLE", "string": "VARCHAR", "timestamp": "TIMESTAMP"}
IN_BOTH = {
    *("min", "max", "count", "sum", "row_number", "coalesce", "nullif", "cast", "date_trunc"),
    *("greatest", "least", "power", "sqrt"),
}
WORDS = {"in", "as", "over", "cube", "and", "by", "union"}  # before a parenthesis, and no function

EVERY = sorted(file.stem for file in REPORTS.glob("*.sql"))

Report = Callable[..., dict[tuple[Any, ...], dict[str, Any]]]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "interactions")


@pytest.fixture
def three_sessions(shop: Shop) -> Shop:
    """Everything that the numbers below were counted from, by hand."""
    shop.answer("Monday", "m1", "2026-11-02 10:00", "organic", "sponsored", "explore")
    shop.tell("anna-1", "Monday", ("impression", 1), ("impression", 2), ("impression", 3))
    shop.tell("anna-1", "Monday", ("click", 1), ("dwell", 1, 4000), at="2026-11-02 10:05")

    # Sunday night: seen before midnight, clicked and dwelt on after it, which is another ISO week.
    shop.answer("Sunday", "m1", "2026-11-08 23:58", "organic", "sponsored")
    shop.tell("bert-1", "Sunday", ("impression", 1), ("impression", 2))
    shop.tell("bert-1", "Sunday", ("click", 1), ("dwell", 1, 3000), at="2026-11-09 00:02")

    # A click on image 2, whose impression never came.
    shop.answer("unseen", "m2", "2026-11-09 12:00", "organic", "organic")
    shop.tell("anna-1", "unseen", ("impression", 1), ("click", 2))

    # Everything twice, as people do.
    shop.answer("December", "m2", "2026-12-01 12:00", "organic")
    shop.tell("carla-1", "December", ("impression", 1), ("impression", 1))
    shop.tell("carla-1", "December", ("click", 1), ("click", 1), at="2026-12-01 12:01")
    shop.tell("carla-1", "December", ("dwell", 1, 1000), ("dwell", 1, 2000), at="2026-12-01 12:02")
    return shop


@pytest.fixture
def engine(shop: Shop) -> Iterator[duckdb.DuckDBPyConnection]:
    """What reads the log on a laptop, in a zone that is not UTC."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'Pacific/Auckland'")
        yield connection


@pytest.fixture
def whole_report(shop: Shop, engine: duckdb.DuckDBPyConnection) -> Report:
    """A report's rows by what they are about: all the columns before its value."""

    def run(name: str, interval: str = "day", since: str = "2026-01-01") -> dict[Any, Any]:
        engine.execute(f"create or replace view interactions as {source(shop.root)}")
        return answer(engine, text(name, interval, since))

    return run


@pytest.fixture
def report(whole_report: Report) -> Report:
    """Without the intervals, which have tests of their own."""

    def run(name: str, *asked: str, **more: str) -> dict[Any, Any]:
        return {
            key: {one: value for one, value in row.items() if one not in ("low", "high")}
            for key, row in whole_report(name, *asked, **more).items()
        }

    return run


def source(root: Path) -> str:
    columns = {name: SPEAKING[kind] for name, kind in COLUMNS.items()}
    if not any(root.rglob("*.jsonl")):
        nothing = ", ".join(f"null::{kind} as {name}" for name, kind in columns.items())
        return f"select {nothing}, null::varchar as dt where false"
    return (
        f"select * from read_json('{root}/*/*.jsonl', format='newline_delimited', "
        f"columns={columns}, ignore_errors=true, hive_partitioning=true, "
        "hive_types={'dt': VARCHAR})"
    )


def text(name: str, interval: str, since: str) -> str:
    sql = (REPORTS / f"{name}.sql").read_text()
    first = f"timestamp '{since} 00:00:00.000'" if name == "trial" else f"date '{since}'"
    return sql.format(interval=interval, since=first, catalogue=10, live="m1", challenger="m2")


def answer(engine: duckdb.DuckDBPyConnection, sql: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    found = engine.execute(sql)
    names = [column[0] for column in found.description or ()]
    keys = names.index("value")
    return {
        row[:keys]: {one: settled(cell) for one, cell in zip(names[keys:], row[keys:], strict=True)}
        for row in found.fetchall()
    }


def settled(cell: Any) -> Any:
    """Without the last digits of a sum, which depend on its order."""
    return float(f"{cell:.9g}") if isinstance(cell, float) else cell


def share(
    total: int, events: int, value: float | None, sessions: int = 1, **more: int
) -> dict[str, Any]:
    return {
        "value": pytest.approx(value),
        "events": events,
        "total": total,
        "sessions": sessions,
        **more,
    }


def ctr(
    impressions: int, clicks: int, rate: float | None, sessions: int = 1, unseen: int = 0
) -> dict[str, Any]:
    return share(impressions, clicks, rate, sessions, clicked_unseen=unseen)


def spent(sessions: int, dwelling: int, dwells: int, ms: int, each: float) -> dict[str, Any]:
    return share(sessions, ms, each, sessions, dwells=dwells, dwelling_sessions=dwelling)


def of_periods(rows: dict[Any, Any]) -> dict[str, Any]:
    """All models and slots together, without the sum over all periods."""
    return {str(key[0]): row for key, row in rows.items() if key[0] and key[1:] == (None, None)}


@pytest.mark.usefixtures("three_sessions")
def test_a_click_counts_where_its_picture_was_first_seen(report: Report) -> None:
    assert of_periods(report("ctr", "day")) == {
        "2026-11-02": ctr(3, 1, 1 / 3),
        "2026-11-08": ctr(2, 1, 1 / 2),
        "2026-11-09": ctr(1, 0, 0.0, unseen=1),
        "2026-12-01": ctr(1, 1, 1.0),
    }


@pytest.mark.usefixtures("three_sessions")
def test_weeks_begin_on_monday_and_months_on_the_first(report: Report) -> None:
    assert of_periods(report("ctr", "week")) == {
        "2026-11-02": ctr(5, 2, 2 / 5, 2),
        "2026-11-09": ctr(1, 0, 0.0, unseen=1),
        "2026-11-30": ctr(1, 1, 1.0),
    }
    assert of_periods(report("ctr", "month")) == {
        "2026-11-01": ctr(6, 2, 2 / 6, 2, unseen=1),
        "2026-12-01": ctr(1, 1, 1.0),
    }


@pytest.mark.usefixtures("three_sessions")
def test_models_and_slots_are_told_apart_and_together(report: Report) -> None:
    november, december = date(2026, 11, 1), date(2026, 12, 1)

    assert report("ctr", "month") == {
        (None, None, None): ctr(7, 3, 3 / 7, 3, unseen=1),
        (None, None, "explore"): ctr(1, 0, 0.0),
        (None, None, "organic"): ctr(4, 3, 3 / 4, 3, unseen=1),
        (None, None, "sponsored"): ctr(2, 0, 0.0, 2),
        (None, "m1", None): ctr(5, 2, 2 / 5, 2),
        (None, "m1", "explore"): ctr(1, 0, 0.0),
        (None, "m1", "organic"): ctr(2, 2, 1.0, 2),
        (None, "m1", "sponsored"): ctr(2, 0, 0.0, 2),
        (None, "m2", None): ctr(2, 1, 1 / 2, 2, unseen=1),
        (None, "m2", "organic"): ctr(2, 1, 1 / 2, 2, unseen=1),
        (november, None, None): ctr(6, 2, 2 / 6, 2, unseen=1),
        (november, None, "explore"): ctr(1, 0, 0.0),
        (november, None, "organic"): ctr(3, 2, 2 / 3, 2, unseen=1),
        (november, None, "sponsored"): ctr(2, 0, 0.0, 2),
        (november, "m1", None): ctr(5, 2, 2 / 5, 2),
        (november, "m1", "explore"): ctr(1, 0, 0.0),
        (november, "m1", "organic"): ctr(2, 2, 1.0, 2),
        (november, "m1", "sponsored"): ctr(2, 0, 0.0, 2),
        (november, "m2", None): ctr(1, 0, 0.0, unseen=1),
        (november, "m2", "organic"): ctr(1, 0, 0.0, unseen=1),
        (december, None, None): ctr(1, 1, 1.0),
        (december, None, "organic"): ctr(1, 1, 1.0),
        (december, "m2", None): ctr(1, 1, 1.0),
        (december, "m2", "organic"): ctr(1, 1, 1.0),
    }


@pytest.mark.usefixtures("three_sessions")
def test_places_are_told_apart(report: Report) -> None:
    assert report("ctr_by_position") == {
        (None, None): ctr(7, 3, 3 / 7, 3, unseen=1),
        (None, "explore"): ctr(1, 0, 0.0),
        (None, "organic"): ctr(4, 3, 3 / 4, 3, unseen=1),
        (None, "sponsored"): ctr(2, 0, 0.0, 2),
        (1, None): ctr(4, 3, 3 / 4, 3),
        (1, "organic"): ctr(4, 3, 3 / 4, 3),
        (2, None): ctr(2, 0, 0.0, 2, unseen=1),
        (2, "organic"): ctr(0, 0, None, 0, unseen=1),
        (2, "sponsored"): ctr(2, 0, 0.0, 2),
        (3, None): ctr(1, 0, 0.0),
        (3, "explore"): ctr(1, 0, 0.0),
    }


@pytest.mark.usefixtures("three_sessions")
def test_a_session_past_midnight_is_one_of_both_days_and_its_dwell_one_of_the_second(
    report: Report,
) -> None:
    assert of_periods(report("time_spent", "day")) == {
        "2026-11-02": spent(1, 1, 1, 4000, 4000),
        "2026-11-08": spent(1, 0, 0, 0, 0),
        "2026-11-09": spent(2, 1, 1, 3000, 1500),
        "2026-12-01": spent(1, 1, 2, 3000, 3000),
    }


@pytest.mark.usefixtures("three_sessions")
def test_time_spent_is_told_by_week_month_model_and_slot(report: Report) -> None:
    assert of_periods(report("time_spent", "week")) == {
        "2026-11-02": spent(2, 1, 1, 4000, 2000),
        "2026-11-09": spent(2, 1, 1, 3000, 1500),
        "2026-11-30": spent(1, 1, 2, 3000, 3000),
    }
    months = report("time_spent", "month")
    assert of_periods(months) == {
        "2026-11-01": spent(2, 2, 2, 7000, 3500),
        "2026-12-01": spent(1, 1, 2, 3000, 3000),
    }
    assert months[None, None, None] == spent(3, 3, 4, 10_000, 10_000 / 3)
    assert months[None, "m1", None] == spent(2, 2, 2, 7000, 3500)
    assert months[None, "m2", None] == spent(2, 1, 2, 3000, 1500)
    assert months[None, None, "sponsored"] == spent(2, 0, 0, 0, 0)


@pytest.mark.parametrize("name", EVERY)
def test_rows_sent_again_late_and_in_any_order_change_nothing(
    whole_report: Report, three_sessions: Shop, name: str
) -> None:
    once = whole_report(name, "day")
    lines = three_sessions.lines()

    again = [(day, later(row)) for day, row in lines]
    next_day = [(str(date.fromisoformat(day) + timedelta(days=1)), row) for day, row in lines]
    day_before = [(str(date.fromisoformat(day) - timedelta(days=1)), row) for day, row in lines]
    for seed in range(3):
        shuffled = random.Random(seed).sample(lines + again + next_day + day_before, 4 * len(lines))
        three_sessions.rewrite(shuffled)

        assert whole_report(name, "day") == once


def later(row: str) -> str:
    """The same event, sent again and clipped otherwise on its way."""
    event = json.loads(row)
    event["received_at"] = event["received_at"][:11] + "23:59:59.999"
    if event["dwell_ms"] is not None:
        event["dwell_ms"] += 5
    return json.dumps(event)


@pytest.mark.parametrize("name", EVERY)
def test_an_empty_log_says_null_and_not_0(whole_report: Report, name: str) -> None:
    ((key, row),) = whole_report(name).items()

    assert set(key) == {None}
    assert (row.pop("value"), row.pop("low"), row.pop("high")) == (None, None, None)
    assert row.pop("total") == (10 if name == "coverage" else 0)
    assert set(row.values()) == {0}


def test_a_picture_that_was_clicked_unseen_says_null_and_not_100_percent(
    report: Report, shop: Shop
) -> None:
    shop.answer("fast", "m1", "2026-11-02 10:00", "organic")
    shop.tell("anna-1", "fast", ("click", 1))

    assert report("ctr")[None, None, None] == ctr(0, 0, None, 0, unseen=1)


def test_an_impression_that_came_after_its_click_still_makes_it_a_seen_one(
    report: Report, shop: Shop
) -> None:
    shop.answer("slow", "m1", "2026-11-02 23:58", "organic")
    shop.tell("anna-1", "slow", ("click", 1))
    shop.tell("anna-1", "slow", ("impression", 1), at="2026-11-03 09:00")

    assert of_periods(report("ctr")) == {"2026-11-03": ctr(1, 1, 1.0)}


def test_a_broken_line_costs_itself_alone(report: Report, three_sessions: Shop) -> None:
    once = report("ctr")
    with (three_sessions.root / "dt=2026-11-02" / "interactions.jsonl").open("a") as file:
        file.write('{"event_id": "019a\n')

    assert report("ctr") == once


@pytest.mark.usefixtures("three_sessions")
@pytest.mark.parametrize("name", ["ctr", "time_spent"])
def test_a_period_that_is_shown_is_whole_whatever_lay_before_it(report: Report, name: str) -> None:
    """Bert saw it the evening before: his click is no unseen one, and in none of the days shown."""
    whole, late = of_periods(report(name)), of_periods(report(name, since="2026-11-09"))

    assert late == {day: row for day, row in whole.items() if day >= "2026-11-09"}


@pytest.mark.usefixtures("three_sessions")
def test_places_count_what_was_seen_since_then_and_nothing_clicked_since_then(
    report: Report,
) -> None:
    assert report("ctr_by_position", since="2026-11-09") == {
        (None, None): ctr(2, 1, 1 / 2, 2, unseen=1),
        (None, "organic"): ctr(2, 1, 1 / 2, 2, unseen=1),
        (1, None): ctr(2, 1, 1 / 2, 2),
        (1, "organic"): ctr(2, 1, 1 / 2, 2),
        (2, None): ctr(0, 0, None, 0, unseen=1),
        (2, "organic"): ctr(0, 0, None, 0, unseen=1),
    }


@pytest.mark.parametrize("name", EVERY)
def test_rows_in_a_file_of_the_day_before_are_found(
    report: Report, three_sessions: Shop, name: str
) -> None:
    """Firehose names a file for the oldest row in it."""
    where_they_belong = report(name, since="2026-12-01")
    lines = three_sessions.lines()
    three_sessions.rewrite(
        [(str(date.fromisoformat(day) - timedelta(1)), row) for day, row in lines]
    )

    assert report(name, since="2026-12-01") == where_they_belong


@pytest.mark.usefixtures("three_sessions")
@pytest.mark.parametrize("name", EVERY)
def test_parquet_says_the_same_as_json_lines(
    whole_report: Report, engine: duckdb.DuckDBPyConnection, tmp_path: Path, name: str
) -> None:
    by_lines = whole_report(name, "week")
    parquet = tmp_path / "parquet"

    engine.execute(f"copy interactions to '{parquet}' (format parquet, partition_by (dt))")
    engine.execute(
        f"create or replace view interactions as from read_parquet('{parquet}/*/*.parquet', "
        "hive_partitioning=true, hive_types={'dt': VARCHAR})"
    )

    assert answer(engine, text(name, "week", "2026-01-01")) == by_lines


@pytest.mark.parametrize("seed", range(5))
def test_ctr_is_what_sets_of_pairs_say(report: Report, shop: Shop, seed: int) -> None:
    """Counted once more without SQL, over what chance did with 20 answers."""
    chance = random.Random(seed)
    seen: dict[tuple[str, int], datetime] = {}
    clicked = set()
    start = datetime(2026, 11, 1, tzinfo=UTC)
    for number in range(20):
        issued_at = start + timedelta(hours=chance.randrange(24 * 14))
        shop.answer(str(number), "m1", f"{issued_at:%Y-%m-%d %H:%M}", *["organic"] * 4)
        for _ in range(chance.randrange(1, 8)):
            moment = issued_at + timedelta(minutes=chance.randrange(1, 12 * 60))
            kind, place = chance.choice(["impression", "click"]), chance.randrange(1, 5)
            shop.tell("anna-1", str(number), (kind, place), at=f"{moment:%Y-%m-%d %H:%M}")
            pair = (str(number), place)
            if kind == "click":
                clicked.add(pair)
            else:
                seen[pair] = min(moment, seen.get(pair, moment))
    days = defaultdict(list)
    for pair, moment in seen.items():
        days[f"{moment:%Y-%m-%d}"].append(pair in clicked)

    rates = {day: row["value"] for day, row in of_periods(report("ctr")).items() if row["total"]}

    assert rates == {day: pytest.approx(sum(those) / len(those)) for day, those in days.items()}


@pytest.mark.parametrize("file", sorted(REPORTS.glob("*.sql")), ids=lambda file: file.stem)
def test_a_report_calls_only_functions_that_both_engines_have(file: Path) -> None:
    sql = re.sub(r"--.*", "", file.read_text())

    called = set(re.findall(r"(\w+)\s*\(", sql)) - WORDS

    assert called <= IN_BOTH


@pytest.mark.parametrize("file", sorted(REPORTS.glob("*.sql")), ids=lambda file: file.stem)
def test_a_report_keeps_to_what_athena_takes(file: Path) -> None:
    """Trino makes sums over names alone, and a number with a point but no exponent has a fixed
    number of decimals there, which a division keeps to."""
    sql = re.sub(r"--.*", "", file.read_text())

    cubes = re.findall(r"cube \((.*?)\)", sql, re.DOTALL)
    points = re.findall(r"\b\d+\.\d+\w*", re.sub(r"'.*?'", "", sql))

    assert cubes
    assert all(re.fullmatch(r"\w+(, \w+)*", cube) for cube in cubes)
    assert all("e" in number for number in points)
