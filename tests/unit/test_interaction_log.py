"""Rows reach the log whole, in the columns of the data dictionary, whatever fails on the way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from lookalike.errors import InteractionsUnavailable
from lookalike.firehose import ATTEMPTS, BATCH_BYTES, BATCH_RECORDS, RECORD_BYTES, Firehose
from lookalike.interaction_log import COLUMNS, FolderLog, Row, lines, stamp

DICTIONARY = Path(__file__).parents[2] / "docs" / "data_dictionary.md"
SPEAKING = {"int": "INTEGER", "double": "DOUBLE", "string": "VARCHAR", "timestamp": "TIMESTAMP"}


def row(
    number: int = 0, received_at: str = "2026-11-22 10:16:05.000", session: str = "s" * 20
) -> Row:
    return {
        "event_id": f"019aab7e-6c1a-7c3d-8e4f-{number:012}",
        "type": "click",
        "query_id": "0f6c2a4e-3b1d-4c5e-8f70-91a2b3c4d5e6",
        "session_id": session,
        "anchor_image_id": None,
        "image_id": "2b7c1f0e-5d4a-5e3b-9c8d-7a6b5c4d3e2f",
        "position": 1,
        "slot": "organic",
        "propensity": 1.0,
        "model": "größe-1",
        "policy": "baseline-1",
        "dwell_ms": None,
        "issued_at": "2026-11-22 10:15:30.123",
        "occurred_at": "2026-11-22 10:15:41.350",
        "received_at": received_at,
        "source": "00112233aabbccdd",
        "viewer": "00112233aabbccdd",
    }


def written(root: Path) -> list[Any]:
    return [
        json.loads(line)
        for file in sorted(root.rglob("*.jsonl"))
        for line in file.read_text().splitlines()
        if line.startswith("{") and line.endswith("}")
    ]


def test_the_columns_are_those_of_a_row_and_of_the_data_dictionary() -> None:
    documented = {}
    for line in DICTIONARY.read_text().splitlines():
        cells = [cell.strip(" `") for cell in line.split("|")]
        if len(cells) > 3 and cells[1] in COLUMNS:
            documented[cells[1]] = cells[2]

    assert list(COLUMNS) == list(Row.__annotations__) == list(row())
    assert documented == COLUMNS


def test_a_time_is_written_as_both_engines_read_it() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 6999, tzinfo=UTC)

    assert stamp(moment) == "2026-01-02 03:04:05.006"


def test_rows_lie_in_the_folder_of_the_day_they_came(tmp_path: Path) -> None:
    log = FolderLog(tmp_path / "interactions")
    evening, morning = row(1, "2026-11-22 23:59:59.999"), row(2, "2026-11-23 00:00:00.000")

    log.write([evening, morning])

    assert sorted(path.parent.name for path in log.root.rglob("*.jsonl")) == [
        "dt=2026-11-22",
        "dt=2026-11-23",
    ]
    assert written(log.root) == [evening, morning]


def test_duckdb_reads_the_folder_with_the_types_of_the_table(tmp_path: Path) -> None:
    log = FolderLog(tmp_path)
    log.write([row(1), {**row(2), "type": "dwell", "dwell_ms": 8412}])
    columns = {name: SPEAKING[kind] for name, kind in COLUMNS.items()}

    found = duckdb.sql(
        f"select count(distinct event_id), max(dwell_ms), max(occurred_at), any_value(dt)"
        f" from read_json('{tmp_path}/*/*.jsonl', format='newline_delimited',"
        f" columns={columns}, ignore_errors=true, hive_partitioning=true,"
        f" hive_types_autocast=false)"
    ).fetchone()

    clicked = datetime(2026, 11, 22, 10, 15, 41, 350000)  # noqa: DTZ001 — a column has no zone
    assert found == (2, 8412, clicked, "2026-11-22")


def test_what_was_left_of_a_line_does_not_damage_the_next(tmp_path: Path) -> None:
    log = FolderLog(tmp_path)
    log.write([row(1)])
    file = next(tmp_path.rglob("*.jsonl"))
    with file.open("ab") as torn:
        torn.write(lines([row(2)])[:57])

    log.write([row(3)])
    log.write([row(4)])

    assert written(tmp_path) == [row(1), row(3), row(4)]
    assert len(file.read_text().splitlines()) == 4  # the torn one stands alone


def test_threads_and_processes_may_write_at_once(tmp_path: Path) -> None:
    script = (
        "import json, sys; from pathlib import Path; "
        "from lookalike.interaction_log import FolderLog; "
        "rows = json.load(sys.stdin); log = FolderLog(Path(sys.argv[1])); "
        "[log.write([one]) for one in rows]"
    )
    batches = [[row(100 * batch + number) for number in range(40)] for batch in range(4)]
    command = [sys.executable, "-c", script, tmp_path]
    others = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in batches[:2]]
    log = FolderLog(tmp_path)

    with ThreadPoolExecutor() as threads:
        for other, batch in zip(others, batches[:2], strict=True):
            threads.submit(other.communicate, json.dumps(batch))
        for batch in batches[2:]:
            threads.map(log.write, [[one] for one in batch])

    assert [other.returncode for other in others] == [0, 0]
    found = [one["event_id"] for one in written(tmp_path)]
    assert sorted(found) == sorted(one["event_id"] for batch in batches for one in batch)


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    script = (
        "import json, sys; from pathlib import Path; "
        "from lookalike.interaction_log import FolderLog; "
        "one = json.loads(sys.argv[2]); log = FolderLog(Path(sys.argv[1]))\n"
        "for number in range(10**6):\n"
        "    log.write([{**one, 'event_id': str(number)}] * 20)\n"
        "    print(number, flush=True)"
    )
    command = [sys.executable, "-c", script, tmp_path, json.dumps(row())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(50)]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout]

    log = FolderLog(tmp_path)
    log.write([row(7)])

    found = written(tmp_path)
    assert {str(number) for number in acknowledged} <= {one["event_id"] for one in found}
    assert found[-1] == row(7)


def test_a_folder_that_cannot_be_written_is_a_dependency_in_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InteractionsUnavailable):
        FolderLog(tmp_path / "file").write([row()])


def test_a_disk_that_fills_up_leaves_no_half_line(tmp_path: Path) -> None:
    """The kernel lets no file grow beyond a limit, and takes the part that still fits."""
    script = (
        "import json, resource, sys; from pathlib import Path; "
        "from lookalike.errors import InteractionsUnavailable; "
        "from lookalike.interaction_log import FolderLog; "
        "one = json.loads(sys.argv[2]); log = FolderLog(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))\n"
        "log.write([one])\n"
        "try: log.write([one] * 10)\n"
        "except InteractionsUnavailable as error: print(error)"
    )
    command = [sys.executable, "-c", script, tmp_path, json.dumps(row())]

    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "too large" in said
    assert next(tmp_path.rglob("*.jsonl")).read_bytes() == lines([row()])


class Stream:
    """Firehose as it fails: it takes a call and refuses some of its records, or all of it."""

    def __init__(self, refuses: Callable[[int, int], bool] = lambda attempt, place: False) -> None:
        self.refuses = refuses
        self.calls: list[list[bytes]] = []
        self.taken: list[bytes] = []

    def put_record_batch(self, **asked: Any) -> dict[str, Any]:
        attempt, records = len(self.calls), asked["Records"]
        self.calls.append([one["Data"] for one in records])
        fates: list[dict[str, str]] = []
        for place, one in enumerate(records):
            if self.refuses(attempt, place):
                fates.append({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow"})
            else:
                fates.append({"RecordId": "1"})
                self.taken.append(one["Data"])
        failed = sum("ErrorCode" in fate for fate in fates)
        return {"FailedPutCount": failed, "RequestResponses": fates}

    def rows(self) -> list[Any]:
        return [json.loads(line) for data in self.taken for line in data.splitlines()]


def firehose(stream: Stream, waits: list[float] | None = None) -> Firehose:
    return Firehose(stream, "interactions", (waits if waits is not None else []).append)  # type: ignore[arg-type]


def test_many_rows_share_a_record_and_every_record_ends_its_line() -> None:
    stream = Stream()
    rows = [row(number) for number in range(500)]

    firehose(stream).write(rows)

    assert stream.rows() == rows
    assert len(stream.calls) == 1
    assert all(len(data) <= RECORD_BYTES and data.endswith(b"\n") for data in stream.calls[0])
    assert len(stream.calls[0]) < 10


def test_no_call_takes_more_than_firehose_does() -> None:
    stream = Stream()
    long = "s" * 40_000  # so that each row fills a record

    firehose(stream).write([row(number, session=long) for number in range(600)])

    assert len(stream.rows()) == 600
    assert all(len(call) <= BATCH_RECORDS for call in stream.calls)
    assert all(sum(map(len, call)) <= BATCH_BYTES for call in stream.calls)
    assert len(stream.calls) == 6


def test_only_the_records_that_failed_are_sent_again() -> None:
    stream = Stream(refuses=lambda attempt, place: attempt == 0 and place in (1, 3))
    waits: list[float] = []
    long = "s" * 40_000

    firehose(stream, waits).write([row(number, session=long) for number in range(5)])

    first, again = stream.calls
    assert again == [first[1], first[3]]
    assert sorted(one["event_id"] for one in stream.rows()) == [
        row(number)["event_id"] for number in range(5)
    ]
    assert len(waits) == 1


def test_a_stream_that_never_takes_them_is_given_up_on() -> None:
    stream = Stream(refuses=lambda attempt, place: True)
    waits: list[float] = []

    with pytest.raises(InteractionsUnavailable):
        firehose(stream, waits).write([row()])

    assert len(stream.calls) == ATTEMPTS
    assert all(0 <= wait <= 0.1 * 2**place for place, wait in enumerate(waits))


def test_a_stream_that_is_out_of_reach_is_a_dependency_in_trouble() -> None:
    class Gone(Stream):
        def put_record_batch(self, **asked: Any) -> dict[str, Any]:
            raise EndpointConnectionError(endpoint_url="https://firehose")

    with pytest.raises(InteractionsUnavailable):
        firehose(Gone()).write([row()])


def test_the_real_client_takes_what_we_send(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        store = boto3.client("s3", "us-east-1")
        store.create_bucket(Bucket="lake")
        client = boto3.client("firehose", "us-east-1")
        client.create_delivery_stream(
            DeliveryStreamName="interactions",
            ExtendedS3DestinationConfiguration={
                "RoleARN": "arn:aws:iam::123456789012:role/r",
                "BucketARN": "arn:aws:s3:::lake",
            },
        )

        Firehose(client, "interactions").write([row(1), row(2)])

        objects = store.list_objects_v2(Bucket="lake")["Contents"]
        body = b"".join(
            store.get_object(Bucket="lake", Key=one["Key"])["Body"].read() for one in objects
        )
        assert [json.loads(line) for line in body.splitlines()] == [row(1), row(2)]
        with pytest.raises(InteractionsUnavailable):
            Firehose(client, "absent").write([row()])
