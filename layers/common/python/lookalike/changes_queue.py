"""The queue of changes that embed reads: telling it of a key, in the words that S3 uses."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from lookalike.aws_faults import AWS_FAULTS
from lookalike.errors import QueueUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

BATCH = 10  # SQS takes no more at once
ATTEMPTS = 3  # of a batch, whose failed messages alone are sent again
FIRST_WAIT_SECONDS = 0.1  # doubled each time, and less than that at random
EVENT_NAME = "ObjectCreated:Reconcile"  # S3 has no such event: the log tells ours from its own


class ChangesQueue:
    """SQS. Delivery is at least once, and a change that is told twice is harmless."""

    def __init__(
        self,
        client: SQSClient,
        url: str,
        bucket: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.url = url
        self.bucket = bucket
        self.sleep = sleep

    def send(self, keys: Sequence[str], out_of_time: Callable[[], bool]) -> int:
        """Tell of these keys, in their order, until the time is up; returns how many were told.

        Raises QueueUnavailable when messages keep being refused.
        """
        for start in range(0, len(keys), BATCH):
            if out_of_time():
                return start
            self._send([self._message(key) for key in keys[start : start + BATCH]])
        return len(keys)

    def _send(self, bodies: list[str]) -> None:
        waiting: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)
        ]
        reason, wait = "", FIRST_WAIT_SECONDS
        for attempt in range(ATTEMPTS):
            if attempt:
                self.sleep(random.uniform(0, wait))  # noqa: S311 — to part ways, not to hide
                wait *= 2
            waiting, reason = self._untaken(waiting)
            if not waiting:
                return
        raise QueueUnavailable(f"The queue of changes refused {len(waiting)} messages: {reason}.")

    def _untaken(
        self, waiting: list[SendMessageBatchRequestEntryTypeDef]
    ) -> tuple[list[SendMessageBatchRequestEntryTypeDef], str]:
        """Send; what has to be sent again, and why. Only what SQS says it took counts as taken."""
        try:
            answer = self.client.send_message_batch(QueueUrl=self.url, Entries=waiting)
        except AWS_FAULTS as error:
            raise QueueUnavailable(f"The queue of changes did not answer: {error}") from error
        taken = {one["Id"] for one in answer.get("Successful", [])}
        reasons = [one["Code"] for one in answer.get("Failed", [])]
        untaken = [entry for entry in waiting if entry["Id"] not in taken]
        return untaken, reasons[0] if reasons else "it did not say that it took them"

    def _message(self, key: str) -> str:
        """Like S3's own notification, but for eventTime: nobody knows when the change was, and
        embed would measure by it how fresh the index is."""
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": EVENT_NAME,
            "s3": {"bucket": {"name": self.bucket}, "object": {"key": quote_plus(key, safe="/")}},
        }
        return json.dumps({"Records": [record]})
