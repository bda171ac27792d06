"""From an upload to the index: bucket → queue → the embed function; what fails is set aside."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import bundling, permissions
from infra.environment import Environment
from infra.functions import ARCHITECTURE, common
from infra.storage import Storage, bucket_arn

RECEIVES = 5  # a dependency may be down for RECEIVES x visibility before a message is set aside
VISIBILITY_FACTOR = 6  # what AWS asks for: times the function's timeout
KEPT_DAYS = 14  # the longest that SQS keeps a message
EVENTS = (
    "s3:ObjectCreated:*",
    "s3:ObjectRemoved:*",
    "s3:LifecycleExpiration:*",
)


class Embed(Construct):
    """Every change of the image bucket reaches the index, or the dead-letter queue and its alarm.

    SQS gives the function one message at a time: a picture that ends the process ends no other's.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environment: Environment,
        storage: Storage,
        settings: dict[str, str],
    ) -> None:
        super().__init__(scope, id)
        self.dead_letters = self._queue("DeadLetters")
        self.queue = self._queue(
            "Changes",
            visibility_timeout=cdk.Duration.seconds(
                VISIBILITY_FACTOR * environment.ingest.timeout_seconds
            ),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=RECEIVES
            ),
        )
        self.function = self._function(environment, settings)
        permissions.follow(self.function, environment, storage)
        self.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=1,
                max_concurrency=environment.ingest.concurrency,
                report_batch_item_failures=True,
            )
        )
        self._notify(environment, storage.images)
        self.set_aside = self._alarm()

    def _queue(self, id: str, **options: object) -> sqs.Queue:
        return sqs.Queue(
            self,
            id,
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=cdk.Duration.days(KEPT_DAYS),
            **options,
        )

    def _alarm(self) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            "SetAside",
            metric=self.dead_letters.metric_approximate_number_of_messages_visible(
                period=cdk.Duration.minutes(1), statistic="Maximum"
            ),
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=(
                "Changes of pictures could not be indexed and were set aside. "
                "Runbook: docs/operations.md#changes-were-set-aside"
            ),
        )

    def _function(
        self, environment: Environment, settings: dict[str, str]
    ) -> lambda_.DockerImageFunction:
        base = environment.ingest.base_image
        return lambda_.DockerImageFunction(
            self,
            "Function",
            code=lambda_.DockerImageCode.from_image_asset(
                str(bundling.ROOT),
                file="functions/embed/Dockerfile",
                platform=ecr_assets.Platform.LINUX_ARM64,
                build_args={"BASE": base} if base else None,
                exclude=list(bundling.IMAGE_CONTEXT_EXCLUDES),
                ignore_mode=cdk.IgnoreMode.DOCKER,
            ),
            architecture=ARCHITECTURE,
            memory_size=environment.ingest.memory_mb,
            timeout=cdk.Duration.seconds(environment.ingest.timeout_seconds),
            **common(self, "embed", environment, settings),
        )

    def _notify(self, environment: Environment, images: s3.Bucket) -> None:
        """By the bucket's own property, not by CDK's custom resource.

        S3 tests the queue's policy when the notification is made, so the policy must come first;
        it names the bucket by its name, or each would wait for the other.
        """
        permitted = self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"],
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                resources=[self.queue.queue_arn],
                conditions={
                    "ArnEquals": {"aws:SourceArn": bucket_arn(environment, "images")},
                    "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
                },
            )
        )
        bucket = images.node.default_child
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                s3.CfnBucket.QueueConfigurationProperty(event=event, queue=self.queue.queue_arn)
                for event in EVENTS
            ]
        )
        bucket.node.add_dependency(permitted.policy_dependable)
