"""Who may deploy from GitHub: one repository, one environment, no patterns."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.environment import Environment, GitHub, UnknownEnvironment, environment, environments
from infra.github_access import AUDIENCE, ISSUER, app

REPOSITORY = "octocat@123456/lookalike@456789"
Resources = dict[str, Any]


def with_repository(name: str, **changes: Any) -> Environment:
    chosen = environment(name)
    return chosen.model_copy(update={"github": GitHub(repository=REPOSITORY), **changes})


@pytest.fixture(scope="module")
def synthesised(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Resources]:
    def made(chosen: Environment, **options: Any) -> Resources:
        folder = tmp_path_factory.mktemp(chosen.name)
        app(chosen, str(folder), **options).synth()
        template = folder / f"LookalikeGitHub-{chosen.name}.template.json"
        loaded: Resources = json.loads(template.read_text())["Resources"]
        return loaded

    return made


@pytest.fixture(scope="module")
def dev(synthesised: Callable[..., Resources]) -> Resources:
    return synthesised(with_repository("dev"))


def role(resources: Resources, what: str) -> Resources:
    found = [
        one["Properties"]
        for one in resources.values()
        if one["Type"] == "AWS::IAM::Role" and one["Properties"]["RoleName"].endswith(what)
    ]
    assert len(found) == 1, what
    return found[0]  # type: ignore[no-any-return]


def trust(resources: Resources, what: str) -> Resources:
    (statement,) = role(resources, what)["AssumeRolePolicyDocument"]["Statement"]
    return statement  # type: ignore[no-any-return]


def may_become(resources: Resources, what: str) -> list[str]:
    """The kinds of bootstrap role that a role may take on, from the policies attached to it."""
    name = next(
        key
        for key, one in resources.items()
        if one["Type"] == "AWS::IAM::Role" and one["Properties"]["RoleName"].endswith(what)
    )
    kinds = []
    for one in resources.values():
        if one["Type"] == "AWS::IAM::Policy" and {"Ref": name} in one["Properties"]["Roles"]:
            for statement in one["Properties"]["PolicyDocument"]["Statement"]:
                assert statement["Action"] == "sts:AssumeRole"
                listed = statement["Resource"]
                for resource in listed if isinstance(listed, list) else [listed]:
                    text = json.dumps(resource)
                    assert "*" not in text
                    kinds.append(text.split("role/cdk-hnb659fds-")[1].split("-role-")[0])
    return sorted(kinds)


@pytest.mark.parametrize("name", environments())
def test_only_one_github_environment_of_one_repository_may_deploy(
    synthesised: Callable[..., Resources], name: str
) -> None:
    trusted = trust(synthesised(with_repository(name)), "deploy")

    assert trusted["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trusted["Condition"] == {
        "StringEquals": {
            f"{ISSUER}:sub": f"repo:{REPOSITORY}:environment:{name}",
            f"{ISSUER}:aud": AUDIENCE,
        }
    }


def test_no_subject_is_a_pattern(dev: Resources) -> None:
    for what in ("deploy", "diff"):
        assert list(trust(dev, what)["Condition"]) == ["StringEquals"]
        assert "*" not in json.dumps(trust(dev, what))


def test_a_pull_request_may_look_and_nothing_else(dev: Resources) -> None:
    condition = trust(dev, "diff")["Condition"]["StringEquals"]

    assert condition[f"{ISSUER}:sub"] == f"repo:{REPOSITORY}:pull_request"
    assert may_become(dev, "diff") == ["lookup"]


def test_a_deployment_may_only_become_what_bootstrap_made_for_it(dev: Resources) -> None:
    assert may_become(dev, "deploy") == ["deploy", "file-publishing", "image-publishing", "lookup"]


def test_a_pull_request_sees_nothing_of_a_protected_environment(
    synthesised: Callable[..., Resources],
) -> None:
    resources = synthesised(with_repository("prod"))

    assert [one for one in resources.values() if one["Type"] == "AWS::IAM::Role"] == [
        next(one for one in resources.values() if one["Type"] == "AWS::IAM::Role")
    ]
    assert "pull_request" not in json.dumps(resources)


def test_nothing_else_is_made_and_no_key_that_lives_on(dev: Resources) -> None:
    kinds = {one["Type"] for one in dev.values()} - {"AWS::CDK::Metadata"}

    assert kinds == {"AWS::IAM::OIDCProvider", "AWS::IAM::Role", "AWS::IAM::Policy"}


def test_a_provider_that_is_there_already_is_used(synthesised: Callable[..., Resources]) -> None:
    resources = synthesised(with_repository("dev"), provider_exists=True)

    assert not [one for one in resources.values() if one["Type"] == "AWS::IAM::OIDCProvider"]
    assert f"oidc-provider/{ISSUER}" in json.dumps(trust(resources, "deploy")["Principal"])


def test_the_provider_outlives_the_stack(dev: Resources) -> None:
    (provider,) = (one for one in dev.values() if one["Type"] == "AWS::IAM::OIDCProvider")

    assert provider["DeletionPolicy"] == "Retain"


def test_an_environment_without_a_repository_says_what_to_do(tmp_path: Path) -> None:
    chosen = environment("dev").model_copy(update={"github": GitHub()})

    with pytest.raises(UnknownEnvironment, match=r"github\.repository"):
        app(chosen, str(tmp_path))
