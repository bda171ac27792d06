"""No secret is in a template, and nothing is told to log what it is asked."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.conftest import NAMES

ROOT = Path(__file__).parent.parent.parent
SECRETIVE = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL", re.IGNORECASE)
LOCATION = re.compile(r"secret://.+")
# What would write whole events or answers into a log or a trace.
TALKATIVE = re.compile(
    r"POWERTOOLS_(LOGGER_LOG_EVENT|DEV|DEBUG|TRACER_CAPTURE_RESPONSE|TRACER_CAPTURE_ERROR)"
)
VALUES = ("{{resolve:", "SecretString", "AKIA", "-----BEGIN")

Resources = Callable[[str], dict[str, Any]]
Assembly = Callable[[str], Path]


def variables(resources: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for one in resources.values():
        if one["Type"] == "AWS::Lambda::Function":
            yield from one["Properties"].get("Environment", {}).get("Variables", {}).items()


@pytest.mark.parametrize("name", NAMES)
def test_a_variable_that_sounds_secret_says_where_the_secret_is(
    resources: Resources, name: str
) -> None:
    """Or it is the id of a key in API Gateway, which opens nothing."""
    sounding = [(key, value) for key, value in variables(resources(name)) if SECRETIVE.search(key)]

    assert sounding
    for key, value in sounding:
        if key == "LOOKALIKE_CANARY_KEY_ID":
            assert set(value) == {"Ref"}
        else:
            text = value if isinstance(value, str) else value["Fn::Join"][1][0]
            assert LOCATION.match(f"{text}…"), key


@pytest.mark.parametrize("name", NAMES)
def test_no_function_is_told_to_write_down_what_it_was_asked(
    resources: Resources, name: str
) -> None:
    told = dict(variables(resources(name)))

    assert told["POWERTOOLS_LOG_LEVEL"] == "INFO"
    assert [key for key in told if TALKATIVE.fullmatch(key)] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_template_holds_a_secret(assembly: Assembly, name: str) -> None:
    """The signing key is made by Secrets Manager; of all other secrets only names are known."""
    template = json.loads((assembly(name) / f"Lookalike-{name}.template.json").read_text())
    made = [
        one["Properties"]
        for one in template["Resources"].values()
        if one["Type"] == "AWS::SecretsManager::Secret"
    ]
    for properties in made:
        # The only text beside the password that AWS makes up.
        assert properties.pop("GenerateSecretString")["SecretStringTemplate"] == '{"current": "k1"}'

    written = json.dumps(template)

    assert len(made) == 1
    assert [value for value in VALUES if value in written] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_api_key_is_made_by_aws_and_told_to_nobody(assembly: Assembly, name: str) -> None:
    template = json.loads((assembly(name) / f"Lookalike-{name}.template.json").read_text())
    keys = [
        one["Properties"]
        for one in template["Resources"].values()
        if one["Type"] == "AWS::ApiGateway::ApiKey"
    ]

    assert len(keys) == 1
    assert "Value" not in keys[0]
    for output in template["Outputs"]:
        assert output == "ApiKeyId" or not SECRETIVE.search(output)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_logs_requests_logs_what_they_hold(resources: Resources, name: str) -> None:
    found = resources(name).values()
    stages = [one["Properties"] for one in found if one["Type"] == "AWS::ApiGateway::Stage"]
    machines = [
        one["Properties"] for one in found if one["Type"] == "AWS::StepFunctions::StateMachine"
    ]

    for stage in stages:
        assert [one["DataTraceEnabled"] for one in stage["MethodSettings"]] == [False]
        line = stage["AccessLogSetting"]["Format"]
        assert not re.search(
            r"sourceIp|userAgent|apiKey\b|path\b|requestOverride|querystring", line
        )
    for machine in machines:
        assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert stages
    assert machines


@pytest.mark.parametrize("handler", sorted((ROOT / "functions").glob("*/handler.py")), ids=str)
def test_no_handler_logs_events_or_traces_answers(handler: Path) -> None:
    code = handler.read_text(encoding="utf-8")

    assert "log_event" not in code
    assert "@tracer.capture_lambda_handler(capture_response=False)" in code
