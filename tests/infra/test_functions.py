"""The zip functions: how they run, what they are told, and how a new version takes over."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.environment import Search, environment, environments
from lookalike.settings import Settings

Resources = Callable[[str], dict[str, Any]]
OURS = "functions."


def of(resources: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {logical: one for logical, one in resources.items() if one["Type"] == kind}


def ours(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Properties by what they are for; embed is the image."""
    found = {}
    for one in of(resources, "AWS::Lambda::Function").values():
        properties = one["Properties"]
        if properties.get("PackageType") == "Image":
            found["embed"] = properties
        elif properties["Handler"].startswith(OURS):
            found[properties["Handler"].split(".")[1]] = properties
    return found


@pytest.mark.parametrize("name", environments())
def test_every_function_runs_on_arm64_is_traced_and_forgets_its_log_when_the_file_says(
    resources: Resources, name: str
) -> None:
    groups = of(resources(name), "AWS::Logs::LogGroup")

    for properties in ours(resources(name)).values():
        group = groups[properties["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]
        assert properties["Architectures"] == ["arm64"]
        assert properties["TracingConfig"] == {"Mode": "Active"}
        assert group["RetentionInDays"] == environment(name).retention.logs


@pytest.mark.parametrize("name", environments())
def test_all_zips_share_one_layer(resources: Resources, name: str) -> None:
    zips = {what: one for what, one in ours(resources(name)).items() if what != "embed"}

    layers = {layer["Ref"] for one in zips.values() for layer in one["Layers"]}

    assert len(zips) >= 6
    assert len(layers) == 1
    assert all(len(one["Layers"]) == 1 for one in zips.values())
    assert {one["Runtime"] for one in zips.values()} == {"python3.13"}


@pytest.mark.parametrize("name", environments())
def test_a_function_is_told_only_what_the_code_knows(resources: Resources, name: str) -> None:
    known = {f"LOOKALIKE_{field}".upper() for field in Settings.model_fields}

    for properties in ours(resources(name)).values():
        told = properties["Environment"]["Variables"]
        assert {variable for variable in told if variable.startswith("LOOKALIKE_")} <= known


@pytest.mark.parametrize("name", environments())
def test_search_starts_from_a_snapshot_where_the_file_says_so(
    resources: Resources, name: str
) -> None:
    started = {what: "SnapStart" in one for what, one in ours(resources(name)).items()}

    assert started.pop("search") == environment(name).search.snapstart
    assert not any(started.values())


@pytest.mark.parametrize("name", environments())
def test_search_leaves_as_much_to_chance_as_the_file_says(resources: Resources, name: str) -> None:
    told = ours(resources(name))["search"]["Environment"]["Variables"]

    assert float(told["LOOKALIKE_EXPLORATION"]) == environment(name).search.exploration


def test_what_a_file_leaves_open_about_chance_is_as_on_a_laptop() -> None:
    chosen = Search.model_fields["exploration"].default

    assert chosen == Settings.model_fields["exploration"].default


@pytest.mark.parametrize("name", environments())
def test_a_new_version_proves_itself_or_the_old_one_comes_back(
    resources: Resources, name: str
) -> None:
    found = resources(name)
    aliases = of(found, "AWS::Lambda::Alias")
    groups = of(found, "AWS::CodeDeploy::DeploymentGroup")
    step = "LambdaCanary10Percent5Minutes" if environment(name).gradual else "LambdaAllAtOnce"

    released = {
        alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"]["Ref"]
        for alias in aliases.values()
    }

    assert len(aliases) == 4
    assert released == groups.keys()
    for logical, group in groups.items():
        properties = group["Properties"]
        if "Metrics" in logical and not environment(name).watching.email:
            # Its alarm would be the eleventh, and cost.
            assert properties["AlarmConfiguration"] == {"Enabled": False}
            continue
        (alarm,) = properties["AlarmConfiguration"]["Alarms"]
        assert properties["DeploymentConfigName"] == f"CodeDeployDefault.{step}"
        assert properties["AutoRollbackConfiguration"]["Enabled"]
        assert "DEPLOYMENT_STOP_ON_ALARM" in properties["AutoRollbackConfiguration"]["Events"]
        assert found[alarm["Name"]["Ref"]]["Properties"]["MetricName"] == "Errors"


@pytest.mark.parametrize("name", environments())
def test_the_api_calls_nothing_but_what_was_released(resources: Resources, name: str) -> None:
    aliases = of(resources(name), "AWS::Lambda::Alias").keys()
    methods = of(resources(name), "AWS::ApiGateway::Method").values()

    integrations = [
        one["Properties"]["Integration"]["Uri"]["Fn::Join"][1]
        for one in methods
        if one["Properties"]["Integration"]["Type"] == "AWS_PROXY"
    ]

    assert integrations
    assert all(
        any(part == {"Ref": alias} for part in parts for alias in aliases) for parts in integrations
    )
