"""A row of a Parquet file, as Firehose writes them."""

import tempfile
from typing import Any

import duckdb


def row_of(event_id: str, file: bytes) -> dict[str, Any] | None:
    with tempfile.NamedTemporaryFile(suffix=".parquet") as written:
        written.write(file)
        written.flush()
        found = duckdb.execute(
            "SELECT * FROM read_parquet(?, binary_as_string = true) WHERE event_id = ?",
            [written.name, event_id],
        )
        rows = found.fetchall()
        names = [column[0] for column in found.description or []]
    return dict(zip(names, rows[0], strict=True)) if rows else None
