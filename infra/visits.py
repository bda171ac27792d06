"""Which files CloudFront was asked for, in the bucket of access logs."""

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.environment import Environment

# What is needed to see errors and slowness: no address, no cookie, no query string.
FIELDS = (
    "date",
    "time",
    "x-edge-location",
    "x-edge-request-id",
    "cs-method",
    "cs(Host)",
    "cs-uri-stem",
    "cs-protocol",
    "cs-protocol-version",
    "ssl-protocol",
    "sc-status",
    "sc-bytes",
    "sc-content-type",
    "x-edge-result-type",
    "x-edge-detailed-result-type",
    "time-taken",
    "time-to-first-byte",
)


def log(
    scope: Construct,
    distribution: cloudfront.Distribution,
    bucket: s3.Bucket,
    environment: Environment,
) -> None:
    """CloudFront's standard logs, version 2, which need no access control list on the bucket.

    CloudFront hands them over in us-east-1 only. A stack elsewhere goes without, and has what S3
    and API Gateway log of the requests that reach them.
    """
    there = cdk.CfnCondition(
        scope, "LogsVisits", expression=cdk.Fn.condition_equals(cdk.Aws.REGION, "us-east-1")
    )
    source, destination, delivery = _delivery(
        scope, distribution, bucket, f"lookalike-{environment.name}-visits"
    )
    let_write = bucket.add_to_resource_policy(_delivery_writes(bucket))
    delivery.node.add_dependency(let_write.policy_dependable)
    for part in (source, destination, delivery):
        part.cfn_options.condition = there


def _delivery(
    scope: Construct, distribution: cloudfront.Distribution, bucket: s3.Bucket, name: str
) -> tuple[logs.CfnDeliverySource, logs.CfnDeliveryDestination, logs.CfnDelivery]:
    """From where, to where, and the road between them, which knows its source by name alone."""
    source = logs.CfnDeliverySource(
        scope,
        "VisitsSource",
        name=name,
        log_type="ACCESS_LOGS",
        resource_arn=distribution.distribution_arn,
    )
    destination = logs.CfnDeliveryDestination(
        scope,
        "VisitsDestination",
        name=name,
        delivery_destination_type="S3",
        destination_resource_arn=bucket.bucket_arn,
        output_format="json",
    )
    delivery = logs.CfnDelivery(
        scope,
        "VisitsDelivery",
        delivery_source_name=source.name,
        delivery_destination_arn=destination.attr_arn,
        record_fields=list(FIELDS),
    )
    delivery.add_resource_dependency(source)
    return source, destination, delivery


def _delivery_writes(bucket: s3.Bucket) -> iam.PolicyStatement:
    here = f"arn:{cdk.Aws.PARTITION}:logs:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}"
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal("delivery.logs.amazonaws.com")],
        actions=["s3:PutObject"],
        resources=[bucket.arn_for_objects(f"AWSLogs/{cdk.Aws.ACCOUNT_ID}/*")],
        conditions={
            "StringEquals": {
                "aws:SourceAccount": cdk.Aws.ACCOUNT_ID,
                "s3:x-amz-acl": "bucket-owner-full-control",
            },
            "ArnLike": {"aws:SourceArn": f"{here}:delivery-source:*"},
        },
    )
