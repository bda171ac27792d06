"""The committed OpenAPI document says what the handlers do."""

import importlib
import json
from pathlib import Path
from typing import Any

from functions.openapi import ROUTES, document
from tests.conftest import World

COMMITTED = Path(__file__).parent.parent.parent / "docs" / "openapi.json"


def test_the_committed_document_is_the_generated_one() -> None:
    assert json.loads(COMMITTED.read_text()) == document(), (
        "run: python -m functions.openapi > docs/openapi.json"
    )


def test_every_route_is_handled_and_every_handler_documented(world: World) -> None:
    handled = set()
    for function in ("search", "catalogue"):
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
