"""The queue of changes that embed reads: telling it of a key, in the words that S3 uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from botocore.exceptions import BotoCoreError, ClientError

from lookalike.errors import QueueUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

BATCH = 10  # SQS takes no more at once
ATTEMPTS = 3  # of a batch, whose failed messages alone are sent again
EVENT_NAME = "ObjectCreated:Reconcile"  # S3 has no such event: the log tells ours from its own


class ChangesQueue:
    """SQS. Delivery is at least once, and a change that is told twice is harmless."""

    def __init__(self, client: SQSClient, url: str, bucket: str) -> None:
        self.client = client
        self.url = url
        self.bucket = bucket

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
        reason = ""
        for _ in range(ATTEMPTS):
            try:
                answer = self.client.send_message_batch(QueueUrl=self.url, Entries=waiting)
            except (ClientError, BotoCoreError) as error:
                raise QueueUnavailable(f"The queue of changes did not answer: {error}") from error
            failed = {one["Id"]: one["Code"] for one in answer.get("Failed", [])}
            if not failed:
                return
            waiting = [entry for entry in waiting if entry["Id"] in failed]
            reason = next(iter(failed.values()))
        raise QueueUnavailable(f"The queue of changes refused {len(waiting)} messages: {reason}.")

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
