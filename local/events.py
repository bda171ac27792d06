"""A changed file as the events that S3, SQS and Lambda would make of it."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, unquote_plus
from uuid import UUID

from local.queue import Message
from lookalike.stores import Head

BUCKET = "this-machine"
REGION = "local"
QUEUE_ARN = f"arn:aws:sqs:{REGION}:000000000000:changes"


def created(key: str, size: int, etag: str, now: datetime | None = None) -> str:
    """The notification S3 sends when an object was written, as a message body."""
    return _notification("ObjectCreated:Put", {"key": key, "size": size, "eTag": etag}, now)


def removed(key: str, now: datetime | None = None) -> str:
    """The notification S3 sends when an object was deleted, as a message body."""
    return _notification("ObjectRemoved:Delete", {"key": key}, now)


def of(key: str, head: Head | None) -> str:
    """What S3 says of a key that now looks like this."""
    return created(key, head.size, head.etag) if head else removed(key)


def etag_of(body: str) -> str:
    """The version that a notification speaks of; "" for a removal."""
    return str(json.loads(body)["Records"][0]["s3"]["object"].get("eTag", ""))


def key_of(body: str) -> str:
    return unquote_plus(json.loads(body)["Records"][0]["s3"]["object"]["key"])


def to_lambda(message: Message) -> dict[str, Any]:
    """One message as Lambda hands it to a function: a batch of one."""
    record = {
        "messageId": str(UUID(int=message.id)),
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.receives),
            "SentTimestamp": "0",
            "SenderId": REGION,
            "ApproximateFirstReceiveTimestamp": "0",
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE_ARN,
        "awsRegion": REGION,
    }
    return {"Records": [record]}


def _notification(name: str, about: dict[str, Any], now: datetime | None) -> str:
    moment = now or datetime.now(UTC)
    about["key"] = quote_plus(about["key"], safe="/")
    about["sequencer"] = f"{int(moment.timestamp() * 1e6):018X}"
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": name,
        "userIdentity": {"principalId": "local"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "changes",
            "bucket": {
                "name": BUCKET,
                "ownerIdentity": {"principalId": "local"},
                "arn": f"arn:aws:s3:::{BUCKET}",
            },
            "object": about,
        },
    }
    return json.dumps({"Records": [record]})
