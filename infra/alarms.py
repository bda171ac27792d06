"""Alarms: each is something that a person would act on, and names where it says how."""

from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.embed import RECEIVES, VISIBILITY_FACTOR
from infra.measures import Measures

if TYPE_CHECKING:
    from infra.lookalike import Lookalike

STALLED_SECONDS = 1800  # beyond the time in which a change that fails is set aside
FAILED_PERCENT = 5  # of all requests in five minutes
FAILED_REQUESTS = 5  # fewer say nothing about a percentage
SLOW_MS = 1000  # a search takes tens of milliseconds; Qdrant is given up on after 5,000
SLOW_REQUESTS = 100  # the slowest of a hundred is the least that a 99th percentile can be
DRIFT_PERCENT = 0.1  # of the catalogue: below it are uploads on their way while it was counted
DRIFT_NIGHTS = 2
LATE_SECONDS = 900  # Firehose hands over every minute, and gives up after a day

SILENT_IS_FINE = cloudwatch.TreatMissingData.NOT_BREACHING
SILENT_IS_BAD = cloudwatch.TreatMissingData.BREACHING
ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
REACHED = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD


class Alarms(Construct):
    """`all` of them, with those that other constructs made.

    Ten are free in an account: an environment without watching.email, where nobody is told, has
    those ten only. Throttled functions have no alarm of their own: the API answers 5xx for them,
    and changes wait in their queue.
    """

    def __init__(self, scope: Construct, id: str, *, stack: "Lookalike") -> None:
        super().__init__(scope, id)
        self.stack = stack
        self.measures = Measures(stack)
        self.all = [stack.embed.set_aside, *stack.functions.failing]
        self._ingest()
        self._api()
        self._interactions()
        watching = stack.chosen.watching
        if watching.reconcile:
            self._drift()
        if watching.canary_minutes:
            self._canary(watching.canary_minutes)
        if watching.email:
            self._slowness()
            self._learning()

    def _add(
        self,
        id: str,
        what: str,
        section: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        **options: object,
    ) -> None:
        """options: of CloudWatch. One point at or above the threshold is enough, and no point is
        fine, unless they say otherwise."""
        usual = {
            "evaluation_periods": 1,
            "comparison_operator": REACHED,
            "treat_missing_data": SILENT_IS_FINE,
        }
        alarm = cloudwatch.Alarm(
            self,
            id,
            metric=metric,
            threshold=threshold,
            alarm_description=f"{what} Runbook: docs/operations.md#{section}",
            **{**usual, **options},
        )
        self.all.append(alarm)

    def _ingest(self) -> None:
        """An empty queue has no oldest message: silence is fine."""
        failing = RECEIVES * VISIBILITY_FACTOR * self.stack.chosen.ingest.timeout_seconds
        self._add(
            "Stalled",
            "Changes of pictures wait to be indexed, longer than failing ones do.",
            "indexing-stalls",
            self.stack.embed.queue.metric_approximate_age_of_oldest_message(
                statistic="Maximum", period=self.measures.period
            ),
            failing + STALLED_SECONDS,
        )

    def _api(self) -> None:
        """Without requests there is nothing to fail: the canary asks where nobody else does."""
        using = {"asked": self.measures.api("Count"), "failed": self.measures.api("5XXError")}
        self._add(
            "ApiFails",
            f"{FAILED_PERCENT} % of the API's answers, or more, are errors of ours.",
            "the-api-fails",
            cloudwatch.MathExpression(
                expression=f"IF(failed >= {FAILED_REQUESTS}, 100 * failed / asked, 0)",
                using_metrics=using,
                period=self.measures.period,
                label="percent failed",
            ),
            FAILED_PERCENT,
            evaluation_periods=3,
            datapoints_to_alarm=2,
        )

    def _slowness(self) -> None:
        """The function's own time, which leaves out the start of a sandbox."""
        using = {
            "asked": self.measures.function("search", "Invocations"),
            "slowest": self.measures.function("search", "Duration", "p99"),
        }
        self._add(
            "SearchIsSlow",
            f"One search in a hundred takes more than {SLOW_MS} ms.",
            "search-is-slow",
            cloudwatch.MathExpression(
                expression=f"IF(asked >= {SLOW_REQUESTS}, slowest, 0)",
                using_metrics=using,
                period=self.measures.period,
                label="p99 of search",
            ),
            SLOW_MS,
            evaluation_periods=3,
            comparison_operator=ABOVE,
        )

    def _interactions(self) -> None:
        """Two alarms, not a sum: where one metric was never written a sum has no value at all.

        Without interactions Firehose has nothing to say: silence is fine.
        """
        delivery = self.measures.delivery
        self._add(
            "InteractionsWait",
            "Firehose cannot write interactions to the bucket; after a day it drops them.",
            "interactions-do-not-land",
            delivery("DeliveryToS3.DataFreshness", "Maximum", "oldest, seconds"),
            LATE_SECONDS,
            evaluation_periods=2,
        )
        self._add(
            "InteractionsBroken",
            "Interactions do not fit the table and were put under failed/.",
            "interactions-do-not-land",
            delivery("FailedConversion.Records", "Sum", "not converted"),
            1,
        )

    def _drift(self) -> None:
        """A night without a count is as bad as drift. So it is red until its first night."""
        self._add(
            "Drift",
            f"Two nights in a row the index differed from the bucket by {DRIFT_PERCENT} % of the "
            "images, or nobody counted.",
            "the-index-drifts",
            Measures(self.stack, minutes=24 * 60).ours("reconcile", "drift", "Maximum"),
            DRIFT_PERCENT,
            evaluation_periods=DRIFT_NIGHTS,
            comparison_operator=ABOVE,
            treat_missing_data=SILENT_IS_BAD,
        )

    def _canary(self, minutes: int) -> None:
        """A canary that is not heard of is no better than one that fell."""
        self._add(
            "CanaryFell",
            "The synthetic query failed twice in a row, or does not run.",
            "the-canary-fell",
            Measures(self.stack, minutes).ours("canary", "canary_failed", "Maximum"),
            1,
            evaluation_periods=2,
            treat_missing_data=SILENT_IS_BAD,
        )

    def _learning(self) -> None:
        """The machine itself tells why a run failed, unless it is its own fault."""
        for ended, what in (("Failed", "failed"), ("TimedOut", "took too long")):
            self._add(
                f"Learning{ended}",
                f"A learning run {what}. What served before goes on serving.",
                "learning-failed",
                self.measures.learning(ended),
                1,
            )
