"""A laptop's log is counted as it is: growing, broken in places, or not there at all."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lookalike.duckdb_log import COLUMNS, DuckDBLog
from lookalike.errors import ReportsUnavailable
from lookalike.interaction_log import COLUMNS as WRITTEN
from lookalike.interaction_log import FolderLog, lines, stamp
from lookalike.reports import text
from tests.unit.crowd import START, row, rows, written

CTR = text("ctr", interval="day", since="date '2026-11-01'")
Measure = Callable[[], tuple[int, int]]


def whole(log: DuckDBLog) -> tuple[int, int]:
    """How many clicks, of how many suggestions."""
    first = log.rows(CTR)[0]
    return first["events"], first["total"]


def impression(number: int, day: int = 0, **more: Any) -> Any:
    at = stamp(START + timedelta(days=day))
    told = {"issued_at": at, "occurred_at": at, "received_at": at, **more}
    return row("impression", "session-1", f"query-{number}", "image-1", 1, **told)


def test_a_log_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    log = DuckDBLog(tmp_path / "interactions")

    assert whole(log) == (0, 0)
    FolderLog(tmp_path / "interactions").write([impression(1)])
    assert whole(log) == (0, 1)


def test_what_is_written_is_counted_by_the_next_question(tmp_path: Path) -> None:
    log = DuckDBLog(tmp_path)
    for number in range(3):
        FolderLog(tmp_path).write([impression(number, day=number // 2)])

        assert whole(log) == (0, number + 1)


def test_a_day_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    log = DuckDBLog(written(tmp_path, [impression(1), impression(2, day=1)]))
    assert whole(log) == (0, 2)

    (tmp_path / "dt=2026-11-02" / "interactions.jsonl").unlink()

    assert whole(log) == (0, 1)


def test_a_day_may_lie_in_several_files(tmp_path: Path) -> None:
    log = DuckDBLog(written(tmp_path, [impression(1)]))
    assert whole(log) == (0, 1)

    (tmp_path / "dt=2026-11-02" / "more.jsonl").write_bytes(lines([impression(2)]))
    assert whole(log) == (0, 2)

    (tmp_path / "dt=2026-11-02" / "more.jsonl").unlink()
    assert whole(log) == (0, 1)


def test_only_the_days_that_changed_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = DuckDBLog(written(tmp_path, [impression(1), impression(2, day=1)]))
    assert whole(log) == (0, 2)
    old = tmp_path / "dt=2026-11-02" / "interactions.jsonl"
    before = old.stat()
    old.write_bytes(old.read_bytes().replace(b"impression", b"expression"))
    os.utime(old, ns=(before.st_atime_ns, before.st_mtime_ns))  # as if it had not been touched

    FolderLog(tmp_path).write([impression(3, day=1)])

    assert whole(log) == (0, 3)


GOOD = impression(1)
BROKEN = {
    "half a line": lines([GOOD])[:80],
    "no text": b'{"event_id": "\xff\xfe"}',
    "zeros": b"\0\0\0\0",
    "a list": b"[1, 2]",
    "a number": b"12",
    "null": b"null",
    "deep": b"[" * 5000 + b"]" * 5000,
    "long": json.dumps({**GOOD, "slot": "x" * 5_000_000}).encode(),
    **{
        f"{name} {value}": json.dumps({**GOOD, "query_id": "other", name: value}).encode()
        for name, value in [
            ("occurred_at", "2026-13-45"),
            ("occurred_at", "infinity"),
            ("occurred_at", 12),
            ("issued_at", None),
            ("type", "glance"),
            ("slot", "paid"),
            ("model", None),
            ("model", {"a": 1}),
            ("model", "'; drop table interactions; --"),
            ("session_id", None),
            ("position", 0),
            ("position", 10**20),
            ("position", "first"),
            ("dwell_ms", 5),
        ]
    },
    "a dwell of no time": json.dumps({**GOOD, "query_id": "other", "type": "dwell"}).encode(),
    "a dwell of less": json.dumps(
        {**GOOD, "query_id": "other", "type": "dwell", "dwell_ms": -1}
    ).encode(),
    "no field but one": b'{"type": "impression"}',
}


@pytest.mark.parametrize("line", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("name", ["ctr", "time_spent"])
def test_a_line_that_is_no_row_costs_itself_alone(tmp_path: Path, line: bytes, name: str) -> None:
    sql = text(name, interval="day", since="date '2026-11-01'")
    people = [impression(1), impression(2)]
    whole_log = DuckDBLog(written(tmp_path / "whole", people))
    broken = written(tmp_path / "broken", people) / "dt=2026-11-02" / "interactions.jsonl"
    good = broken.read_bytes().splitlines(keepends=True)

    broken.write_bytes(line + b"\n" + good[0] + line + b"\n" + good[1] + line)

    assert DuckDBLog(tmp_path / "broken").rows(sql) == whole_log.rows(sql)


def test_a_line_that_is_still_being_written_counts_once_it_is_whole(tmp_path: Path) -> None:
    log = DuckDBLog(written(tmp_path, [impression(1)]))
    file = tmp_path / "dt=2026-11-02" / "interactions.jsonl"
    next_line = lines([impression(2)])

    with file.open("ab") as growing:
        growing.write(next_line[:100])
        growing.flush()
        assert whole(log) == (0, 1)
        growing.write(next_line[100:])

    assert whole(log) == (0, 2)


def test_other_files_are_none_of_its_business(tmp_path: Path) -> None:
    log = DuckDBLog(written(tmp_path, [impression(1)]))
    (tmp_path / "notes.jsonl").write_bytes(lines([impression(2)]))
    (tmp_path / "dt=2026-11-02" / "notes.txt").write_bytes(lines([impression(3)]))

    assert whole(log) == (0, 1)


def test_a_log_that_cannot_be_read_is_a_fault_of_ours_until_it_can(tmp_path: Path) -> None:
    log = DuckDBLog(written(tmp_path, [impression(1)]))
    folder = tmp_path / "dt=2026-11-03" / "interactions.jsonl"
    folder.mkdir(parents=True)

    with pytest.raises(ReportsUnavailable, match="cannot be read"):
        whole(log)

    folder.rmdir()
    assert whole(log) == (0, 1)


def test_a_question_that_is_no_sql_is_a_fault_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ReportsUnavailable):
        DuckDBLog(tmp_path).rows("select nothing at all")


def test_asked_again_it_says_the_same_whoever_changed_the_answer(tmp_path: Path) -> None:
    log = DuckDBLog(written(tmp_path, [impression(1)]))
    log.rows(CTR)[0]["events"] = 99

    assert whole(log) == (0, 1)


def test_all_dates_in_turn_do_not_fill_memory(tmp_path: Path) -> None:
    log = DuckDBLog(written(tmp_path, [impression(1)]))
    for one in range(250):
        log.rows(f"select {one} as number")

    assert len(log._answers) <= 100


def test_it_reads_columns_that_are_written(tmp_path: Path) -> None:
    assert COLUMNS.keys() <= WRITTEN.keys()


def test_duckdb_is_imported_by_the_first_question_and_not_before() -> None:
    code = (
        "import sys; from pathlib import Path; from lookalike.duckdb_log import DuckDBLog\n"
        "log = DuckDBLog(Path('nowhere')); print('duckdb' in sys.modules)\n"
        "log.rows('select 1'); print('duckdb' in sys.modules)"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.split() == ["False", "True"]


def test_without_duckdb_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)

    with pytest.raises(ReportsUnavailable, match="pip install"):
        DuckDBLog(tmp_path).rows("select 1")


def test_nothing_is_written_where_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    DuckDBLog(written(tmp_path / "log", list(rows(sessions=5, seed=0)))).rows(CTR)

    assert list(here.iterdir()) == []
