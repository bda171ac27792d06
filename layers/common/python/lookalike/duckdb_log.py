"""A laptop's interaction log, asked in SQL: DuckDB over the folder of JSON lines."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.errors import ReportsUnavailable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Of docs/data_dictionary.md, what reports are about.
COLUMNS = {
    "event_id": "varchar",
    "type": "varchar",
    "query_id": "varchar",
    "session_id": "varchar",
    "image_id": "varchar",
    "position": "integer",
    "slot": "varchar",
    "model": "varchar",
    "dwell_ms": "integer",
    "issued_at": "timestamp",
    "occurred_at": "timestamp",
    "received_at": "timestamp",
}
_DECLARED = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
TABLE = f"create table interactions ({_DECLARED}, dt varchar)"
# A line that is no row has nulls, and so has a field that cannot be what it should be.
READ = """
insert into interactions by name
select *, $day as dt
from read_json(
    $file, format = 'newline_delimited', columns = $columns, ignore_errors = true,
    hive_partitioning = false
)
where
    event_id is not null and query_id is not null and session_id is not null
    and image_id is not null and position >= 1
    and type in ('impression', 'click', 'dwell') and slot in ('organic', 'sponsored', 'explore')
    and (type = 'dwell') = (dwell_ms is not null) and coalesce(dwell_ms, 0) >= 0
    and regexp_full_match(model, '[a-z0-9][a-z0-9.-]*')
    and isfinite(issued_at) and isfinite(occurred_at) and isfinite(received_at)
"""
SAFE = {
    "autoinstall_known_extensions": False,  # it would download them
    "autoload_known_extensions": False,
    "temp_directory": tempfile.gettempdir(),  # its own choice is where it was started
}

MOST_ANSWERS = 100  # a page asks for a dozen; whoever goes through all dates must not fill memory

Seen = tuple[int, int]  # size and time of change


class DuckDBLog:
    """The folder that FolderLog writes, kept in memory as a table.

    Each question first reads the days whose file has changed, as a rule today's; while none has, a
    question that was asked before is not counted again. For one thread.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: dict[Path, Seen] = {}
        self._answers: dict[str, list[dict[str, Any]]] = {}
        self._connection: DuckDBPyConnection | None = None

    def rows(self, sql: str) -> list[dict[str, Any]]:
        duckdb = _duckdb()
        try:
            engine = self._engine()
            self._catch_up(engine)
            if len(self._answers) == MOST_ANSWERS:
                self._answers = {}
            if sql not in self._answers:
                self._answers[sql] = _asked(engine, sql)
            return [dict(row) for row in self._answers[sql]]
        except (OSError, duckdb.Error) as error:
            self._forget()  # of what it holds now nothing is certain
            raise ReportsUnavailable(f"The log in {self.root} cannot be read: {error}") from error

    def _forget(self) -> None:
        self._files, self._answers, self._connection = {}, {}, None

    def _engine(self) -> DuckDBPyConnection:
        if self._connection is None:
            self._connection = _duckdb().connect(config=SAFE)
            self._connection.execute(TABLE)
        return self._connection

    def _catch_up(self, engine: DuckDBPyConnection) -> None:
        there = {path: _seen(path) for path in sorted(self.root.glob("dt=*/*.jsonl"))}
        for path in self._files.keys() | there.keys():
            if self._files.get(path) == there.get(path):
                continue
            self._files.pop(path, None)
            self._answers = {}
            day = path.parent.name.removeprefix("dt=")
            engine.execute("begin")
            engine.execute("delete from interactions where dt = $day", {"day": day})
            for file in (one for one in there if one.parent == path.parent):
                engine.execute(READ, {"day": day, "file": str(file), "columns": COLUMNS})
                self._files[file] = there[file]
            engine.execute("commit")


def _asked(engine: DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    found = engine.execute(sql)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _seen(path: Path) -> Seen:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _duckdb() -> Any:
    """Imported by the first question: Lambda's layer does without it, and so does a search."""
    try:
        import duckdb
    except ImportError as error:
        raise ReportsUnavailable(
            "Reports need DuckDB; run: python -m pip install -e '.[local]'"
        ) from error
    return duckdb
