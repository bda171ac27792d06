"""The interaction log of the cloud: a Firehose stream, which writes Parquet to S3."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from lookalike.aws_faults import AWS_FAULTS, required
from lookalike.errors import InteractionsUnavailable
from lookalike.interaction_log import Row, lines

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_firehose.type_defs import RecordTypeDef

# Firehose bills each record rounded up to 5 KB, so a record holds many rows; and it is what is sent
# again when it fails, so not all of them.
RECORD_BYTES = 64_000
# PutRecordBatch takes this much at once.
BATCH_RECORDS = 500
BATCH_BYTES = 4 * 2**20
ATTEMPTS = 4
FIRST_WAIT_SECONDS = 0.1  # doubled each time; four attempts wait 0.7 s at most
_random = random.SystemRandom()  # asks the kernel: a snapshot must not restore its state


class Firehose:
    """A stream of records, each of some rows as JSON lines.

    A record that Firehose took is never sent again by us; the client may send its rows again, for
    it hears of any failure. Readers count each event_id once.
    """

    def __init__(
        self, client: FirehoseClient, stream: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.client = client
        self.stream = stream
        self.sleep = sleep

    def write(self, rows: Sequence[Row]) -> None:
        for batch in _batches(_records(rows)):
            self._put(batch)

    def _put(self, batch: list[RecordTypeDef]) -> None:
        wait = FIRST_WAIT_SECONDS
        for attempt in range(ATTEMPTS):
            if attempt:
                self.sleep(_random.uniform(0, wait))  # instances that failed together part ways
                wait *= 2
            batch = self._refused(batch)
            if not batch:
                return
        raise InteractionsUnavailable(f"Firehose refused {len(batch)} records.")

    def _refused(self, batch: list[RecordTypeDef]) -> list[RecordTypeDef]:
        """Send; what has to be sent again. Firehose answers 200 also when it took nothing."""
        try:
            answer = self.client.put_record_batch(DeliveryStreamName=self.stream, Records=batch)
            failed, fates = required(answer, "FailedPutCount"), required(answer, "RequestResponses")
        except AWS_FAULTS as error:  # after botocore's own attempts
            raise InteractionsUnavailable(f"Firehose did not take them: {error}") from error
        if not failed:
            return []
        return [record for record, fate in zip(batch, fates, strict=True) if fate.get("ErrorCode")]


def _records(rows: Sequence[Row]) -> Iterator[bytes]:
    record = b""
    for row in rows:
        line = lines([row])
        if record and len(record) + len(line) > RECORD_BYTES:
            yield record
            record = b""
        record += line
    if record:
        yield record


def _batches(records: Iterator[bytes]) -> Iterator[list[RecordTypeDef]]:
    batch: list[RecordTypeDef] = []
    size = 0
    for record in records:
        if batch and (len(batch) == BATCH_RECORDS or size + len(record) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append({"Data": record})
        size += len(record)
    if batch:
        yield batch
