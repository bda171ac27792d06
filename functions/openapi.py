"""The HTTP API as an OpenAPI 3.1 document: `python -m functions.openapi > docs/openapi.json`."""

import json
from typing import Any

from pydantic import TypeAdapter

from functions.routes import JSON, PICTURES, ROUTES, Route
from lookalike import VERSION
from lookalike.bodies import Problem
from lookalike.requests import Find

SCHEMAS = "#/components/schemas/{model}"
TAGS = {
    "search": "Find the images that look most alike.",
    "catalogue": "What there is: browse it, describe it, change it.",
    "interactions": "What people did with answers, for reports and for learning.",
    "metrics": "What that says about the answers.",
}
SECURITY_SCHEMES = {
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "A key of the deployment's usage plan; an environment may ask for IAM "
        "instead. On a laptop none is asked for.",
    },
    "iam": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "x-amazon-apigateway-authtype": "awsSigv4",
        "description": "A request signed with AWS Signature Version 4 by somebody whom IAM allows "
        "execute-api:Invoke on this route. On a laptop none is asked for.",
    },
}
PROBLEMS = {
    403: "The picture lies in a folder that Lookalike never changes.",
    404: "No image has this id.",
    413: "The body or the picture is too large.",
    415: "The body is of a type that is not read.",
    422: "A field is wrong; errors names each by its JSON pointer.",
    503: "Something we rely on does not answer; try again after Retry-After.",
}


def document() -> dict[str, Any]:
    """The whole document, JSON-ready, always in the same order."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    reference_to(Problem, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lookalike",
            "version": VERSION,
            "summary": "Find the images that look most alike.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where this document was found."}],
        "tags": [{"name": name, "description": words} for name, words in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "tags": [route.tag],
        "summary": route.summary,
        **({"description": route.description} if route.description else {}),
        "security": [{scheme: []} for scheme in route.security],
        "parameters": _parameters(route),
        "responses": _responses(route, schemas),
    }
    if route.body:
        content = {JSON: {"schema": reference_to(route.body, schemas)}}
        if route.also_as == PICTURES:
            content[PICTURES] = {"schema": {"type": "string", "format": "binary"}}
        elif route.also_as:  # the same JSON under a type that a closing page may send
            content[route.also_as] = content[JSON]
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
                schema["items"]["pattern"] = "^[^,]+$"
            found.append(parameter)
    return found


def _responses(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": route.summary}
    if route.answers is not None:
        good["content"] = {JSON: {"schema": reference_to(route.answers, schemas)}}
    if route.links:
        good["links"] = {name: _link(*leads) for name, leads in route.links.items()}
    problem = {"application/problem+json": {"schema": reference_to(Problem, schemas)}}
    return {str(route.status): good} | {
        str(status): {"description": why, "content": problem}
        for status, why in PROBLEMS.items()
        if _can_answer(route, status)
    }


def _link(operation_id: str, parameter: str, pointer: str) -> dict[str, Any]:
    """Where a value of this answer is the parameter of another operation."""
    parameters = {parameter: f"$response.body#{pointer}"}
    return {"operationId": operation_id, "parameters": parameters}


def _can_answer(route: Route, status: int) -> bool:
    if status == 403:
        return route.method in ("PATCH", "DELETE")
    if status == 404:
        return "{image_id}" in route.path or route.body is Find
    if status in (413, 415):
        return route.body is not None
    if status == 422:
        return bool(route.body or route.parameters)
    return True


def reference_to(shape: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """Where the shape's schema is, once it and what it is made of are among the schemas."""
    schema = TypeAdapter(shape).json_schema(ref_template=SCHEMAS)
    named = schema.pop("$defs", {})
    is_named = "title" in schema and "anyOf" not in schema
    if is_named:
        named[schema["title"]] = schema
    for name, one in named.items():
        if schemas.setdefault(name, one) != one:
            raise ValueError(f"Two shapes of the API are called {name}.")
    return {"$ref": SCHEMAS.format(model=schema["title"])} if is_named else schema


if __name__ == "__main__":
    print(json.dumps(document(), indent=2, ensure_ascii=False))  # noqa: T201
