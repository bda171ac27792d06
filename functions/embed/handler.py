"""S3 says that keys may have changed: make the index agree, one message at a time."""

import json
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from lookalike import wiring

logger = Logger()
tracer = Tracer()
metrics = Metrics(namespace="Lookalike")
ingest = wiring.ingest()  # built once, when the container starts


def sync_changes(record: SQSRecord) -> None:
    metrics.add_metric(name="messages", unit=MetricUnit.Count, value=1)
    for change in json.loads(record.body).get("Records", []):  # S3's test event has none
        key = unquote_plus(change["s3"]["object"]["key"])  # S3 sends keys URL-encoded
        outcome = ingest.sync(key)
        metrics.add_metric(name=outcome, unit=MetricUnit.Count, value=1)
        logger.info("synced", key=key, outcome=outcome, event=change["eventName"])


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Answers which messages failed, so that SQS keeps only those."""
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    with processor(event["Records"], handler=sync_changes, lambda_context=context):
        processor.process()
    return processor.response()
