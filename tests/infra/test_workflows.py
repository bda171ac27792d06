"""The workflows name what exists, ask for little, and keep no key."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.environment import environments

ROOT = Path(__file__).parent.parent.parent
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
Workflow = dict[str, Any]

by_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def workflow(file: Path) -> Workflow:
    loaded: Workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
    loaded["on"] = loaded.pop(True)  # YAML 1.1 reads `on` as a truth value
    return loaded


def steps(file: Path) -> list[Workflow]:
    jobs = workflow(file)["jobs"].values()
    return [step for job in jobs for step in job.get("steps", [])]


def commands(file: Path) -> str:
    return "\n".join(step["run"] for step in steps(file) if "run" in step)


def used(file: Path) -> list[str]:
    jobs = workflow(file)["jobs"].values()
    return [each["uses"] for each in [*steps(file), *jobs] if "uses" in each]


@by_file
def test_every_make_target_exists(file: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))

    assert set(re.findall(r"\bmake ([a-z-]+)", commands(file))) <= targets


@by_file
def test_every_workflow_that_is_called_exists(file: Path) -> None:
    called = [name for name in used(file) if name.startswith("./")]

    for name in called:
        assert "workflow_call" in workflow(ROOT / name)["on"], name


@by_file
def test_every_action_is_pinned_by_commit(file: Path) -> None:
    actions = [name for name in used(file) if not name.startswith("./")]

    for name in actions:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name), name


def test_an_action_has_the_same_commit_everywhere() -> None:
    pins = {name for file in FILES for name in used(file) if "@" in name}

    assert len(pins) == len({name.partition("@")[0] for name in pins})


@by_file
def test_no_key_or_secret_is_named(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert "secrets." not in text
    assert "access-key" not in text
    assert not re.search(r"AWS_(ACCESS|SECRET|SESSION)", text, re.IGNORECASE)


@by_file
def test_nothing_may_write_to_the_repository(file: Path) -> None:
    loaded = workflow(file)
    asked = [loaded["permissions"], *(j.get("permissions", {}) for j in loaded["jobs"].values())]

    assert loaded["permissions"] == {"contents": "read"}
    assert all(set(one.items()) <= {("contents", "read"), ("id-token", "write")} for one in asked)
    assert "pull_request_target" not in loaded["on"]


@by_file
def test_what_strangers_write_never_reaches_a_shell(file: Path) -> None:
    assert "${{" not in commands(file)


@by_file
def test_the_bytecode_is_compiled_with_the_python_of_lambda(file: Path) -> None:
    versions = {
        step["with"]["python-version"]
        for step in steps(file)
        if step.get("uses", "").startswith("actions/setup-python")
    }

    assert versions <= {"3.13"}


def test_the_command_line_of_cdk_has_one_version_and_comes_with_npx() -> None:
    documents = [*FILES, *(ROOT / "docs").glob("*.md")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in documents)

    assert set(re.findall(r"aws-cdk@([\d.]+\d)", text)) == {"2.1148.1"}


def test_environments_are_deployed_one_after_the_other_and_after_the_checks() -> None:
    jobs = workflow(ROOT / ".github/workflows/deploy.yml")["jobs"]

    assert set(environments()) == {"dev", "staging", "prod"} <= set(jobs)
    assert jobs["dev"]["needs"] == "check"
    assert jobs["staging"]["needs"] == ["check", "dev"]
    assert jobs["prod"]["needs"] == ["check", "dev", "staging"]
    for name in environments():
        assert jobs[name]["with"] == {"environment": name}
        assert f"contains(vars.DEPLOYS, '{name}')" in jobs[name]["if"]


def test_only_jobs_in_a_reviewed_environment_deploy() -> None:
    deploying = [file.name for file in FILES if " deploy " in commands(file)]
    (job,) = workflow(ROOT / ".github/workflows/deploy_environment.yml")["jobs"].values()

    assert deploying == ["deploy_environment.yml"]
    assert job["environment"] == "${{ inputs.environment }}"


def test_two_deployments_never_overlap() -> None:
    concurrency = workflow(ROOT / ".github/workflows/deploy.yml")["concurrency"]

    assert concurrency["group"].endswith("|| 'main' }}")
    assert concurrency["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"


def test_a_pull_requests_code_has_run_before_there_are_credentials() -> None:
    done = [
        step.get("uses", step.get("run", ""))
        for step in workflow(ROOT / ".github/workflows/deploy.yml")["jobs"]["compare"]["steps"]
    ]
    credentials = next(i for i, one in enumerate(done) if "configure-aws-credentials" in one)

    assert any(one == "make synth ENV=dev" for one in done[:credentials])
    assert all(one.count("--app cdk.out") == 1 for one in done[credentials + 1 :])


def test_the_example_of_the_document_is_a_repository_that_the_file_accepts() -> None:
    from infra.environment import GitHub

    text = (ROOT / "docs/github_actions.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.+?)```", text, re.DOTALL)

    assert GitHub(**tomllib.loads(example.replace("   ", ""))["github"]).repository
