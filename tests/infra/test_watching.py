"""What runs by the clock may do what it must, and what the file turns off is not there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.app import app
from infra.environment import environment, environments
from tests.infra.watched import Resources, alarms, function, of, permitted, schedules, sections


@pytest.fixture(scope="module")
def nothing(
    assembly: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The resources of a dev that turns everything off."""
    off = {"email": "", "canary_minutes": 0, "reconcile": ""}
    return synthesised(assembly, tmp_path_factory.mktemp("off"), "dev", watching=off)


@pytest.fixture(scope="module")
def signed(
    assembly: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The resources of a staging whose callers sign."""
    return synthesised(assembly, tmp_path_factory.mktemp("signed"), "staging", api={"auth": "iam"})


def synthesised(
    assembly: Callable[[str], Path], folder: Path, name: str, **changes: dict[str, Any]
) -> dict[str, Any]:
    """An environment with some values changed. assembly: makes it do without the layer."""
    assembly(name)
    chosen = environment(name)
    parts = {part: getattr(chosen, part).model_copy(update=new) for part, new in changes.items()}
    made = app(chosen.model_copy(update=parts), outdir=str(folder), checked=False).synth()
    template = Path(made.directory) / f"Lookalike-{name}.template.json"
    found: dict[str, Any] = json.loads(template.read_text())["Resources"]
    return found


@pytest.mark.parametrize("name", environments())
def test_the_index_is_counted_against_the_bucket_every_night(
    resources: Resources, name: str
) -> None:
    logical, properties = function(resources(name), "reconcile")
    secret = properties["Environment"]["Variables"]["LOOKALIKE_QDRANT"]
    qdrant = environment(name).qdrant

    assert schedules(resources(name))[logical] == environment(name).watching.reconcile
    assert permitted(resources(name), "reconcile") == {
        "s3:GetObject",
        "s3:ListBucket",
        "secretsmanager:GetSecretValue",
        "sqs:SendMessage",
    }
    assert secret == f"secret://{qdrant.read_secret or qdrant.secret}"


def test_the_canary_may_read_its_own_key_and_nothing_else(resources: Resources) -> None:
    logical, properties = function(resources("prod"), "canary")
    role = properties["Role"]["Fn::GetAtt"][0]
    (policy,) = (
        one
        for one in of(resources("prod"), "AWS::IAM::Policy").values()
        if {"Ref": role} in one["Roles"]
    )
    (statement,) = (
        one for one in policy["PolicyDocument"]["Statement"] if one["Action"] == "apigateway:GET"
    )
    key = properties["Environment"]["Variables"]["LOOKALIKE_CANARY_KEY_ID"]

    assert permitted(resources("prod"), "canary") == {"apigateway:GET"}
    assert statement["Resource"]["Fn::Join"][1][-2:] == ["::/apikeys/", key]
    assert schedules(resources("prod"))[logical] == "rate(5 minutes)"
    assert {
        name for name in properties["Environment"]["Variables"] if name.startswith("LOOKALIKE_")
    } == {"LOOKALIKE_CANARY_KEY_ID", "LOOKALIKE_CANARY_URL", "LOOKALIKE_METRICS_NAMESPACE"}


def test_a_canary_that_failed_is_not_tried_again_and_counted_twice(
    resources: Resources,
) -> None:
    logical, _ = function(resources("prod"), "canary")
    (config,) = of(resources("prod"), "AWS::Lambda::EventInvokeConfig").values()

    assert config["FunctionName"] == {"Ref": logical}
    assert config["MaximumRetryAttempts"] == 0


def test_what_the_file_turns_off_is_not_there(nothing: dict[str, Any]) -> None:
    assert schedules(nothing) == {}
    assert function(nothing, "reconcile")  # to be run by hand
    assert "canary" not in str(of(nothing, "AWS::Lambda::Function"))
    assert not sections(alarms(nothing)) & {"the-index-drifts", "the-canary-fell", "search-is-slow"}


@pytest.mark.parametrize("name", environments())
def test_every_function_of_ours_is_traced_and_its_log_is_forgotten_in_time(
    resources: Resources, name: str
) -> None:
    groups = of(resources(name), "AWS::Logs::LogGroup")
    ours = [
        one
        for one in of(resources(name), "AWS::Lambda::Function").values()
        if one.get("PackageType") == "Image" or str(one.get("Handler")).startswith("functions.")
    ]

    assert len(ours) >= 7
    for one in ours:
        assert one["TracingConfig"] == {"Mode": "Active"}
        group = groups[one["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["RetentionInDays"] == environment(name).retention.logs


@pytest.mark.parametrize("name", environments())
def test_a_version_that_is_replaced_is_deleted_and_its_snapshot_no_longer_billed(
    resources: Resources, name: str
) -> None:
    """Each deployment's version has a logical id of its own; CloudFormation deletes the last one
    after the alias has moved on, unless it is told to keep it."""
    versions = [one for one in resources(name).values() if one["Type"] == "AWS::Lambda::Version"]

    assert versions
    assert {one.get("DeletionPolicy", "Delete") for one in versions} == {"Delete"}


def test_where_callers_sign_the_canary_signs_too(signed: dict[str, Any]) -> None:
    _, properties = function(signed, "canary")

    assert properties["Environment"]["Variables"]["LOOKALIKE_CANARY_KEY_ID"] == ""
    assert permitted(signed, "canary") == {"execute-api:Invoke"}
