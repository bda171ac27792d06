"""The permission matrix: who may do what on which resource, and what follows from it."""

import json
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from infra.app import app
from infra.environment import Ingest, environment
from tests.infra.conftest import NAMES
from tests.infra.grants import Grant, denials, grants, who_may
from tests.infra.permission_matrix import CDK_OWN, written

# What may be done to any resource, and why no resource can be named.
ANYWHERE = {
    "xray:*": "X-Ray knows no resources.",
    "rekognition:DetectModerationLabels": "It is sent bytes, and knows no resources.",
    "ecr:GetAuthorizationToken": "It knows no resources, and opens no repository.",
    "cloudwatch:PutMetricData": "It knows no resources; a condition names the namespaces.",
    "logs:*Deliver*": "The set-up of a state machine's log delivery knows no resources.",
    "logs:*ResourcePolic*": "The same.",
    "logs:DescribeLogGroups": "The same.",
    "cloudfront:*Invalidation": "CDK's own function, for files that are public.",
}
OWN_KEY = {"account", "cloudwatch"}  # in the policy of the key itself

Granted = Callable[[str], set[Grant]]


@pytest.fixture(scope="session")
def granted(resources: Callable[[str], dict[str, Any]]) -> Granted:
    return lambda name: grants(resources(name), name)


@pytest.fixture(params=NAMES)
def allowed(request: pytest.FixtureRequest, granted: Granted) -> set[Grant]:
    """What is allowed in each environment in turn."""
    return granted(request.param)


@pytest.mark.parametrize("name", NAMES)
def test_nobody_may_do_what_is_not_written_here(granted: Granted, name: str) -> None:
    assert sorted(granted(name) - set(written(name))) == []


@pytest.mark.parametrize("name", NAMES)
def test_everybody_may_do_what_is_written_here(granted: Granted, name: str) -> None:
    assert sorted(set(written(name)) - granted(name)) == []


@pytest.mark.parametrize("name", [name for name in NAMES if environment(name).qdrant.read_secret])
def test_only_who_fills_the_index_reads_the_key_that_writes_to_it(
    granted: Granted, name: str
) -> None:
    may = who_may(granted(name), "secretsmanager:GetSecretValue", "secret qdrant")

    assert may == {"role embed", "role learning", "role deployment"}


def test_a_protected_environment_has_a_key_that_only_reads() -> None:
    protected = [one for one in map(environment, NAMES) if one.protected]

    assert protected
    assert all(one.qdrant.read_secret != one.qdrant.secret for one in protected)


def test_only_the_catalogue_changes_the_image_bucket(allowed: set[Grant]) -> None:
    for action in ("s3:PutObject", "s3:DeleteObject"):
        assert who_may(allowed, action, "images/*") - CDK_OWN == {"role catalogue"}

    written = {
        one.resource for one in allowed if one.who == "role catalogue" and "Put" in one.action
    }
    assert written >= {"images/*.metadata.json", "images/uploads/*"}
    assert "images/*" not in written


def test_no_version_of_a_picture_can_be_destroyed_by_a_function_of_ours(
    allowed: set[Grant],
) -> None:
    for action in ("s3:DeleteObjectVersion", "s3:PutBucketVersioning", "s3:PutLifecycle*"):
        assert who_may(allowed, action, "images*") <= {"role emptying"}


def test_nothing_empties_a_bucket_of_what_is_protected(granted: Granted) -> None:
    assert "role emptying" not in {one.who for one in granted("prod")}


def test_interactions_reads_no_bucket(allowed: set[Grant]) -> None:
    theirs = {one.action for one in allowed if one.who == "role interactions"}

    assert not [action for action in theirs if action.startswith("s3:")]


def test_search_writes_nothing_but_its_log_and_traces(allowed: set[Grant]) -> None:
    theirs = {one.action for one in allowed if one.who == "role search"}

    assert {action for action in theirs if not re.search(r":(Get|List)", action)} == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }


def test_only_training_and_reports_read_who_looked_at_what(allowed: set[Grant]) -> None:
    may = who_may(allowed, "s3:GetObject", "interactions/interactions/dt=2026-11-22/x")

    # Firehose asks for it, to write; metrics for Athena, which counts in its name.
    assert may == {"role trainer", "role delivery", "role metrics"}
    assert who_may(allowed, "kms:Decrypt", "key") - OWN_KEY == may


def test_whoever_indexes_pictures_may_ask_the_moderator(granted: Granted, tmp_path: Path) -> None:
    """A picture that came during a backfill may be indexed by learning first."""
    chosen = environment("dev").model_copy(update={"ingest": Ingest(moderation="rekognition")})
    app(chosen, outdir=str(tmp_path), checked=False).synth()
    made = json.loads((tmp_path / "Lookalike-dev.template.json").read_text())["Resources"]

    may = who_may(grants(made, "dev"), "rekognition:DetectModerationLabels", "*")

    assert may == {"role embed", "role learning"}
    assert not who_may(granted("dev"), "rekognition:DetectModerationLabels", "*")


def test_the_jobs_of_training_cannot_say_what_serves(allowed: set[Grant]) -> None:
    for key in ("serving.json", "clicks-20261122-101500/card.json", "learning/lease.json"):
        assert "role trainer" not in who_may(allowed, "s3:PutObject", f"models/{key}")


def test_only_the_trainer_is_passed_on_and_only_to_sagemaker(allowed: set[Grant]) -> None:
    passed = {one for one in allowed if one.action.startswith("iam:")}

    assert passed == {Grant("role machine", "iam:PassRole", "role trainer", "iam:PassedToService")}


def test_no_action_of_ours_is_a_family(allowed: set[Grant]) -> None:
    families = {one.who for one in allowed if "*" in one.action}

    assert families - CDK_OWN == OWN_KEY


def test_what_may_be_done_anywhere_has_a_reason(allowed: set[Grant]) -> None:
    anywhere = {one.action for one in allowed if one.resource == "*"}

    assert anywhere
    assert [one for one in anywhere if not any(fnmatchcase(one, known) for known in ANYWHERE)] == []


def test_a_service_acts_for_this_account_only(allowed: set[Grant]) -> None:
    """Else another account's bucket, distribution or alarm could make it act on ours."""
    services = {
        one for one in allowed if not one.who.startswith("role ") and one.who != "account"
    } - {one for one in allowed if one.action == "sts:AssumeRole"}

    assert {one.who for one in services if "source" not in one.when.lower()} == set()
    assert "anybody" not in {one.who for one in allowed}


@pytest.mark.parametrize("name", NAMES)
def test_no_bucket_queue_or_topic_is_reached_without_tls(
    resources: Callable[[str], dict[str, Any]], name: str
) -> None:
    denied = [
        target
        for one in denials(resources(name))
        if one.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        for target in one["Resource"]
    ]

    for what in ("images", "derived", "models", "interactions", "page", "logs"):
        assert {what, f"{what}/*"} <= set(denied)
    assert {"queue changes", "queue dead letters", "topic news", "topic alarms"} <= set(denied)
