"""Athena is asked, waited for, and given up on, without surprise to whoever asks for a number."""

from collections.abc import Callable
from datetime import date
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from lookalike.athena import Athena
from lookalike.errors import ReportsUnavailable

SQL = "select 1"
COLUMNS = [
    ("period", "date"),
    ("model", "varchar"),
    ("value", "double"),
    ("events", "bigint"),
    ("position", "integer"),
]


class Clock:
    """Time that passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client() -> Any:
    return boto3.client(
        "athena",
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


@pytest.fixture
def service(client: Any) -> Any:
    """Holds each request, in order, to what is expected, and to Athena's own rules."""
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def athena(client: Any, clock: Clock) -> Athena:
    return Athena(client, "lookalike-dev", "lookalike_dev", clock.sleep, clock)


def starts(service: Any) -> None:
    expected = {
        "QueryString": SQL,
        "QueryExecutionContext": {"Database": "lookalike_dev"},
        "WorkGroup": "lookalike-dev",
        "ResultReuseConfiguration": {
            "ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}
        },
    }
    service.add_response("start_query_execution", {"QueryExecutionId": "q1"}, expected)


def is_now(service: Any, *states: str, reason: str = "") -> None:
    for state in states:
        status = {"State": state, **({"StateChangeReason": reason} if reason else {})}
        answer = {"QueryExecution": {"QueryExecutionId": "q1", "Status": status}}
        service.add_response("get_query_execution", answer, {"QueryExecutionId": "q1"})


def page(service: Any, *rows: list[str | None], next_token: str = "", token: str = "") -> None:
    answer = {
        "ResultSet": {
            "Rows": [
                {"Data": [{} if cell is None else {"VarCharValue": cell} for cell in row]}
                for row in rows
            ],
            "ResultSetMetadata": {
                "ColumnInfo": [{"Name": name, "Type": kind} for name, kind in COLUMNS]
            },
        },
        **({"NextToken": next_token} if next_token else {}),
    }
    asked = {"QueryExecutionId": "q1", **({"NextToken": token} if token else {})}
    service.add_response("get_query_results", answer, asked)


NAMES: list[str | None] = [name for name, _ in COLUMNS]


def test_cells_become_what_they_are(athena: Athena, service: Any) -> None:
    starts(service)
    is_now(service, "SUCCEEDED")
    page(service, NAMES, [None, None, None, "0", None], ["2026-11-22", "m1", "0.25", "12", "3"])

    assert athena.rows(SQL) == [
        {"period": None, "model": None, "value": None, "events": 0, "position": None},
        {"period": date(2026, 11, 22), "model": "m1", "value": 0.25, "events": 12, "position": 3},
    ]


def test_all_pages_are_read_and_only_the_first_begins_with_names(
    athena: Athena, service: Any
) -> None:
    starts(service)
    is_now(service, "SUCCEEDED")
    page(service, NAMES, [None, "m1", "1.0", "1", None], next_token="more")
    page(service, [None, "m2", "1.0", "2", None], [None, "m3", "1.0", "3", None], token="more")

    assert [row["model"] for row in athena.rows(SQL)] == ["m1", "m2", "m3"]


def test_it_waits_longer_from_time_to_time_up_to_a_second(
    athena: Athena, service: Any, clock: Clock
) -> None:
    starts(service)
    is_now(service, "QUEUED", "RUNNING", "RUNNING", "RUNNING", "RUNNING", "SUCCEEDED")
    page(service, NAMES)

    assert athena.rows(SQL) == []
    assert clock.slept == [0.2, 0.4, 0.8, 1.0, 1.0]


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_query_that_ends_otherwise_is_a_fault_of_ours_with_its_reason(
    athena: Athena, service: Any, state: str
) -> None:
    starts(service)
    is_now(service, "RUNNING", state, reason="Bytes scanned limit was exceeded")

    with pytest.raises(ReportsUnavailable, match="Bytes scanned limit was exceeded"):
        athena.rows(SQL)


def test_whoever_gives_up_stops_the_query_before_the_api_gives_up(
    athena: Athena, service: Any, clock: Clock
) -> None:
    starts(service)
    is_now(service, *["RUNNING"] * 26)
    service.add_response("stop_query_execution", {}, {"QueryExecutionId": "q1"})

    with pytest.raises(ReportsUnavailable, match="24 seconds"):
        athena.rows(SQL)

    assert 20 < clock.now < 25


def test_a_query_that_cannot_be_stopped_is_given_up_on_all_the_same(
    athena: Athena, service: Any
) -> None:
    starts(service)
    is_now(service, *["RUNNING"] * 26)
    service.add_client_error("stop_query_execution", "InternalServerException")

    with pytest.raises(ReportsUnavailable, match="24 seconds"):
        athena.rows(SQL)


@pytest.mark.parametrize(
    "fail",
    [
        lambda stub: stub.add_client_error("start_query_execution", "TooManyRequestsException"),
        lambda stub: (starts(stub), stub.add_client_error("get_query_execution", "Throttling")),
        lambda stub: (
            starts(stub),
            is_now(stub, "SUCCEEDED"),
            stub.add_client_error("get_query_results", "AccessDenied"),
        ),
    ],
    ids=["at the start", "while it waits", "at the end"],
)
def test_an_error_of_athena_is_a_fault_of_ours(
    athena: Athena, service: Any, fail: Callable[[Any], Any]
) -> None:
    fail(service)

    with pytest.raises(ReportsUnavailable) as raised:
        athena.rows(SQL)

    assert isinstance(raised.value.__cause__, ClientError)
    assert raised.value.status == 503


def test_no_way_to_athena_is_a_fault_of_ours(clock: Clock) -> None:
    class Away:
        def start_query_execution(self, **asked: object) -> None:
            raise EndpointConnectionError(endpoint_url="https://athena.example")

    with pytest.raises(ReportsUnavailable, match="did not answer"):
        Athena(Away(), "group", "database", clock.sleep, clock).rows(SQL)  # type: ignore[arg-type]
