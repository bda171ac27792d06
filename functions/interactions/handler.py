"""What people did with answers: impressions, clicks and dwell."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from lookalike import wiring
from lookalike.api import json_answer, json_body, resolver, sender
from lookalike.interactions import MAX_BODY_BYTES
from lookalike.requests import NewInteractions, parse

logger = Logger()
tracer = Tracer()
metrics = Metrics(namespace=wiring.settings().metrics_namespace)
app = resolver(wiring.settings().cors_origins)
interactions = wiring.interactions()


@app.post("/v1/interactions")
def post_interactions() -> Response[str]:
    sent = parse(NewInteractions, json_body(app, "text/plain", max_bytes=MAX_BODY_BYTES))
    recorded = interactions.record(sent, sender(app))
    by_type = recorded.by_type()
    for name, count in {
        "accepted": len(recorded.rows),
        "duplicate": recorded.duplicate,
        "rejected": len(recorded.rejected),
        "impressions": by_type["impression"],
        "clicks": by_type["click"],
    }.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
    return json_answer(recorded.body, HTTPStatus.ACCEPTED)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    metrics.add_metric(name="requests", unit=MetricUnit.Count, value=1)
    return app.resolve(event, context)
