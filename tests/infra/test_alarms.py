"""Nothing goes wrong unnoticed, and whoever hears of it reads what to do."""

import re
from pathlib import Path
from typing import Any

import pytest

from infra.environment import environment, environments
from tests.infra.watched import Resources, alarm, alarms, of, sections, stats

ROOT = Path(__file__).parent.parent.parent
FREE_ALARMS = 10
DAY = 24 * 60 * 60


def period(alarm: dict[str, Any]) -> int:
    """Seconds of one point, of an alarm over one metric."""
    (metric,) = alarm["Metrics"]
    return int(metric["MetricStat"]["Period"])


def sections_named() -> set[str]:
    """Wherever infra/ sends somebody to the runbook."""
    files = [*(ROOT / "infra").glob("*.py"), *(ROOT / "infra").glob("*.json")]
    return {
        section
        for file in files
        for section in re.findall(r"operations\.md#([a-z-]+)", file.read_text(encoding="utf-8"))
    }


def test_every_section_that_is_named_is_written(resources: Resources) -> None:
    runbook = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    headings = re.findall(r"^##+ (.+)$", runbook, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}

    assert sections_named() | sections(alarms(resources("prod"))) <= anchors


@pytest.mark.parametrize("name", environments())
def test_every_alarm_tells_the_topic(resources: Resources, name: str) -> None:
    (topic,) = (
        logical
        for logical in of(resources(name), "AWS::SNS::Topic")
        if logical.startswith("Watching")
    )

    assert [one["AlarmActions"] for one in alarms(resources(name))] == [
        [{"Ref": topic}] for _ in alarms(resources(name))
    ]


@pytest.mark.parametrize("name", environments())
def test_silence_is_an_alarm_where_it_means_that_nobody_looks(
    resources: Resources, name: str
) -> None:
    loud = [one for one in alarms(resources(name)) if one["TreatMissingData"] == "breaching"]
    canary = {"the-canary-fell"} if environment(name).watching.canary_minutes else set()

    assert sections(loud) == {"the-index-drifts"} | canary


def test_a_lone_failure_among_few_requests_wakes_nobody(resources: Resources) -> None:
    expressions = {
        section: alarm(resources("prod"), section)["Metrics"][0]["Expression"]
        for section in ("the-api-fails", "search-is-slow")
    }

    assert expressions == {
        "the-api-fails": "IF(failed >= 5, 100 * failed / asked, 0)",
        "search-is-slow": "IF(asked >= 100, slowest, 0)",
    }


@pytest.mark.parametrize("name", environments())
def test_a_change_that_keeps_failing_is_set_aside_before_the_queue_counts_as_stalled(
    resources: Resources, name: str
) -> None:
    (queue,) = (
        one for one in of(resources(name), "AWS::SQS::Queue").values() if "RedrivePolicy" in one
    )
    set_aside_after = queue["VisibilityTimeout"] * queue["RedrivePolicy"]["maxReceiveCount"]

    assert alarm(resources(name), "indexing-stalls")["Threshold"] > set_aside_after


def test_two_nights_of_drift_or_of_no_count_are_an_alarm(resources: Resources) -> None:
    drift = alarm(resources("prod"), "the-index-drifts")

    assert (period(drift), drift["EvaluationPeriods"]) == (DAY, 2)


def test_a_canary_is_missed_when_it_fails_or_is_silent_twice(resources: Resources) -> None:
    canary = alarm(resources("prod"), "the-canary-fell")

    assert (period(canary), canary["EvaluationPeriods"]) == (5 * 60, 2)


def test_where_nobody_is_told_the_alarms_are_those_that_are_free(resources: Resources) -> None:
    assert not environment("dev").watching.email
    assert sum(len([*stats(one)]) for one in alarms(resources("dev"))) <= FREE_ALARMS


def test_an_encrypted_topic_lets_alarms_in_and_only_this_accounts(
    resources: Resources,
) -> None:
    """The key that AWS keeps for SNS does not, and its policy cannot be changed."""
    topics = of(resources("prod"), "AWS::SNS::Topic")
    (topic,) = (logical for logical in topics if logical.startswith("Watching"))
    key = topics[topic]["KmsMasterKeyId"]["Fn::GetAtt"][0]
    on_key = of(resources("prod"), "AWS::KMS::Key")[key]["KeyPolicy"]["Statement"]
    (on_topic,) = (
        one["PolicyDocument"]["Statement"]
        for one in of(resources("prod"), "AWS::SNS::TopicPolicy").values()
        if one["Topics"] == [{"Ref": topic}]
    )

    for statements, action in ((on_key, "kms:GenerateDataKey*"), (on_topic, "sns:Publish")):
        (let_in,) = (
            one for one in statements if one["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        )
        assert action in let_in["Action"]
        condition = let_in["Condition"]
        assert condition["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        assert ":alarm:*" in str(condition["ArnLike"]["aws:SourceArn"])


@pytest.mark.parametrize("name", environments())
def test_an_address_hears_of_alarms_and_of_the_budget_and_nobody_else_does(
    resources: Resources, name: str
) -> None:
    email = environment(name).watching.email
    subscribed = of(resources(name), "AWS::SNS::Subscription").values()
    budgets = of(resources(name), "AWS::Budgets::Budget").values()

    assert {one["Endpoint"] for one in subscribed} == ({email} if email else set())
    assert len(budgets) == bool(email)
    for budget in budgets:
        assert budget["Budget"]["CostFilters"] == {"TagKeyValue": [f"user:environment${name}"]}
        assert budget["Budget"]["BudgetLimit"]["Amount"] == (
            environment(name).watching.monthly_budget_usd
        )
        told = budget["NotificationsWithSubscribers"]
        assert [
            (one["Notification"]["NotificationType"], one["Notification"]["Threshold"])
            for one in told
        ] == [("ACTUAL", 80), ("FORECASTED", 100)]
        assert {each["Address"] for one in told for each in one["Subscribers"]} == {email}
