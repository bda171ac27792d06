"""From clicks to a better encoder: the state machine, its schedule, its news."""

import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra import bundling, learning_roles
from infra.environment import Environment
from infra.storage import Storage

DEFINITION = Path(__file__).parent / "learning.asl.json"
DOCKERFILE = "training/Dockerfile"
HOUR = 3600
FLEXIBLE_MINUTES = 60  # nobody waits for a weekly run at its minute
START_HOURS = 6  # how long Scheduler tries to start a run; the next one comes anyway


class Learning(Construct):
    """`machine` retrains, promotes or tries a model, or rolls back; `topic` says how it went.

    The ARN is known by the name, because a Distributed Map starts executions of its own machine.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environment: Environment,
        storage: Storage,
        function: lambda_.Function,
    ) -> None:
        super().__init__(scope, id)
        self.environment = environment
        self.prefix = f"lookalike-{environment.name}"  # how the name of every job begins
        self.name = f"{self.prefix}-learning"
        self.machine_arn = learning_roles.arn("states", f"stateMachine:{self.name}")
        self.topic = self._topic()
        self.image = training_image(self)
        self.trainer = learning_roles.trainer(self, storage)
        self.role = learning_roles.conductor(self, storage, function)
        self.machine = self._machine(self._log_group(), self._named(storage, function))
        if environment.learning.schedule:
            self._schedule(environment.learning.schedule)

    def _topic(self) -> sns.Topic:
        """Under AWS's own key, which costs nothing: it is a role that publishes, not a service."""
        topic = sns.Topic(
            self,
            "News",
            display_name=f"Lookalike {self.environment.name}: learning",
            master_key=kms.Alias.from_alias_name(self, "SnsKey", "alias/aws/sns"),
            enforce_ssl=True,
        )
        if email := self.environment.watching.email:
            protocol = sns.SubscriptionProtocol.EMAIL
            sns.Subscription(self, "Email", topic=topic, protocol=protocol, endpoint=email)
        return topic

    def _log_group(self) -> logs.LogGroup:
        """Of a prefix that needs no entry in the account's one policy for log delivery."""
        kept = self.environment.protected
        group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/vendedlogs/states/{self.name}",
            removal_policy=cdk.RemovalPolicy.RETAIN if kept else cdk.RemovalPolicy.DESTROY,
        )
        group.node.default_child.retention_in_days = self.environment.retention.logs
        return group

    def _named(self, storage: Storage, function: lambda_.Function) -> dict[str, str]:
        """What the definition calls by a name in ${}: known at deployment only, or a text."""
        return {
            "Environment": self.environment.name,
            "Image": self.image.image_uri,
            "ImagesBucket": storage.images.bucket_name,
            "InstanceType": self.environment.learning.instance_type,
            "InteractionsBucket": storage.interactions.bucket_name,
            "LearningFunction": function.function_arn,
            "ModelsBucket": storage.models.bucket_name,
            "Prefix": self.prefix,
            "Region": cdk.Aws.REGION,
            "SageMakerRole": self.trainer.role_arn,
            "Topic": self.topic.topic_arn,
        }

    def _machine(
        self, log_group: logs.LogGroup, named: dict[str, str]
    ) -> stepfunctions.CfnStateMachine:
        """Transitions and errors are logged, data is not: it may name what people looked at."""
        made = stepfunctions.CfnStateMachine
        machine = made(
            self,
            "Machine",
            state_machine_name=self.name,
            state_machine_type="STANDARD",
            role_arn=self.role.role_arn,
            definition_string=definition(self.environment),
            definition_substitutions=named,
            logging_configuration=made.LoggingConfigurationProperty(
                level="ALL",
                include_execution_data=False,
                destinations=[
                    made.LogDestinationProperty(
                        cloud_watch_logs_log_group=made.CloudWatchLogsLogGroupProperty(
                            log_group_arn=log_group.log_group_arn
                        )
                    )
                ],
            ),
            tracing_configuration=made.TracingConfigurationProperty(enabled=True),
        )
        machine.node.add_dependency(self.role)  # its policy too: log delivery is tried at once
        return machine

    def _schedule(self, expression: str) -> None:
        made = scheduler.CfnSchedule
        made(
            self,
            "Schedule",
            description=f"Lookalike {self.environment.name}: retrain from clicks.",
            schedule_expression=expression,
            flexible_time_window=made.FlexibleTimeWindowProperty(
                mode="FLEXIBLE", maximum_window_in_minutes=FLEXIBLE_MINUTES
            ),
            target=made.TargetProperty(
                arn=self.machine.attr_arn,
                role_arn=learning_roles.starter(self).role_arn,
                input=json.dumps({"entry": "retrain"}),
                retry_policy=made.RetryPolicyProperty(
                    maximum_event_age_in_seconds=START_HOURS * HOUR
                ),
            ),
        )


def definition(environment: Environment) -> str:
    """learning.asl.json with what is no text put in its place: "${Spot}" becomes true.

    The other names stay; CloudFormation puts what they stand for into the texts they are in.
    """
    learning = environment.learning
    stopping = {"MaxRuntimeInSeconds": learning.max_runtime_hours * HOUR}
    if learning.spot:  # SageMaker refuses a longest wait for what does not wait
        stopping["MaxWaitTimeInSeconds"] = learning.max_wait_hours * HOUR
    values = {
        "FillConcurrency": learning.fill_concurrency,
        "Spot": learning.spot,
        "StoppingCondition": stopping,
    }
    text = DEFINITION.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f'"${{{name}}}"', json.dumps(value))
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


def training_image(scope: Construct, folder: Path = bundling.ROOT) -> ecr_assets.DockerImageAsset:
    """What the jobs run. Its hash is that of the files that the Dockerfile copies."""
    excluded = (folder / f"{DOCKERFILE}.dockerignore").read_text(encoding="utf-8").splitlines()
    return ecr_assets.DockerImageAsset(
        scope,
        "TrainingImage",
        directory=str(folder),
        file=DOCKERFILE,
        platform=ecr_assets.Platform.LINUX_AMD64,
        exclude=[line for line in excluded if line and not line.startswith("#")],
        ignore_mode=cdk.IgnoreMode.DOCKER,
    )
