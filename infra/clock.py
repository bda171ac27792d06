"""What runs by the clock: the nightly count of what the index missed, and the synthetic query."""

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra import permissions

if TYPE_CHECKING:
    from infra.lookalike import Lookalike

# 500 bytes for each picture and its thumbnail, 250 for its sidecar: some four million. It is also
# the most that a new account gives.
RECONCILE_MB = 3008
RECONCILE_SECONDS = 900  # what it has no time for, the next night finds again
RECONCILE_WINDOW_MINUTES = 30  # nobody waits for it at its minute
CANARY_SECONDS = 60  # three answers, and one more after a new key, at ten seconds each
WALKED = ("/v1/health", "/v1/images", "/v1/images/*/similar")  # what the canary asks for
RETRIES = 3  # of Scheduler, when Lambda does not take the call
RETRY_HOURS = 6


class Clock(Construct):
    """reconcile exists without a schedule too, to be run by hand; a canary does not."""

    def __init__(self, scope: Construct, id: str, *, stack: "Lookalike") -> None:
        super().__init__(scope, id)
        self.environment = stack.chosen
        watching = stack.chosen.watching
        reconcile = self._reconcile(stack)
        if watching.reconcile:
            self._schedule(
                "Reconcile", reconcile, watching.reconcile, window_minutes=RECONCILE_WINDOW_MINUTES
            )
        if minutes := watching.canary_minutes:
            every = f"rate({minutes} minute{'s' if minutes > 1 else ''})"
            # A walk that is made up for later says nothing about now.
            self._schedule("Canary", self._canary(stack), every, retries=0)

    def _reconcile(self, stack: "Lookalike") -> lambda_.Function:
        """It lists pictures but reads none, asks the index, and tells embed's queue of keys."""
        function = stack.functions.add(
            "reconcile",
            {**stack.settings(), "changes_queue": stack.embed.queue.queue_url},
            memory_mb=RECONCILE_MB,
            timeout_seconds=RECONCILE_SECONDS,
        )
        permissions.list_keys(function, stack.storage.images)
        permissions.read(function, stack.storage.derived, "rejects/*")
        permissions.read(function, stack.storage.models, "serving.json")
        permissions.read_secret(function, stack.reading_secret)
        permissions.send(function, stack.embed.queue)
        return function

    def _canary(self, stack: "Lookalike") -> lambda_.Function:
        """It knows nothing but the API's address, and how callers are let in."""
        signs = self.environment.api.auth == "iam"
        key_id = "" if signs else stack.api.key_id
        function = stack.functions.add(
            "canary",
            {"canary_url": stack.api.url, "canary_key_id": key_id},
            timeout_seconds=CANARY_SECONDS,
        )
        function.configure_async_invoke(retry_attempts=0)
        if signs:
            permissions.allow(function, ["execute-api:Invoke"], *map(stack.api.arn_of, WALKED))
        else:
            here = f"arn:{cdk.Aws.PARTITION}:apigateway:{cdk.Aws.REGION}"
            permissions.allow(function, ["apigateway:GET"], f"{here}::/apikeys/{key_id}")
        return function

    def _schedule(
        self,
        id: str,
        function: lambda_.Function,
        expression: str,
        *,
        window_minutes: int = 0,
        retries: int = RETRIES,
    ) -> None:
        made = scheduler.CfnSchedule
        role = self._role(id, function)
        schedule = made(
            self,
            id,
            description=f"Lookalike {self.environment.name}: {id.lower()}.",
            schedule_expression=expression,
            flexible_time_window=made.FlexibleTimeWindowProperty(
                mode="FLEXIBLE" if window_minutes else "OFF",
                maximum_window_in_minutes=window_minutes or None,
            ),
            target=made.TargetProperty(
                arn=function.function_arn,
                role_arn=role.role_arn,
                retry_policy=made.RetryPolicyProperty(
                    maximum_retry_attempts=retries,
                    maximum_event_age_in_seconds=RETRY_HOURS * 3600,
                ),
            ),
        )
        schedule.node.add_dependency(role)  # its policy too: the first call may come at once

    def _role(self, id: str, function: lambda_.Function) -> iam.Role:
        role = iam.Role(
            self,
            f"{id}Role",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
            ),
            description=f"Lookalike {self.environment.name}: calls {id.lower()} by the clock.",
        )
        permissions.allow(role, ["lambda:InvokeFunction"], function.function_arn)
        return role
