"""S3 says that keys may have changed: make the index agree, one message at a time."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from lookalike import wiring
from lookalike.catalogue import image_id_of, subject_of
from lookalike.deadline import in_time

logger = Logger()
tracer = Tracer()
metrics = Metrics(namespace=wiring.settings().metrics_namespace)
ingest = wiring.ingest()  # built once, when the container starts


def sync_changes(record: SQSRecord) -> None:
    metrics.add_metric(name="messages", unit=MetricUnit.Count, value=1)
    for change in json.loads(record.body).get("Records", []):  # S3's test event has none
        key = unquote_plus(change["s3"]["object"]["key"])  # S3 sends keys URL-encoded
        outcome = ingest.sync(key)
        metrics.add_metric(name=outcome, unit=MetricUnit.Count, value=1)
        if outcome == "indexed" and "eventTime" in change:
            _measure_freshness(change["eventTime"])
        if outcome == "rejected":
            _count_reject(key)
        logger.info("synced", key=key, outcome=outcome, event=change["eventName"])


def _measure_freshness(changed_at: str) -> None:
    age = 1000 * (datetime.now(UTC) - datetime.fromisoformat(changed_at)).total_seconds()
    value = max(0.0, age)  # S3's clock is not ours
    metrics.add_metric(name="freshness", unit=MetricUnit.Milliseconds, value=value)


def _count_reject(key: str) -> None:
    """By reason, a dimension that the other metrics do not have."""
    reject = ingest.rejects.get(image_id_of(subject_of(key)))
    if reject is not None:  # else mended meanwhile, and indexed by another worker
        dimensions = {"service": str(metrics.service), "reason": reject.reason}
        with single_metric("rejects", MetricUnit.Count, 1, 60, metrics.namespace, dimensions):
            logger.info("rejected", key=key, reason=reject.reason)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Answers which messages failed, so that SQS keeps only those."""
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    with processor(event["Records"], handler=in_time(sync_changes), lambda_context=context):
        processor.process()
    for _, error, _ in processor.exceptions:  # Powertools tells nobody why
        logger.warning("not synced; SQS sends it again", exc_info=error)
    return processor.response()
