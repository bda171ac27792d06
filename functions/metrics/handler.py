"""What the log says of the answers: one metric over a window."""

from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from lookalike import wiring
from lookalike.api import json_answer, parameters, resolver
from lookalike.metrics import Measure
from lookalike.requests import parse_parameters

logger = Logger()
tracer = Tracer()
app = resolver(wiring.settings().cors_origins)
reports = wiring.reports()


@app.get("/v1/metrics")
def get_metrics() -> Response[str]:
    return json_answer(reports.measure(parse_parameters(Measure, parameters(app))))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
