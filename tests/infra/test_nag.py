"""cdk-nag's AWS Solutions: nothing is found that was not accepted, and nothing accepted in vain."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from infra import app, bundling, nag
from infra.environment import Environment, environment
from infra.lookalike import Lookalike

REALLY_CHECKED = 100  # resources; a check that saw fewer did not see the stack
SENTENCE = re.compile(r"[A-Z].{30,}\.")
PACK = "AwsSolutions-"


def _with(chosen: Environment, part: str, **changes: object) -> Environment:
    """As a file that says so would be read."""
    said = chosen.model_dump()
    return Environment.model_validate({**said, part: {**said[part], **changes}})


DEV = environment("dev")
PROD = environment("prod")
# What a user's own file may say, beside the three that are here.
CHOICES = {
    "dev": DEV,
    "staging": environment("staging"),
    "prod": PROD,
    "with pages of others": _with(DEV, "api", origins=["https://shop.example.com"]),
    "for services alone": _with(
        _with(PROD, "watching", canary_minutes=0),
        "api",
        auth="iam",
        uploads="off",
        account_log_role=False,
    ),
    "with moderation": _with(PROD, "ingest", moderation="rekognition"),
    "under its own names": _with(
        _with(
            PROD,
            "page",
            domain="www.example.com",
            certificate_arn="arn:aws:acm:us-east-1:123456789012:certificate/page",
        ),
        "api",
        domain="api.example.com",
        certificate_arn="arn:aws:acm:eu-west-1:123456789012:certificate/api",
    ),
    "by the clock": _with(
        _with(DEV, "learning", schedule="rate(7 days)"), "watching", canary_minutes=5
    ),
}


class Found(NamedTuple):
    """where: path below the stack."""

    where: str
    rule: str


@pytest.fixture(scope="module", autouse=True)
def assets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Assets are another test's matter."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("asset")
    (folder / "stands_for_the_code.txt").write_text("see test_layer.py")
    patch.setattr(bundling, "layer", lambda: folder)
    patch.setattr(bundling, "function", lambda name: folder)
    yield
    patch.undo()


@pytest.fixture(scope="module", params=CHOICES.values(), ids=CHOICES.keys())
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> cdk.App:
    """The app of each choice in turn, with all that is accepted accepted."""
    return app.app(request.param, outdir=str(tmp_path_factory.mktemp("out")), checked=False)


def stack_of(made: cdk.App) -> Lookalike:
    stack = made.node.default_child or made.node.children[0]
    assert isinstance(stack, Lookalike)
    return stack


@pytest.fixture(scope="module")
def found(made: cdk.App) -> set[Found]:
    """Everything, accepted or not: asked directly, cdk-nag does not know what was accepted."""
    stack = stack_of(made)
    report = AwsSolutionsChecks().validate_scope(stack)
    return {
        Found(
            resource.construct_path.removeprefix(f"{stack.node.path}/"),
            violation.rule_name.removeprefix(PACK),
        )
        for violation in report.violations
        for resource in violation.violating_resources
    }


@pytest.fixture(scope="module")
def accepted(made: cdk.App) -> set[Found]:
    return {Found(one.where, one.rule) for one in nag.accepted(stack_of(made))}


def test_the_whole_stack_is_looked_at(made: cdk.App, found: set[Found]) -> None:
    stack = stack_of(made)
    looked_at = [one for one in stack.node.find_all() if isinstance(one, cdk.CfnResource)]

    places = {one.where for one in found}

    assert len(looked_at) > REALLY_CHECKED
    assert {place.split("/")[0] for place in places} >= {
        "Api",
        "Embed",
        "Functions",
        "Interactions",
        "Learning",
        "Page",
    }


def test_every_finding_was_accepted(found: set[Found], accepted: set[Found]) -> None:
    assert found - accepted == set()


def test_what_is_accepted_was_found(found: set[Found], accepted: set[Found]) -> None:
    assert accepted - found == set()


def test_nothing_is_accepted_twice_or_beyond_one_resource(made: cdk.App) -> None:
    stack = stack_of(made)
    places = [(one.where, one.rule) for one in nag.accepted(stack)]
    paths = {
        one.node.path.removeprefix(f"{stack.node.path}/")
        for one in stack.node.find_all()
        if isinstance(one, cdk.CfnResource)
    }

    assert len(places) == len(set(places))
    assert {where for where, _ in places} <= paths


def test_every_reason_is_a_sentence(made: cdk.App) -> None:
    reasons = {one.reason for one in nag.accepted(stack_of(made))}

    assert [reason for reason in reasons if not SENTENCE.fullmatch(reason)] == []


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_synthesis_itself_finds_nothing(name: str, tmp_path: Path) -> None:
    """It raises for what was not accepted, and says what it did."""
    app.app(environment(name), outdir=str(tmp_path)).synth()

    report = (tmp_path / "validation-report.json").read_text()
    assert '"conclusion": "success"' in report
    assert '"conclusion": "failure"' not in report


def test_synthesis_stops_at_what_was_not_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nag, "acknowledge", lambda stack: None)

    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.app(DEV, outdir=str(tmp_path)).synth()


def test_a_place_that_has_gone_needs_no_excuse(tmp_path: Path) -> None:
    stack = stack_of(app.app(DEV, outdir=str(tmp_path), checked=False))

    stack.functions.all["gone"] = stack.functions.all["search"]

    with pytest.raises(LookupError, match="Functions/Gone"):
        nag.acknowledge(stack)
