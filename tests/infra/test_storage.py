"""The buckets: nothing is public, nothing is lost by mistake, nothing stays after a trial."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from infra.environment import environment, environments

Resources = Callable[[str], dict[str, Any]]


def buckets(resources: dict[str, Any]) -> dict[str, Any]:
    """By what they are for."""
    found = {}
    for one in resources.values():
        if one["Type"] == "AWS::S3::Bucket":
            parts = one["Properties"]["BucketName"]["Fn::Join"][1]
            found[parts[0].split("-")[2]] = one
    return found


@pytest.mark.parametrize("name", environments())
def test_no_bucket_is_open_unencrypted_or_unlogged(resources: Resources, name: str) -> None:
    found = buckets(resources(name))

    assert found.keys() == {"images", "derived", "models", "interactions", "page", "logs"}
    for what, bucket in found.items():
        properties = bucket["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert properties["BucketEncryption"]
        assert ("LoggingConfiguration" in properties) == (what != "logs")


@pytest.mark.parametrize("name", environments())
def test_every_bucket_refuses_what_is_not_tls(resources: Resources, name: str) -> None:
    policies = [one for one in resources(name).values() if one["Type"] == "AWS::S3::BucketPolicy"]

    assert len(policies) == 6
    for policy in policies:
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        refusals = [one for one in statements if one["Effect"] == "Deny"]
        conditions = [one["Condition"] for one in refusals]
        assert {"Bool": {"aws:SecureTransport": "false"}} in conditions
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in conditions


def test_an_overwritten_picture_can_be_brought_back(template: Template) -> None:
    template.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "VersioningConfiguration": {"Status": "Enabled"},
            "NotificationConfiguration": Match.any_value(),
            "LifecycleConfiguration": {
                "Rules": Match.array_with(
                    [Match.object_like({"NoncurrentVersionExpiration": Match.any_value()})]
                )
            },
        },
    )


@pytest.mark.parametrize("name", environments())
def test_a_browser_may_only_post_and_only_to_the_pictures(resources: Resources, name: str) -> None:
    rules = {
        what: bucket["Properties"].get("CorsConfiguration", {}).get("CorsRules")
        for what, bucket in buckets(resources(name)).items()
    }

    assert [rule["AllowedMethods"] for rule in rules.pop("images")] == [["POST"]]
    assert set(rules.values()) == {None}


@pytest.mark.parametrize("name", environments())
def test_who_looked_at_what_is_encrypted_with_a_key_of_its_own(
    resources: Resources, name: str
) -> None:
    bucket = buckets(resources(name))["interactions"]

    (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert rule["BucketKeyEnabled"]


@pytest.mark.parametrize("name", environments())
def test_interactions_are_forgotten_when_the_file_says(resources: Resources, name: str) -> None:
    rules = buckets(resources(name))["interactions"]["Properties"]["LifecycleConfiguration"][
        "Rules"
    ]

    days = [rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule]

    assert environment(name).retention.interactions in days


@pytest.mark.parametrize("name", environments())
def test_what_is_protected_outlives_the_stack_and_the_rest_leaves_nothing(
    resources: Resources, name: str
) -> None:
    wanted = "Retain" if environment(name).protected else "Delete"
    kept = {"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Logs::LogGroup"}

    found = {
        logical: one["DeletionPolicy"]
        for logical, one in resources(name).items()
        if one["Type"] in kept and not logical.startswith("PagePublishing")  # CDK's own copying
    }

    assert set(found.values()) == {wanted}
    assert any(
        one["Type"] == "Custom::S3AutoDeleteObjects" for one in resources(name).values()
    ) == (wanted == "Delete")
