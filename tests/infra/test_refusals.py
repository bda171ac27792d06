"""What API Gateway answers by itself: refusals, and what browsers ask beforehand."""

import json
import re
from typing import Any

from lookalike.api import ERRORS, PROBLEM
from tests.infra.front import FULL, OPEN, ORIGINS, Front, front


def refusals(made: Front) -> dict[str, dict[str, Any]]:
    return {one["ResponseType"]: one for one in made.of("ApiGateway::GatewayResponse")}


def test_whatever_api_gateway_refuses_it_refuses_in_the_words_of_the_functions() -> None:
    found = refusals(front(OPEN))

    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= found.keys()
    for one in found.values():
        body = json.loads(one["ResponseTemplates"]["application/json"])
        assert one["ResponseParameters"]["gatewayresponse.header.Content-Type"] == f"'{PROBLEM}'"
        assert body["type"] == ERRORS + body["title"].lower().replace(" ", "-")
        assert body["detail"].endswith(".")
        assert str(body.get("status")) == str(one.get("StatusCode"))


def test_who_is_to_come_back_is_told_when() -> None:
    later = {
        kind
        for kind, one in refusals(front(OPEN)).items()
        if "gatewayresponse.header.Retry-After" in one["ResponseParameters"]
    }

    assert later == {"THROTTLED", "QUOTA_EXCEEDED", "INTEGRATION_TIMEOUT", "DEFAULT_5XX"}


def test_pages_of_named_origins_may_read_why_they_were_refused_and_only_where_there_are_any() -> (
    None
):
    allow = "gatewayresponse.header.Access-Control-Allow-Origin"

    assert all(allow in one["ResponseParameters"] for one in refusals(front(FULL)).values())
    assert not any(allow in one["ResponseParameters"] for one in refusals(front(OPEN)).values())


def preflight(method: dict[str, Any], origin: str) -> dict[str, str]:
    """The headers of the mock's answer, its template read as API Gateway does."""
    (answer,) = method["Integration"]["IntegrationResponses"]
    headers = {
        name.removeprefix("method.response.header."): value.strip("'")
        for name, value in answer["ResponseParameters"].items()
    }
    template = answer["ResponseTemplates"]["application/json"]
    condition, then = re.findall(r"#if\((.+)\)\n\s*#set\((.+)\)", template)[-1]
    assert then == "$context.responseOverride.header.Access-Control-Allow-Origin = $origin"
    if origin in re.findall(r'\$origin == "([^"]+)"', condition):
        headers["Access-Control-Allow-Origin"] = origin
    return headers


def test_a_browser_is_told_that_each_named_origin_may_ask_and_no_other() -> None:
    routes = front(FULL).routes()
    asked = [method for (verb, _), method in routes.items() if verb == "OPTIONS"]

    assert len(asked) == len({path for _, path in routes})
    for method in asked:
        for origin in ORIGINS:
            assert preflight(method, origin)["Access-Control-Allow-Origin"] == origin
        for foreign in ("https://evil.example", "null", "https://shop-example.com"):
            assert preflight(method, foreign)["Access-Control-Allow-Origin"] != foreign
        assert preflight(method, ORIGINS[0])["Vary"] == "Origin"


def test_a_browser_may_send_a_key_and_use_every_method_that_there_is() -> None:
    routes = front(FULL).routes()

    headers = preflight(routes["OPTIONS", "/v1/images/{image_id}"], ORIGINS[0])

    assert "X-Api-Key" in headers["Access-Control-Allow-Headers"]
    assert set(headers["Access-Control-Allow-Methods"].split(",")) == {"GET", "PATCH", "DELETE"}


def test_where_no_other_origin_is_named_no_browser_is_answered() -> None:
    assert not [verb for verb, _ in front(OPEN).routes() if verb == "OPTIONS"]
