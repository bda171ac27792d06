"""The interaction log as a table: JSON lines of a laptop, Parquet of Firehose, in any order."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import boto3
import duckdb

from lookalike.bucket import LINK_CONFIG, Bucket
from lookalike.errors import CallerError
from lookalike.folder import Folder
from lookalike.images import looks_like_picture
from lookalike.stores import Store

BUCKET = "s3://"
ROWS = "interactions/"  # of a bucket: where Firehose writes
# A file bears the day of the oldest row in it, and a row may come the day after its answer.
SPARE = timedelta(days=2)
PARQUET = b"PAR1"  # how such a file begins; Firehose gives it no suffix

COLUMNS = {  # of docs/data_dictionary.md: those that are needed here
    "type": "VARCHAR",
    "query_id": "VARCHAR",
    "session_id": "VARCHAR",
    "anchor_image_id": "VARCHAR",
    "image_id": "VARCHAR",
    "position": "INTEGER",
    "slot": "VARCHAR",
    "propensity": "DOUBLE",
    "policy": "VARCHAR",
    "issued_at": "TIMESTAMP",
    "occurred_at": "TIMESTAMP",
    "received_at": "TIMESTAMP",
    "source": "VARCHAR",
    "viewer": "VARCHAR",
}

TOLD = """
create table told (
    kind varchar, query uuid, session varchar, anchor uuid, image uuid, position integer,
    slot varchar, chance double, policy varchar, issued_at timestamp, occurred_at timestamp,
    received_at timestamp, source varchar, viewer varchar, whole boolean
)
"""
INSERT = """
insert into told by name
select
    type as kind, try_cast(query_id as uuid) as query, session_id as session,
    try_cast(anchor_image_id as uuid) as anchor, try_cast(image_id as uuid) as image,
    try_cast(position as integer) as position, slot, propensity as chance, policy,
    issued_at, occurred_at, received_at, source, viewer,
    coalesce(
        kind in ('impression', 'click') and query is not null and session is not null
        and (anchor_image_id is null or anchor is not null) and image is not null
        and position between 1 and 1000 and slot in ('organic', 'sponsored', 'explore')
        and chance > 0 and chance <= 1 and policy is not null
        and isfinite(issued_at) and isfinite(occurred_at) and isfinite(received_at)
        and source is not null and viewer is not null,
        false
    ) as whole
from {rows}
where type is distinct from 'dwell'
"""

Seen = Callable[[int], None]  # told of the bytes that were read


class UnreadableLog(CallerError):
    """The log is not where it was said to be."""


class LogFile(NamedTuple):
    """name: within the log. day: YYYY-MM-DD, of its partition. size: bytes."""

    name: str
    day: str
    size: int


@dataclass(frozen=True)
class Log:
    """Partitions of a day each, in a folder or below a prefix of a bucket.

    fetch: the file's path on this machine; a copy below the folder given, if it lies elsewhere.
    """

    files: tuple[LogFile, ...]
    fetch: Callable[[LogFile, Path], Path]

    def within(self, since: datetime, until: datetime) -> list[LogFile]:
        first, last = f"{since - SPARE:%Y-%m-%d}", f"{until + SPARE:%Y-%m-%d}"
        return [file for file in self.files if first <= file.day <= last]


def log_at(location: str) -> Log:
    """Raises UnreadableLog, or StoreUnavailable."""
    if location.startswith(BUCKET):
        return _in_bucket(location)
    root = Path(location)
    if not root.is_dir():
        raise UnreadableLog(f"--interactions: there is no folder {location}.")
    paths = sorted(path for path in root.glob("dt=*/*") if path.is_file())
    files = (LogFile(str(path), _day(path.parent.name), path.stat().st_size) for path in paths)
    return Log(tuple(files), lambda file, copies: Path(file.name))


def _in_bucket(location: str) -> Log:
    name, _, folder = location.removeprefix(BUCKET).partition("/")
    store = _bucket(name)
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ROWS
    files = tuple(
        LogFile(key, _day(key.removeprefix(prefix).partition("/")[0]), head.size)
        for key, head in store.keys(prefix + "dt=")
    )

    def fetch(file: LogFile, copies: Path) -> Path:
        copy = copies / "copy"  # one at a time: a disk need not hold the log twice
        copy.write_bytes(store.get(file.name)[0])
        return copy

    return Log(files, fetch)


def images_at(location: str) -> Store:
    """Raises UnreadableLog when there is no such folder."""
    if location.startswith(BUCKET):
        return _bucket(location.removeprefix(BUCKET).partition("/")[0])
    if not Path(location).is_dir():
        raise UnreadableLog(f"--images: there is no folder {location}.")
    return Folder(Path(location), accepts=looks_like_picture)


def _bucket(name: str) -> Bucket:
    return Bucket(boto3.client("s3", config=LINK_CONFIG), name)


def _day(partition: str) -> str:
    return partition.removeprefix("dt=")


@dataclass(frozen=True)
class Read:
    """rows: impressions and clicks, repeats included. broken: lines, and files, of no use."""

    rows: int
    broken_lines: int
    broken_files: int


def read(engine: duckdb.DuckDBPyConnection, log: Log, files: list[LogFile], seen: Seen) -> Read:
    """Fill table `told`: a row for each impression and click, `whole` if it can be believed in."""
    engine.execute(TOLD)
    broken_files = 0
    with tempfile.TemporaryDirectory(prefix="clicks-") as copies:
        for file in files:
            source = _source(engine, log.fetch(file, Path(copies)))
            if source is None:
                broken_files += 1
            else:
                engine.execute(INSERT.format(rows=source))
            seen(file.size)
    counts = "select count(*), coalesce(count_if(whole), 0) from told"
    rows, whole = engine.execute(counts).fetchall()[0]
    return Read(whole, rows - whole, broken_files)


def _source(engine: duckdb.DuckDBPyConnection, path: Path) -> str | None:
    """What DuckDB selects from; None for Parquet that is broken, or has other columns.

    A line that is no JSON object becomes a row of nulls, and so does a value of another type.
    """
    quoted = "'" + str(path).replace("'", "''") + "'"
    with path.open("rb") as file:
        parquet = file.read(len(PARQUET)) == PARQUET
    if not parquet:
        return (
            f"read_json({quoted}, format='newline_delimited', columns={COLUMNS}, "
            "ignore_errors=true, hive_partitioning=false, compression='uncompressed')"
        )
    source = f"read_parquet({quoted}, hive_partitioning=false)"
    try:
        engine.execute(f"select {', '.join(COLUMNS)} from {source} limit 0")  # noqa: S608 — ours
    except duckdb.Error:
        return None
    return source


def moment(text: str) -> datetime:
    """ISO 8601; without a zone it is UTC. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
