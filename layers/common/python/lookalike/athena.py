"""The interaction log of the cloud, asked in SQL: Athena."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lookalike.errors import ReportsUnavailable

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_athena.type_defs import QueryExecutionStatusTypeDef

# API Gateway waits 29 seconds: what is left is for the start of a container, and for the answer.
PATIENCE_SECONDS = 24.0
FIRST_WAIT_SECONDS = 0.2  # doubled each time, up to:
LONGEST_WAIT_SECONDS = 1.0
# The same question gets the same answer, for nothing. Rows take a minute to arrive anyway.
REUSED_MINUTES = 5
# What our texts answer with; all else is text.
OF_TYPE: dict[str, Callable[[str], Any]] = {
    "bigint": int,
    "integer": int,
    "double": float,
    "date": date.fromisoformat,
}


class Athena:
    """A workgroup, which has limits and a place for results, and a database.

    Asking again is harmless; while the first question is being answered it costs again.
    """

    def __init__(
        self,
        client: AthenaClient,
        workgroup: str,
        database: str,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = client
        self.workgroup = workgroup
        self.database = database
        self.sleep = sleep
        self.clock = clock

    def rows(self, sql: str) -> list[dict[str, Any]]:
        try:
            started = self.client.start_query_execution(
                QueryString=sql,
                QueryExecutionContext={"Database": self.database},
                WorkGroup=self.workgroup,
                ResultReuseConfiguration={
                    "ResultReuseByAgeConfiguration": {
                        "Enabled": True,
                        "MaxAgeInMinutes": REUSED_MINUTES,
                    }
                },
            )
            query = started["QueryExecutionId"]
            self._wait(query)
            return list(self._results(query))
        except (BotoCoreError, ClientError) as error:
            raise ReportsUnavailable(f"Athena did not answer: {error}") from error

    def _wait(self, query: str) -> None:
        given_up, wait = self.clock() + PATIENCE_SECONDS, FIRST_WAIT_SECONDS
        while True:
            status = self._status(query)
            state = status.get("State")
            if state == "SUCCEEDED":
                return
            if state in ("FAILED", "CANCELLED"):
                why = status.get("StateChangeReason", "no reason given")
                raise ReportsUnavailable(f"Athena's query {query} {state.lower()}: {why}")
            if self.clock() + wait > given_up:
                self._stop(query)
                words = f"Athena takes more than {PATIENCE_SECONDS:.0f} seconds; ask for less."
                raise ReportsUnavailable(words)
            self.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

    def _status(self, query: str) -> QueryExecutionStatusTypeDef:
        found = self.client.get_query_execution(QueryExecutionId=query)
        return found["QueryExecution"].get("Status", {})

    def _stop(self, query: str) -> None:
        """Nobody waits for it any more. If it cannot be stopped the workgroup's limit does it."""
        with suppress(BotoCoreError, ClientError):
            self.client.stop_query_execution(QueryExecutionId=query)

    def _results(self, query: str) -> Iterator[dict[str, Any]]:
        """Pages of a thousand; the very first row is the names of the columns."""
        names_passed = False
        for page in self.client.get_paginator("get_query_results").paginate(QueryExecutionId=query):
            found = page["ResultSet"]
            columns = found["ResultSetMetadata"]["ColumnInfo"]
            for row in found["Rows"][0 if names_passed else 1 :]:
                cells = (cell.get("VarCharValue") for cell in row["Data"])
                yield {
                    column["Name"]: _value(column["Type"], cell)
                    for column, cell in zip(columns, cells, strict=True)
                }
            names_passed = True


def _value(kind: str, text: str | None) -> Any:
    return None if text is None else OF_TYPE.get(kind, str)(text)
