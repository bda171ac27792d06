"""Interaction rows, and where they are kept: the columns of docs/data_dictionary.md."""

import fcntl
import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Literal, Protocol

from typing_extensions import TypedDict

from lookalike.errors import InteractionsUnavailable
from lookalike.placement import Slot

EventType = Literal["impression", "click", "dwell"]

# Every column with its type in the table that Athena reads; `dt`, its partition, is no column.
COLUMNS = {
    "event_id": "string",
    "type": "string",
    "query_id": "string",
    "session_id": "string",
    "anchor_image_id": "string",
    "image_id": "string",
    "position": "int",
    "slot": "string",
    "propensity": "double",
    "model": "string",
    "policy": "string",
    "dwell_ms": "int",
    "issued_at": "timestamp",
    "occurred_at": "timestamp",
    "received_at": "timestamp",
    "source": "string",
    "viewer": "string",
}


class Row(TypedDict):
    """One interaction. query_id: the answer's own id, not the token; times: as `stamp` writes."""

    event_id: str
    type: EventType
    query_id: str
    session_id: str
    anchor_image_id: str | None
    image_id: str
    position: int
    slot: Slot
    propensity: float
    model: str
    policy: str
    dwell_ms: int | None
    issued_at: str
    occurred_at: str
    received_at: str
    source: str
    viewer: str


class InteractionLog(Protocol):
    """Only ever grows. A row may be there twice; readers count each event_id once."""

    def write(self, rows: Sequence[Row]) -> None:
        """Durable when it returns. Raises InteractionsUnavailable, with any part written."""


class FolderLog:
    """A folder of JSON lines, one file a day: `dt=2026-11-22/interactions.jsonl`.

    Threads and processes may write at once. What a process that was killed left of a line stands
    on a line by itself, which readers pass over.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, rows: Sequence[Row]) -> None:
        days: dict[str, list[Row]] = {}
        for row in rows:
            days.setdefault(row["received_at"][:10], []).append(row)
        try:
            for day, those in days.items():
                self._append(self.root / f"dt={day}" / "interactions.jsonl", lines(those))
        except OSError as error:
            words = f"Cannot write to {self.root}: {error.strerror}."
            raise InteractionsUnavailable(words) from error

    def _append(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # the kernel's: it goes with the process
            end = file.seek(0, os.SEEK_END)
            try:
                _write_all(file, data if _ends_a_line(file, end) else b"\n" + data)
                os.fsync(file.fileno())
            except OSError:  # a full disk takes a part of what it is given
                file.truncate(end)
                raise


def lines(rows: Sequence[Row]) -> bytes:
    return b"".join(
        json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for row in rows
    )


def stamp(moment: datetime) -> str:
    """A UTC time as both engines read a timestamp: no zone, milliseconds."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03}"


def _ends_a_line(file: IO[bytes], end: int) -> bool:
    if end == 0:
        return True
    file.seek(end - 1)
    return file.read(1) == b"\n"


def _write_all(file: IO[bytes], data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
