"""What CloudFormation itself would say of the templates, as far as cfn-lint knows."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cfnlint import api
from cfnlint.config import ManualArgs

from tests.infra.conftest import NAMES
from tests.infra.deployed import show

# By rule, why it is not looked at.
IGNORED = {"W3005": "CDK writes down dependencies that a reference implies already."}
REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-2"]  # where most of it would be deployed

Assembly = Callable[[str], Path]


def lint(file: Path) -> list[str]:
    options = ManualArgs(ignore_checks=list(IGNORED), regions=REGIONS)
    found = api.lint_file(file, options)
    return [f"{one.rule.id} {'/'.join(map(str, one.path or []))}: {one.message}" for one in found]


@pytest.mark.parametrize("name", NAMES)
def test_a_template_has_no_mistake(
    assembly: Assembly, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = assembly(name) / f"Lookalike-{name}.template.json"
    started = time.perf_counter()

    found = lint(file)

    show(capsys, f"cfn-lint, {name}: {time.perf_counter() - started:.1f} s")
    assert found == []


def test_a_mistake_would_be_seen(assembly: Assembly, tmp_path: Path) -> None:
    template = json.loads((assembly("dev") / "Lookalike-dev.template.json").read_text())
    queues = [one for one in template["Resources"].values() if one["Type"] == "AWS::SQS::Queue"]
    queues[0]["Properties"]["VisibilityTimeout"] = "soon"
    broken = tmp_path / "broken.template.json"
    broken.write_text(json.dumps(template))

    assert any("VisibilityTimeout" in one for one in lint(broken))
