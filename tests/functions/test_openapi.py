"""The committed OpenAPI document says what the handlers do."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from functions.openapi import TAGS, document, reference_to
from functions.routes import ROUTES
from tests.conftest import World

COMMITTED = Path(__file__).parent.parent.parent / "docs" / "openapi.json"


def test_the_committed_document_is_the_generated_one() -> None:
    assert json.loads(COMMITTED.read_text()) == document(), (
        "run: python -m functions.openapi > docs/openapi.json"
    )


def test_every_route_is_handled_and_every_handler_documented(world: World) -> None:
    handled = set()
    for function in ("search", "catalogue", "interactions", "metrics"):
        app = importlib.import_module(f"functions.{function}.handler").app
        for route in [*app._static_routes, *app._dynamic_routes]:
            handled.add((route.method, route.path.replace("<", "{").replace(">", "}")))

    assert handled == {(route.method, route.path) for route in ROUTES}


def test_every_reference_leads_somewhere() -> None:
    whole = document()

    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            inner = set().union(*map(references, node.values())) if node else set()
            return inner | ({node["$ref"]} if "$ref" in node else set())
        return set().union(*map(references, node)) if isinstance(node, list) and node else set()

    names = {reference.removeprefix("#/components/schemas/") for reference in references(whole)}

    assert names <= whole["components"]["schemas"].keys()


def test_two_shapes_of_one_name_are_refused() -> None:
    class Same(BaseModel):
        one: int

    schemas: dict[str, Any] = {}
    reference_to(Same, schemas)

    class Other(BaseModel):
        model_config = {"title": "Same"}
        two: int

    with pytest.raises(ValueError, match="called Same"):
        reference_to(Other, schemas)


def test_the_document_is_valid_openapi() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []


def test_every_operation_has_a_name_of_its_own_and_a_tag() -> None:
    operations = [operation for path in document()["paths"].values() for operation in path.values()]

    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) == len(ROUTES)
    assert all(operation["tags"][0] in TAGS for operation in operations)


def test_only_changing_the_catalogue_needs_iam_and_only_interactions_need_nothing() -> None:
    whole = document()
    needs = {
        f"{method.upper()} {path}": {scheme for one in operation["security"] for scheme in one}
        for path, operations in whole["paths"].items()
        for method, operation in operations.items()
    }

    assert {route for route, schemes in needs.items() if schemes == {"iam"}} == {
        "PATCH /v1/images/{image_id}",
        "DELETE /v1/images/{image_id}",
    }
    assert {route for route, schemes in needs.items() if not schemes} == {"POST /v1/interactions"}
    assert set().union(*needs.values()) == whole["components"]["securitySchemes"].keys()


def test_the_document_names_no_host() -> None:
    assert [server["url"] for server in document()["servers"]] == ["/"]
