"""On a schedule: ask the API what a visitor would ask, and count whether it answers."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from lookalike import wiring

logger = Logger()
tracer = Tracer()
metrics = Metrics(namespace=wiring.settings().metrics_namespace)
canary = wiring.canary()


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Never fails by itself: an invocation that is retried would count one fault twice."""
    walk = canary.walk()
    metrics.add_metric(name="canary_failed", unit=MetricUnit.Count, value=int(bool(walk.fault)))
    metrics.add_metric(name="canary_ms", unit=MetricUnit.Milliseconds, value=walk.milliseconds)
    if walk.fault:
        logger.error("the canary fell", fault=walk.fault)
    return {"failed": bool(walk.fault), "milliseconds": walk.milliseconds}
