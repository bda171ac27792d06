"""The metrics that dashboard and alarms look at: ours by name, and what AWS counts for free."""

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

if TYPE_CHECKING:
    from infra.lookalike import Lookalike


class Measures:
    """minutes: of one point. Ours are named as the handlers emit them, which a test holds."""

    def __init__(self, stack: "Lookalike", minutes: int = 5) -> None:
        self.stack = stack
        self.period = cdk.Duration.minutes(minutes)
        self.namespace = f"Lookalike/{stack.chosen.name}"

    def ours(
        self,
        function: str,
        name: str,
        statistic: str = "Sum",
        label: str | None = None,
        **dimensions: str,
    ) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=name,
            dimensions_map={"service": function, **dimensions},
            statistic=statistic,
            period=self.period,
            label=label or name,
        )

    def rejects_by_reason(self) -> cloudwatch.MathExpression:
        """A line for each reason that there was; nobody has to list them here."""
        dimensions = f'"{self.namespace}",reason,service'
        return cloudwatch.MathExpression(
            expression=f"SEARCH('{{{dimensions}}} MetricName=\"rejects\"', 'Sum')",
            using_metrics={},
            period=self.period,
            label="",
        )

    def click_rate(self) -> cloudwatch.MathExpression:
        """Percent of events, as they come; the reports count distinct answers and images."""
        return cloudwatch.MathExpression(
            expression="100 * clicks / impressions",
            using_metrics={
                name: self.ours("interactions", name) for name in ("clicks", "impressions")
            },
            period=self.period,
            label="clicks for 100 impressions",
        )

    def api(self, name: str, statistic: str = "Sum", label: str | None = None) -> cloudwatch.Metric:
        """Count, 4XXError, 5XXError or Latency, of all routes together: by route they cost."""
        return self.stack.api.rest_api.metric(
            name, statistic=statistic, period=self.period, label=label or name
        )

    def function(self, function: str, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        """Of the zip function of that name, or of embed."""
        made = self.stack.embed.function if function == "embed" else None
        made = made or self.stack.functions.all[function]
        return made.metric(
            name, statistic=statistic, period=self.period, label=f"{function} {name.lower()}"
        )

    def delivery(self, name: str, statistic: str, label: str) -> cloudwatch.Metric:
        """Of the Firehose stream that takes the interactions to the bucket."""
        return cloudwatch.Metric(
            namespace="AWS/Firehose",
            metric_name=name,
            dimensions_map={"DeliveryStreamName": self.stack.interactions.stream_name},
            statistic=statistic,
            period=self.period,
            label=label,
        )

    def learning(self, name: str) -> cloudwatch.Metric:
        """How many executions Started, Succeeded, Failed or TimedOut."""
        return cloudwatch.Metric(
            namespace="AWS/States",
            metric_name=f"Executions{name}",
            dimensions_map={"StateMachineArn": self.stack.learning.machine.attr_arn},
            statistic="Sum",
            period=self.period,
            label=name.lower(),
        )

    def spent(self) -> cloudwatch.Metric:
        """The whole account's, in us-east-1 only, and only where billing alerts are turned on."""
        return cloudwatch.Metric(
            namespace="AWS/Billing",
            metric_name="EstimatedCharges",
            dimensions_map={"Currency": "USD"},
            statistic="Maximum",
            period=cdk.Duration.hours(6),
            region="us-east-1",
            label="this month, the whole account",
        )
