"""The HTTP API as an OpenAPI 3.1 document: `python -m functions.openapi > docs/openapi.json`."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter

from lookalike import VERSION
from lookalike.bodies import (
    AnswerBody,
    GrantBody,
    HealthBody,
    ImageBody,
    PageBody,
    Problem,
    RejectBody,
)
from lookalike.requests import Asked, Browse, Edit, Find, NewUpload

SCHEMAS = "#/components/schemas/{model}"
PICTURES = "image/*"
PROBLEMS = {
    404: "No image has this id.",
    413: "The body or the picture is too large.",
    415: "The body is of a type that is not read.",
    422: "A field is wrong; errors names each by its JSON pointer.",
    503: "Something we rely on does not answer; try again after Retry-After.",
}


@dataclass(frozen=True)
class Route:
    """One operation. answers: the body's shape, or None for an answer without one."""

    method: str
    path: str
    summary: str
    answers: Any
    status: int = 200
    parameters: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    accepts_pictures: bool = False

    @property
    def operation_id(self) -> str:
        words = self.path.removeprefix("/v1/").replace("{image_id}", "one").split("/")
        return "_".join([self.method.lower(), *words])


ROUTES = (
    Route("GET", "/v1/images", "Browse the catalogue, newest first.", PageBody, parameters=Browse),
    Route(
        "GET", "/v1/images/{image_id}", "One image, or why it was refused.", ImageBody | RejectBody
    ),
    Route(
        "PATCH",
        "/v1/images/{image_id}",
        "Tag, block, group or sponsor an image; the index follows within seconds.",
        ImageBody | RejectBody,
        body=Edit,
    ),
    Route("DELETE", "/v1/images/{image_id}", "Delete the image's object.", None, status=204),
    Route(
        "GET",
        "/v1/images/{image_id}/similar",
        "The images that look most like this one.",
        AnswerBody,
        parameters=Asked,
    ),
    Route(
        "POST",
        "/v1/search",
        "The images that look like the given bytes, image, part of an image, or examples.",
        AnswerBody,
        body=Find,
        accepts_pictures=True,
    ),
    Route(
        "POST",
        "/v1/uploads",
        "Permission to add one image to the catalogue.",
        GrantBody,
        status=201,
        body=NewUpload,
    ),
    Route("GET", "/v1/health", "What serves.", HealthBody),
)


def document() -> dict[str, Any]:
    """The whole document, JSON-ready, always in the same order."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    _reference(Problem, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lookalike",
            "version": VERSION,
            "summary": "Find the images that look most alike.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": _responses(route, schemas),
    }
    if route.body:
        content = {"application/json": {"schema": _reference(route.body, schemas)}}
        if route.accepts_pictures:
            content[PICTURES] = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{image_id}" in route.path:
        schema = {"type": "string", "format": "uuid"}
        found.append({"name": "image_id", "in": "path", "required": True, "schema": schema})
    if route.parameters:
        fields = route.parameters.model_json_schema()["properties"]
        for name, schema in fields.items():
            schema.pop("title", None)
            parameter = {"name": name, "in": "query", "required": False, "schema": schema}
            if schema.get("type") == "array":  # tags=a,b
                parameter |= {"style": "form", "explode": False}
            found.append(parameter)
    return found


def _responses(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": route.summary}
    if route.answers is not None:
        good["content"] = {"application/json": {"schema": _reference(route.answers, schemas)}}
    problem = {"application/problem+json": {"schema": _reference(Problem, schemas)}}
    return {str(route.status): good} | {
        str(status): {"description": why, "content": problem}
        for status, why in PROBLEMS.items()
        if _can_answer(route, status)
    }


def _can_answer(route: Route, status: int) -> bool:
    if status == 404:
        return "{image_id}" in route.path or route.body is Find
    if status == 413:
        return route.accepts_pictures
    if status == 415:
        return route.body is not None
    if status == 422:
        return bool(route.body or route.parameters)
    return True


def _reference(shape: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """Where the shape's schema is, once it and what it is made of are among the schemas."""
    schema = TypeAdapter(shape).json_schema(ref_template=SCHEMAS)
    schemas.update(schema.pop("$defs", {}))
    if "title" not in schema or "anyOf" in schema:
        return schema
    schemas[schema["title"]] = schema
    return {"$ref": SCHEMAS.format(model=schema["title"])}


if __name__ == "__main__":
    print(json.dumps(document(), indent=2, ensure_ascii=False))  # noqa: T201
