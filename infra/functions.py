"""What every zip function runs on: the shared layer, a role of its own, logs, a published alias."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra import bundling
from infra.environment import Environment
from infra.permissions import allow

RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64
FAILURES_A_MINUTE = 3  # fewer are a client that hung up, or a dependency that hiccuped
ALIAS = "live"  # what callers call: the version that a deployment has let through


class Functions(Construct):
    """Makes the zip functions of one environment."""

    def __init__(self, scope: Construct, id: str, *, environment: Environment) -> None:
        super().__init__(scope, id)
        self.environment = environment
        self.all: dict[str, lambda_.Function] = {}
        self.failing: list[cloudwatch.Alarm] = []
        self._releases = codedeploy.LambdaApplication(self, "Releases")
        layer = bundling.layer()
        self.layer = lambda_.LayerVersion(
            self,
            "Layer",
            code=lambda_.Code.from_asset(str(layer), asset_hash=bundling.asset_hash(layer)),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
            description="Lookalike and all that it needs.",
        )

    def add(
        self,
        name: str,
        settings: Mapping[str, str],
        *,
        memory_mb: int = 512,
        timeout_seconds: int = 29,  # API Gateway waits no longer
        snapstart: bool = False,
        reserved_concurrency: int | None = None,
    ) -> lambda_.Function:
        """functions/<name>, with LOOKALIKE_ settings by their names in lookalike.settings."""
        code = bundling.function(name)
        made = lambda_.Function(
            self,
            name.capitalize(),
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            code=lambda_.Code.from_asset(str(code), asset_hash=bundling.asset_hash(code)),
            handler=f"functions.{name}.handler.lambda_handler",
            layers=[self.layer],
            memory_size=memory_mb,
            timeout=cdk.Duration.seconds(timeout_seconds),
            reserved_concurrent_executions=reserved_concurrency,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if snapstart else None,
            **common(self, name, self.environment, settings),
        )
        self.all[name] = made
        return made

    def release(self, name: str, *, alarmed: bool = True) -> lambda_.Alias:
        """The alias to call. A new version takes over by and by, and goes back if it fails.

        It takes over at once where the environment says so. Without an alarm it stays.
        """
        alias = lambda_.Alias(
            self,
            f"{name.capitalize()}Live",
            alias_name=ALIAS,
            version=self.all[name].current_version,
        )
        failing = [self._failing(name, alias)] if alarmed else []
        config = codedeploy.LambdaDeploymentConfig
        gradual = self.environment.gradual
        codedeploy.LambdaDeploymentGroup(
            self,
            f"{name.capitalize()}Release",
            application=self._releases,
            alias=alias,
            deployment_config=config.CANARY_10_PERCENT_5_MINUTES if gradual else config.ALL_AT_ONCE,
            alarms=failing,
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True, stopped_deployment=True, deployment_in_alarm=alarmed
            ),
        )
        self.failing.extend(failing)
        return alias

    def _failing(self, name: str, alias: lambda_.Alias) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            f"{name.capitalize()}Failing",
            metric=alias.metric_errors(period=cdk.Duration.minutes(1)),
            threshold=FAILURES_A_MINUTE,
            evaluation_periods=2,
            datapoints_to_alarm=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{name} fails. Runbook: docs/operations.md#a-function-fails",
        )


def common(
    scope: Construct, name: str, environment: Environment, settings: Mapping[str, str]
) -> dict[str, object]:
    """What a function has whether it is a zip or an image: role, logs, tracing, variables."""
    removal = cdk.RemovalPolicy.RETAIN if environment.protected else cdk.RemovalPolicy.DESTROY
    log_group = logs.LogGroup(
        scope,
        f"{name.capitalize()}Logs",
        log_group_name=f"/lookalike/{environment.name}/{name}",
        removal_policy=removal,
    )
    log_group.node.default_child.retention_in_days = environment.retention.logs
    role = iam.Role(
        scope,
        f"{name.capitalize()}Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=f"Lookalike {environment.name}: the {name} function.",
    )
    allow(role, ["logs:CreateLogStream", "logs:PutLogEvents"], log_group.log_group_arn)
    return {
        "role": role,
        "log_group": log_group,
        "tracing": lambda_.Tracing.ACTIVE,
        "environment": variables(name, environment, settings),
        "description": f"Lookalike {environment.name}: {name}",
    }


def variables(name: str, environment: Environment, settings: Mapping[str, str]) -> dict[str, str]:
    """Locations and choices; never a secret."""
    given = {"metrics_namespace": f"Lookalike/{environment.name}", **settings}
    return {f"LOOKALIKE_{setting.upper()}": value for setting, value in sorted(given.items())} | {
        "POWERTOOLS_SERVICE_NAME": name,
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
