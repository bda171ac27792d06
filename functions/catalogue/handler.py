"""The catalogue: browse, describe, edit, upload, delete, and what serves."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from lookalike import VERSION, wiring
from lookalike.api import json_answer, json_body, parameters, resolver
from lookalike.curation import MAX_BODY_BYTES
from lookalike.requests import Browse, Edit, NewUpload, parse, parse_parameters

logger = Logger()
tracer = Tracer()
app = resolver(wiring.settings().cors_origins)
curation = wiring.curation()


@app.get("/v1/images")
def get_images() -> Response[str]:
    return json_answer(curation.browse(parse_parameters(Browse, parameters(app))))


@app.get("/v1/images/<image_id>")
def get_image(image_id: str) -> Response[str]:
    return json_answer(curation.describe(image_id))


@app.patch("/v1/images/<image_id>")
def patch_image(image_id: str) -> Response[str]:
    return json_answer(curation.edit(image_id, parse(Edit, _fields())))


@app.delete("/v1/images/<image_id>")
def delete_image(image_id: str) -> Response[str]:
    curation.remove(image_id)
    return Response(HTTPStatus.NO_CONTENT)


@app.post("/v1/uploads")
def post_upload() -> Response[str]:
    grant = curation.grant_upload(parse(NewUpload, _fields()))
    return json_answer(grant, HTTPStatus.CREATED)


@app.get("/v1/health")
def get_health() -> Response[str]:
    return json_answer(curation.health(VERSION))


def _fields() -> Any:
    return json_body(app, max_bytes=MAX_BODY_BYTES)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
