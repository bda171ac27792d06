"""Similar images: by id, by bytes, by part of a picture, by examples."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from lookalike import wiring
from lookalike.api import json_answer, json_body, media_type, parameters, raw_body, resolver
from lookalike.bodies import AnswerBody
from lookalike.requests import Asked, Find, parse, parse_parameters

logger = Logger()
tracer = Tracer()
metrics = Metrics(namespace=wiring.settings().metrics_namespace)
app = resolver(wiring.settings().cors_origins)
search = wiring.search()
search.warm_up()


@app.get("/v1/images/<image_id>/similar")
def get_similar(image_id: str) -> Response[str]:
    return _answer(search.similar(image_id, parse_parameters(Asked, parameters(app))))


@app.post("/v1/search")
def post_search() -> Response[str]:
    if media_type(app).startswith("image/"):
        asked = parse_parameters(Find, parameters(app), image=raw_body(app))
    else:
        asked = parse(Find, json_body(app))
    return _answer(search.find(asked))


def _answer(body: AnswerBody) -> Response[str]:
    for step, milliseconds in body["took_ms"].items():
        metrics.add_metric(name=step, unit=MetricUnit.Milliseconds, value=milliseconds)
    return json_answer(body)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    metrics.add_metric(name="requests", unit=MetricUnit.Count, value=1)
    return app.resolve(event, context)
