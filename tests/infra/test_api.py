"""The HTTP API: which routes there are, who is let in, how often, and what is logged."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.environment import Environment, environment, environments
from local.bridge import to_event
from lookalike.images import ACCEPTED_FORMATS
from tests.infra.front import FULL, OPEN, changed, front, text

DOCUMENT = Path(__file__).parents[2] / "docs/openapi.json"
ADMINISTRATION = {("PATCH", "/v1/images/{image_id}"), ("DELETE", "/v1/images/{image_id}")}
UPLOADS = ("POST", "/v1/uploads")
INTERACTIONS = ("POST", "/v1/interactions")
SIGNED_ONLY = changed(OPEN, auth="iam", uploads="off")


def asked_of(method: dict[str, Any]) -> str:
    """What a route asks of its caller."""
    if method["AuthorizationType"] == "AWS_IAM":
        return "signature"
    return "key" if method["ApiKeyRequired"] else "nothing"


def every_environment() -> list[Environment]:
    return [*(environment(name) for name in environments()), FULL, SIGNED_ONLY]


def test_the_routes_are_those_of_the_published_document() -> None:
    paths = json.loads(DOCUMENT.read_text())["paths"]
    published = {(method.upper(), path) for path in paths for method in paths[path]}

    assert front(OPEN).routes().keys() == published


@pytest.mark.parametrize("name", environments())
def test_each_route_asks_for_what_the_published_document_says(name: str) -> None:
    schemes = {"key": "api_key", "signature": "iam"}
    paths = json.loads(DOCUMENT.read_text())["paths"]

    for (method, path), found in front(environment(name)).routes().items():
        published = [scheme for one in paths[path][method.lower()]["security"] for scheme in one]
        asked = schemes.get(asked_of(found))
        assert asked in published if asked else published == []


def test_each_route_goes_to_the_function_that_answers_it_on_a_laptop() -> None:
    for (method, path), found in front(OPEN).routes().items():
        scope = {
            "type": "http",
            "method": method,
            "path": path.replace("{image_id}", "an-id"),
            "headers": [],
            "query_string": b"",
        }
        _, function = to_event(scope, b"")

        assert f"${{{function}Live" in text(found["Integration"]["Uri"])


@pytest.mark.parametrize("chosen", every_environment())
def test_whoever_changes_the_catalogue_signs(chosen: Environment) -> None:
    routes = front(chosen).routes()

    assert {asked_of(routes[route]) for route in ADMINISTRATION} == {"signature"}


@pytest.mark.parametrize("chosen", every_environment())
def test_only_interactions_and_questions_of_browsers_come_without_key_or_signature(
    chosen: Environment,
) -> None:
    routes = front(chosen).routes()
    open_routes = {route for route, method in routes.items() if asked_of(method) == "nothing"}

    assert {route for route in open_routes if route[0] != "OPTIONS"} == {INTERACTIONS}


def test_an_environment_chooses_who_may_add_pictures() -> None:
    assert asked_of(front(OPEN).routes()[UPLOADS]) == "key"
    assert asked_of(front(environment("prod")).routes()[UPLOADS]) == "signature"
    assert UPLOADS not in front(SIGNED_ONLY).routes()


def test_an_environment_of_signatures_asks_for_no_key() -> None:
    asked = {asked_of(method) for method in front(SIGNED_ONLY).routes().values()}

    assert asked == {"signature", "nothing"}


def test_every_format_that_is_read_arrives_as_bytes() -> None:
    given = front(OPEN).only("ApiGateway::RestApi")["BinaryMediaTypes"]

    assert set(given) == {f"image/{name.lower()}" for name in ACCEPTED_FORMATS - {"MPO"}}


def test_each_function_is_called_by_this_api_alone_and_by_one_permission() -> None:
    permissions = front(FULL).of("Lambda::Permission")

    assert len(permissions) == len({json.dumps(one["FunctionName"]) for one in permissions}) == 4
    for one in permissions:
        assert one["Principal"] == "apigateway.amazonaws.com"
        assert re.search(r":execute-api:.*:\$\{ApiRest\w+\}/", text(one["SourceArn"]))


@pytest.mark.parametrize("chosen", every_environment())
def test_a_key_and_all_callers_together_are_held_to_the_numbers_of_the_environment(
    chosen: Environment,
) -> None:
    api = chosen.api
    plan = front(chosen).only("ApiGateway::UsagePlan")
    (settings,) = front(chosen).only("ApiGateway::Stage")["MethodSettings"]

    assert plan["Throttle"] == {"RateLimit": api.requests_per_second, "BurstLimit": api.burst}
    assert plan["Quota"] == {"Limit": api.requests_per_month, "Period": "MONTH"}
    assert settings["ThrottlingRateLimit"] == api.requests_per_second
    assert settings["ThrottlingBurstLimit"] == api.burst


def test_the_key_itself_is_not_in_the_template() -> None:
    assert "Value" not in front(OPEN).only("ApiGateway::ApiKey")


def test_what_is_logged_of_a_request_names_no_key_no_query_no_address_and_no_image() -> None:
    written = json.loads(front(OPEN).only("ApiGateway::Stage")["AccessLogSetting"]["Format"])

    assert written["route"] == "$context.resourcePath"
    for forbidden in ("path", "identity.sourceIp", "identity.apiKey", "identity.userAgent"):
        assert f"$context.{forbidden}" not in written.values()


@pytest.mark.parametrize("chosen", every_environment())
def test_requests_are_traced_and_errors_logged_for_a_while_but_never_bodies(
    chosen: Environment,
) -> None:
    made = front(chosen)
    (stage,) = made.whole("ApiGateway::Stage").values()
    (settings,) = stage["Properties"]["MethodSettings"]
    groups = {
        name: one for name, one in made.whole("Logs::LogGroup").items() if name.startswith("Api")
    }
    errors = [group for group, one in groups.items() if "Execution-Logs" in text(name_of(one))]

    assert stage["Properties"]["TracingEnabled"]
    assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("ERROR", False)
    assert {one["Properties"]["RetentionInDays"] for one in groups.values()} == {
        chosen.retention.logs
    }
    assert set(errors) <= set(
        stage["DependsOn"]
    )  # else API Gateway makes one that is kept for ever


def name_of(log_group: dict[str, Any]) -> Any:
    return log_group["Properties"]["LogGroupName"]


def test_deleting_a_stack_leaves_other_apis_of_the_account_their_logs() -> None:
    made = front(OPEN)
    (account,) = made.whole("ApiGateway::Account").values()
    role = made.resources[account["Properties"]["CloudWatchRoleArn"]["Fn::GetAtt"][0]]

    assert account["DeletionPolicy"] == role["DeletionPolicy"] == "Retain"


def test_an_account_whose_log_role_is_set_elsewhere_keeps_it() -> None:
    assert not front(changed(OPEN, account_log_role=False)).of("ApiGateway::Account")


def test_a_domain_of_ones_own_speaks_tls_1_2_and_tells_where_its_dns_record_points() -> None:
    made = front(FULL)
    domain = made.only("ApiGateway::DomainName")
    mapping = made.only("ApiGateway::BasePathMapping")
    target = made.template["Outputs"]["ApiDomainTarget"]["Value"]["Fn::GetAtt"]

    assert (domain["DomainName"], domain["SecurityPolicy"]) == ("api.example.com", "TLS_1_2")
    assert "BasePath" not in mapping
    assert target[1] == "RegionalDomainName"
