"""Every night: the bucket against the index, and an event for each key in which they differ."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from lookalike import wiring

SPARE_MILLISECONDS = 30_000  # for the batch at hand, and to tell what was left

logger = Logger()
tracer = Tracer()
metrics = Metrics(namespace=wiring.settings().metrics_namespace)
reconcile = wiring.reconcile()


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """What it leaves for want of time, and what it repeats, the next night finds again."""
    found = reconcile.find()
    counts = {"indexed": found.indexed, "missing": found.missing, "orphaned": found.orphaned}
    _measure(counts)
    metrics.add_metric(name="drift", unit=MetricUnit.Percent, value=found.drift)
    sent = reconcile.send(
        found.keys, lambda: context.get_remaining_time_in_millis() < SPARE_MILLISECONDS
    )
    _measure({"sent": sent})
    answer: dict[str, Any] = {**counts, "sent": sent, "left": len(found.keys) - sent}
    logger.info("reconciled", **answer)
    return answer


def _measure(gauges: dict[str, int]) -> None:
    for name, value in gauges.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
