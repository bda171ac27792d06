"""What is measured, who is told, and what looks after the system at night."""

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.alarms import Alarms
from infra.clock import Clock
from infra.dashboard import show

if TYPE_CHECKING:
    from infra.lookalike import Lookalike

SPENT_PERCENT = 80  # of the budget, when there may still be time
FORECAST_PERCENT = 100


class Watching(Construct):
    """Dashboard, alarms, budget, the nightly reconcile run and the synthetic query.

    Whoever else is to hear of alarms (a chat, a pager) subscribes to `topic`.
    """

    def __init__(self, scope: Construct, id: str, *, stack: "Lookalike") -> None:
        super().__init__(scope, id)
        self.environment = stack.chosen
        self.clock = Clock(self, "Clock", stack=stack)
        self.topic = self._topic(stack.storage.key)
        self.alarms = Alarms(self, "Alarms", stack=stack)
        for alarm in self.alarms.all:
            alarm.add_alarm_action(actions.SnsAction(self.topic))
        self.dashboard = show(self, stack, self.alarms.all)
        if email := stack.chosen.watching.email:
            self._budget(email)

    def _topic(self, key: kms.Key) -> sns.Topic:
        """Encrypted with the stack's own key: AWS's own for SNS lets no alarm in.

        Another key would cost a dollar a month. CloudWatch can read nothing else with this one:
        it has no access to the bucket.
        """
        alarms = iam.ServicePrincipal("cloudwatch.amazonaws.com")
        here = f"{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}"
        ours = {
            "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
            "ArnLike": {"aws:SourceArn": f"arn:{cdk.Aws.PARTITION}:cloudwatch:{here}:alarm:*"},
        }
        topic = sns.Topic(
            self,
            "Alarm",
            display_name=f"Lookalike {self.environment.name}: alarms",
            master_key=key,
            enforce_ssl=True,
        )
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[alarms],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions=ours,
            )
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[alarms],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],  # of a key policy: this key
                conditions=ours,
            )
        )
        if email := self.environment.watching.email:
            protocol = sns.SubscriptionProtocol.EMAIL
            sns.Subscription(self, "Email", topic=topic, protocol=protocol, endpoint=email)
        return topic

    def _budget(self, email: str) -> None:
        """Counts what bears the tag `environment`, once the tag is activated for cost allocation.

        It stops nothing; without an address there would be nobody to tell.
        """
        made = budgets.CfnBudget
        watching = self.environment.watching
        told = made.SubscriberProperty(subscription_type="EMAIL", address=email)
        made(
            self,
            "Budget",
            budget=made.BudgetDataProperty(
                budget_name=f"lookalike-{self.environment.name}",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=made.SpendProperty(amount=watching.monthly_budget_usd, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:environment${self.environment.name}"]},
            ),
            notifications_with_subscribers=[
                made.NotificationWithSubscribersProperty(
                    notification=made.NotificationProperty(
                        comparison_operator="GREATER_THAN",
                        notification_type=kind,
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[told],
                )
                for kind, percent in (("ACTUAL", SPENT_PERCENT), ("FORECASTED", FORECAST_PERCENT))
            ],
        )
