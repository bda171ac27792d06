"""The learning machine, its jobs and its roles, as synthesised."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from infra import bundling
from infra.app import FLAGS
from infra.environment import Environment, environment, environments
from infra.learning import Learning, definition, training_image
from infra.storage import Storage
from lookalike.errors import CallerError
from lookalike.lease import LEASE_TIME
from tests.infra.asl_values import Values
from training import clicks, launch, sagemaker
from training.gate import command as gate
from training.options import Options
from training.retraining import RECIPE

HOUR = 3600
MODEL = "clicks-20261122-030000"
JOB_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")  # SageMaker's own
# What may be allowed on every resource, because it knows none.
OF_NO_RESOURCE = {
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def stack(chosen: Environment) -> cdk.Stack:
    """Learning alone, with the buckets it needs."""
    flags = json.loads(FLAGS.read_text())["context"]
    made = cdk.Stack(cdk.App(context=flags), "Learning")
    function = lambda_.Function(
        made,
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("pass"),
    )
    storage = Storage(made, "Storage", environment=chosen)
    Learning(made, "Learning", environment=chosen, storage=storage, function=function)
    return made


def changed(**learning: Any) -> Environment:
    dev = environment("dev")
    return dev.model_copy(update={"learning": dev.learning.model_copy(update=learning)})


@pytest.fixture(scope="module")
def alone() -> Template:
    return Template.from_stack(stack(changed(schedule="cron(0 3 ? * SUN *)")))


def states(chosen: Environment) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(definition(chosen))["States"]
    return found


def tasks(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in found.items():
        if state["Type"] == "Task":
            yield name, state
        if "ItemProcessor" in state:
            yield from tasks(state["ItemProcessor"]["States"])


def statements(template: Template, role: str) -> list[dict[str, Any]]:
    """Of the policy of the role with this description."""
    roles = template.find_resources(
        "AWS::IAM::Role", {"Properties": {"Description": Match.string_like_regexp(role)}}
    )
    (logical,) = roles
    return [
        statement
        for policy in template.find_resources("AWS::IAM::Policy").values()
        if policy["Properties"]["Roles"] == [{"Ref": logical}]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def where(statement: dict[str, Any]) -> list[str]:
    return [json.dumps(one) for one in listed(statement["Resource"])]


@pytest.mark.parametrize("role", ["the learning machine", "dataset, training and gate"])
def test_nothing_is_allowed_everywhere_that_knows_a_resource(alone: Template, role: str) -> None:
    everywhere = {
        action
        for statement in statements(alone, role)
        if '"*"' in where(statement)
        for action in listed(statement["Action"])
    }

    assert everywhere
    assert everywhere <= OF_NO_RESOURCE


def test_the_machine_hands_on_no_role_but_the_trainers_and_only_to_sagemaker(
    alone: Template,
) -> None:
    (passing,) = (
        one
        for one in statements(alone, "the learning machine")
        if "iam:PassRole" in listed(one["Action"])
    )

    assert "Trainer" in json.dumps(passing["Resource"])
    assert passing["Condition"] == {
        "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
    }


def test_the_machine_starts_no_job_of_another_environment(alone: Template) -> None:
    jobs = [
        place
        for one in statements(alone, "the learning machine")
        if any(action.startswith("sagemaker:") for action in listed(one["Action"]))
        for place in where(one)
    ]

    assert len(jobs) == 2
    assert all("-job/lookalike-dev-*" in place for place in jobs)


def test_a_job_writes_nothing_but_what_training_leaves(alone: Template) -> None:
    """Neither models nor the serving state: what a job made is registered by the function."""
    written = [
        place
        for one in statements(alone, "dataset, training and gate")
        if {"s3:PutObject", "s3:DeleteObject"} & {*listed(one["Action"])}
        for place in where(one)
    ]

    assert written
    assert all("/training/" in place and "Models" in place for place in written)


def test_a_job_reads_clicks_and_pictures_but_no_secret(alone: Template) -> None:
    allowed = {
        action
        for one in statements(alone, "dataset, training and gate")
        for action in listed(one["Action"])
    }

    assert {"s3:GetObject", "kms:Decrypt"} <= allowed
    assert not [action for action in allowed if action.startswith(("secretsmanager", "lambda"))]


def test_the_schedule_retrains(alone: Template) -> None:
    alone.has_resource_properties(
        "AWS::Scheduler::Schedule",
        {
            "ScheduleExpression": "cron(0 3 ? * SUN *)",
            "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60},
            "Target": Match.object_like({"Input": '{"entry": "retrain"}'}),
        },
    )


@pytest.mark.parametrize("name", environments())
def test_nothing_is_retrained_unasked(
    resources: Callable[[str], dict[str, Any]], name: str
) -> None:
    retraining = [
        one
        for one in resources(name).values()
        if one["Type"] == "AWS::Scheduler::Schedule"
        and "retrain" in str(one["Properties"]["Target"].get("Input"))
    ]

    assert len(retraining) == bool(environment(name).learning.schedule)


@pytest.mark.parametrize("name", environments())
def test_who_hears_of_alarms_hears_how_learning_went(
    template_of: Callable[[str], Template], name: str
) -> None:
    template = template_of(name)
    email = environment(name).watching.email
    (topic,) = template.find_resources(
        "AWS::SNS::Topic", {"Properties": {"DisplayName": f"Lookalike {name}: learning"}}
    )

    hearing = template.find_resources(
        "AWS::SNS::Subscription", {"Properties": {"TopicArn": {"Ref": topic}}}
    )

    assert [one["Properties"]["Endpoint"] for one in hearing.values()] == [email] * bool(email)


def test_the_log_of_the_machine_holds_no_data(alone: Template) -> None:
    alone.has_resource_properties(
        "AWS::StepFunctions::StateMachine",
        {
            "LoggingConfiguration": Match.object_like(
                {"Level": "ALL", "IncludeExecutionData": False}
            ),
            "TracingConfiguration": {"Enabled": True},
        },
    )


def test_the_machine_may_start_executions_of_itself(alone: Template) -> None:
    (machine,) = alone.find_resources("AWS::StepFunctions::StateMachine").values()
    name = machine["Properties"]["StateMachineName"]

    (starting,) = (
        one
        for one in statements(alone, "the learning machine")
        if "states:StartExecution" in listed(one["Action"])
    )

    assert where(starting)[0].endswith(f':stateMachine:{name}"]]}}')


def test_a_killed_run_is_over_before_its_lease_is() -> None:
    machine = json.loads(definition(environment("dev")))
    longest = max(
        bound.le
        for bound in type(environment("dev").learning).model_fields["max_wait_hours"].metadata
        if hasattr(bound, "le")
    )
    found = machine["States"]
    jobs = sum(
        found[name]["Parameters"]["StoppingCondition"]["MaxRuntimeInSeconds"]
        for name in ("Dataset", "Gate")
    )

    assert machine["TimeoutSeconds"] < LEASE_TIME.total_seconds()
    assert machine["TimeoutSeconds"] - longest * HOUR - jobs >= 12 * HOUR  # for the backfill


def test_what_is_the_callers_fault_is_asked_once() -> None:
    """Of what a step can raise, these two; everything else is asked for a quarter of an hour."""
    callers = {leaf.__name__ for leaf in CallerError.__subclasses__()}

    for name, state in tasks(states(environment("dev"))):
        if not state["Resource"].endswith("lambda:invoke"):
            continue
        first, *_, last = state["Retry"]
        assert first["MaxAttempts"] == 0, name
        assert {*first["ErrorEquals"]} <= callers, name
        assert last["ErrorEquals"] == ["States.ALL"], name
        assert last["JitterStrategy"] == "FULL", name


def test_every_failure_is_caught() -> None:
    for name, state in tasks(states(environment("dev"))):
        if name not in ("Fill", "FillOne"):  # the map that they are in catches
            assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name


def test_training_prints_the_metrics_that_sagemaker_looks_for() -> None:
    algorithm = states(environment("dev"))["Train"]["Parameters"]["AlgorithmSpecification"]

    assert algorithm["MetricDefinitions"] == sagemaker.METRIC_DEFINITIONS


def test_training_takes_the_hyperparameters(tmp_path: Path) -> None:
    train = states(environment("dev"))["Train"]["Parameters"]
    given = {name.removesuffix(".$"): value for name, value in train["HyperParameters"].items()}
    config = tmp_path / "input/config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text(json.dumps({**given, "model": MODEL}))

    arguments = sagemaker.hyperparameters(tmp_path)

    launch.check(arguments)
    channels = {one["ChannelName"] for one in train["InputDataConfig"]}
    assert {given["weights"], given["clicks"].rpartition("/")[0]} == {
        f"/opt/ml/input/data/{channel}" for channel in channels - {"pictures"}
    }
    assert "pictures" in {*sagemaker.CHANNELS} & channels


def test_a_laptop_and_the_learning_machine_train_by_one_recipe() -> None:
    train = states(environment("dev"))["Train"]["Parameters"]
    places = {"model.$", "weights", "clicks"}

    given = {name: value for name, value in train["HyperParameters"].items() if name not in places}

    assert given == {name: str(value) for name, value in RECIPE.items()}  # SageMaker takes texts
    understood = Options.from_command_line([f"--{name}={value}" for name, value in given.items()])
    assert RECIPE.items() <= vars(understood).items()


@pytest.mark.parametrize(
    ("state", "understand"),
    [("Dataset", clicks.Options.from_command_line), ("Gate", gate.parsed)],
)
def test_a_processing_job_takes_the_arguments_that_it_is_given(
    state: str, understand: Callable[[list[str]], Any]
) -> None:
    job = states(environment("dev"))[state]["Parameters"]["AppSpecification"]
    run = Values(
        {"model": MODEL, "live": "default-1"},
        {"Execution": {"StartTime": "2026-11-22T03:00:00.000Z"}},
    )

    understood = understand(run.template(job)["ContainerArguments"])

    assert understood.out == Path("/opt/ml/processing/output")


def test_a_job_without_spot_has_no_longest_wait() -> None:
    """SageMaker refuses one."""
    plain = states(changed(spot=False))["Train"]["Parameters"]
    spot = states(changed(spot=True))["Train"]["Parameters"]

    assert (plain["EnableManagedSpotTraining"], spot["EnableManagedSpotTraining"]) == (False, True)
    assert plain["StoppingCondition"] == {"MaxRuntimeInSeconds": 6 * HOUR}
    assert spot["StoppingCondition"]["MaxWaitTimeInSeconds"] == 12 * HOUR


@pytest.mark.parametrize("name", environments())
def test_sagemaker_accepts_the_name_of_every_job(name: str) -> None:
    for state in ("Dataset", "Train", "Gate"):
        parameters = states(environment(name))[state]["Parameters"]
        (written,) = (one for key, one in parameters.items() if key.endswith("JobName.$"))
        (pattern,) = re.findall(r"'(.+)'", written)
        job = pattern.replace("${Prefix}", f"lookalike-{name}").replace("{}", MODEL)

        assert JOB_NAME.fullmatch(job), job


def linted(template: dict[str, Any], folder: Path) -> str:
    """What cfn-lint finds wrong."""
    file = folder / "template.json"
    file.write_text(json.dumps(template))
    command = [str(Path(sys.executable).with_name("cfn-lint")), "-i", "W3005", "--", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_the_definition_is_valid(tmp_path: Path, alone: Template) -> None:
    """As far as cfn-lint knows the language."""
    assert linted(alone.to_json(), tmp_path) == ""


def test_cfn_lint_reads_the_definition(tmp_path: Path, alone: Template) -> None:
    template = alone.to_json()
    (machine,) = (
        one
        for one in template["Resources"].values()
        if one["Type"] == "AWS::StepFunctions::StateMachine"
    )
    properties = machine["Properties"]
    properties["DefinitionString"] = properties["DefinitionString"].replace(
        '"Type":"Wait"', '"Type":"Sleep"'
    )

    assert "'Sleep'" in linted(template, tmp_path)


def test_the_image_is_built_anew_when_what_it_runs_changes(tmp_path: Path) -> None:
    for name in ("training", "layers/common/python", "docs/decisions"):
        ignored = shutil.ignore_patterns("__pycache__", "*.onnx")
        shutil.copytree(bundling.ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(bundling.ROOT / name, tmp_path)

    def hashed() -> str:
        return training_image(cdk.Stack(cdk.App(), "Image"), tmp_path).asset_hash

    seen = [hashed()]
    for changed_file in (
        "training/train.py",
        "training/report/page.py",
        "layers/common/python/lookalike/images.py",
        "pyproject.toml",
        "training/Dockerfile",
    ):
        (tmp_path / changed_file).write_text("# changed\n")
        seen.append(hashed())
    assert len({*seen}) == len(seen)

    (tmp_path / "CHANGELOG.md").write_text("changed")
    (tmp_path / "docs/decisions/new.md").write_text("new")
    assert hashed() == seen[-1]
