"""From the bucket to the index: a lost image is impossible to miss."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from infra.environment import environment, environments

Resources = Callable[[str], dict[str, Any]]


def only(resources: dict[str, Any], kind: str, having: str = "") -> tuple[str, dict[str, Any]]:
    found = [
        (logical, one["Properties"])
        for logical, one in resources.items()
        if one["Type"] == kind and (not having or having in one["Properties"])
    ]
    assert len(found) == 1, [logical for logical, _ in found]
    return found[0]


@pytest.mark.parametrize("name", environments())
def test_every_kind_of_change_is_told_to_the_queue(resources: Resources, name: str) -> None:
    queue, _ = only(resources(name), "AWS::SQS::Queue", "RedrivePolicy")
    _, bucket = only(resources(name), "AWS::S3::Bucket", "NotificationConfiguration")

    told = bucket["NotificationConfiguration"]["QueueConfigurations"]

    assert {one["Event"] for one in told} == {
        "s3:ObjectCreated:*",
        "s3:ObjectRemoved:*",
        "s3:LifecycleExpiration:*",
    }
    assert {one["Queue"]["Fn::GetAtt"][0] for one in told} == {queue}
    assert all("Filter" not in one for one in told)  # sidecars are changes too


@pytest.mark.parametrize("name", environments())
def test_the_queue_may_be_told_before_the_bucket_begins_to_tell(
    resources: Resources, name: str
) -> None:
    found = resources(name)
    bucket, _ = only(found, "AWS::S3::Bucket", "NotificationConfiguration")
    queue, _ = only(found, "AWS::SQS::Queue", "RedrivePolicy")

    policies = [
        logical
        for logical, one in found.items()
        if one["Type"] == "AWS::SQS::QueuePolicy"
        and one["Properties"]["Queues"] == [{"Ref": queue}]
    ]

    assert policies
    assert set(policies) <= set(found[bucket]["DependsOn"])


def test_only_our_bucket_of_our_account_may_fill_the_queue(template: Template) -> None:
    template.has_resource_properties(
        "AWS::SQS::QueuePolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {
                                "Principal": {"Service": "s3.amazonaws.com"},
                                "Action": "sqs:SendMessage",
                                "Condition": {
                                    "ArnEquals": {"aws:SourceArn": Match.any_value()},
                                    "StringEquals": {
                                        "aws:SourceAccount": {"Ref": "AWS::AccountId"}
                                    },
                                },
                            }
                        )
                    ]
                )
            }
        },
    )


def test_a_change_that_fails_five_times_is_set_aside_and_somebody_hears_of_it(
    template: Template,
) -> None:
    template.has_resource_properties(
        "AWS::SQS::Queue", {"RedrivePolicy": Match.object_like({"maxReceiveCount": 5})}
    )
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Threshold": 1,
            "AlarmDescription": Match.string_like_regexp("docs/operations.md#changes-were-set"),
        },
    )


@pytest.mark.parametrize("name", environments())
def test_a_message_stays_hidden_while_it_is_worked_on(resources: Resources, name: str) -> None:
    _, queue = only(resources(name), "AWS::SQS::Queue", "RedrivePolicy")
    (timeout,) = {
        one["Properties"]["Timeout"]
        for one in resources(name).values()
        if one["Properties"].get("PackageType") == "Image"
    }

    assert queue["VisibilityTimeout"] >= 6 * timeout


@pytest.mark.parametrize("name", environments())
def test_one_bad_picture_fails_alone_and_the_database_is_not_overrun(
    resources: Resources, name: str
) -> None:
    _, mapping = only(resources(name), "AWS::Lambda::EventSourceMapping")

    assert mapping["BatchSize"] == 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": environment(name).ingest.concurrency}
