"""The dashboard: one row for each thing that the system does."""

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.measures import Measures

if TYPE_CHECKING:
    from infra.lookalike import Lookalike

ROW = 6  # units of height
WIDE = 24  # units of a whole row

Graph = cloudwatch.GraphWidget


def show(
    scope: Construct, stack: "Lookalike", alarms: list[cloudwatch.Alarm]
) -> cloudwatch.Dashboard:
    """Fifty metrics at most: so many are free. A row is left out where nothing would be in it."""
    measures = Measures(stack)
    return cloudwatch.Dashboard(
        scope,
        "Dashboard",
        dashboard_name=f"lookalike-{stack.chosen.name}",
        default_interval=cdk.Duration.days(1),
        widgets=[
            [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=alarms, width=WIDE, height=3)],
            _search(measures),
            _ingest(measures),
            _index(measures),
            _interactions(measures),
            _learning(measures, canary=stack.chosen.watching.canary_minutes),
            _cost(measures),
        ],
    )


def _graph(
    title: str, *left: cloudwatch.IMetric, unit: str, width: int = 6, **more: object
) -> Graph:
    axis = cloudwatch.YAxisProps(min=0, label=unit, show_units=False)
    return Graph(title=title, left=list(left), left_y_axis=axis, width=width, height=ROW, **more)


def _search(m: Measures) -> list[cloudwatch.IWidget]:
    """The API's latency is what callers wait for; the rest is measured inside."""
    percentiles = [m.ours("search", "total", one, one) for one in ("p50", "p95", "p99")]
    steps = [m.ours("search", step, "p95") for step in ("decode", "encode", "search", "rank")]
    # Powertools names a cold start's function by its full name, too.
    name = m.stack.functions.all["search"].function_name
    cold = m.ours("search", "ColdStart", label="cold starts", function_name=name)
    return [
        _graph("Requests", m.api("Count", label="API"),
               m.ours("search", "requests", label="search"), cold, unit="requests"),
        _graph("A search", *percentiles, m.api("Latency", "p99", "API p99"), unit="ms"),
        _graph("Where its time goes, p95", *steps, unit="ms"),
        _graph("Refused and failed", m.api("4XXError", label="4xx"), m.api("5XXError", label="5xx"),
               m.function("search", "Throttles"), unit="requests"),
    ]  # fmt: skip


def _ingest(m: Measures) -> list[cloudwatch.IWidget]:
    """Freshness is of changes that S3 tells of; what reconcile finds has no known age."""
    outcomes = ("messages", "indexed", "unchanged", "removed", "rejected")
    fresh = [m.ours("embed", "freshness", one, one) for one in ("p50", "p95")]
    return [
        _graph("From upload to searchable", *fresh, unit="ms"),
        _graph("Changes", *(m.ours("embed", one) for one in outcomes), unit="changes"),
        _graph("Rejects by reason", m.rejects_by_reason(), unit="images"),
        _graph("Embed", m.function("embed", "ConcurrentExecutions", "Maximum"),
               m.function("embed", "Errors"), m.function("embed", "Throttles"), unit="",
               right=[m.function("embed", "Duration", "p95")],
               right_y_axis=cloudwatch.YAxisProps(min=0, label="ms", show_units=False)),
    ]  # fmt: skip


def _index(m: Measures) -> list[cloudwatch.IWidget]:
    """What waits to be indexed, what was set aside, and what the nightly count found."""
    queue, dead = m.stack.embed.queue, m.stack.embed.dead_letters
    usual = {"period": m.period, "statistic": "Maximum"}
    return [
        _graph("Waiting changes",
               queue.metric_approximate_number_of_messages_visible(label="waiting", **usual),
               dead.metric_approximate_number_of_messages_visible(label="set aside", **usual),
               unit="messages"),
        _graph("Age of the oldest",
               queue.metric_approximate_age_of_oldest_message(label="waiting", **usual),
               dead.metric_approximate_age_of_oldest_message(label="set aside", **usual),
               unit="seconds"),
        _graph("Index against bucket, every night",
               *(m.ours("reconcile", one, "Maximum") for one in ("missing", "orphaned", "sent")),
               unit="images"),
        _graph("Images indexed", m.ours("reconcile", "indexed", "Maximum"), unit="images"),
    ]  # fmt: skip


def _interactions(m: Measures) -> list[cloudwatch.IWidget]:
    third = WIDE // 3
    counts = ("requests", "accepted", "duplicate", "rejected")
    hourly = Measures(m.stack, minutes=60)
    return [
        _graph("Interactions", *(m.ours("interactions", one) for one in counts),
               unit="events", width=third),
        _graph("Live click rate: events, not pairs as in the reports", hourly.click_rate(),
               unit="%", width=third),
        _graph("On the way to the bucket",
               m.delivery("DeliveryToS3.DataFreshness", "Maximum", "oldest, seconds"),
               m.delivery("FailedConversion.Records", "Sum", "not converted"),
               unit="", width=third),
    ]  # fmt: skip


def _learning(m: Measures, *, canary: int) -> list[cloudwatch.IWidget]:
    """CloudWatch counts beginnings and ends: what runs has begun and not ended."""
    width = WIDE // 2 if canary else WIDE
    daily = Measures(m.stack, minutes=24 * 60)
    ends = ("Started", "Succeeded", "Failed", "TimedOut")
    row = [_graph("Learning runs", *map(daily.learning, ends), unit="runs a day", width=width)]
    if canary:
        row.append(
            _graph("Canary", m.ours("canary", "canary_ms", "Maximum", "ms"), unit="ms",
                   right=[m.ours("canary", "canary_failed", label="failed")],
                   right_y_axis=cloudwatch.YAxisProps(min=0, show_units=False), width=width)
        )  # fmt: skip
    return list(row)


def _cost(m: Measures) -> list[cloudwatch.IWidget]:
    """CloudWatch knows no cost of one environment; AWS Budgets and Cost Explorer do, by its tag."""
    watching = m.stack.chosen.watching
    name = m.stack.chosen.name
    budget = (
        f"The budget `lookalike-{name}` is {watching.monthly_budget_usd} USD a month and writes to "
        f"{watching.email}."
        if watching.email
        else "No budget: `watching.email` is empty, so there is nobody to tell."
    )
    text = (
        f"**Cost.** {budget} Of this environment alone: "
        "[Cost Explorer](https://console.aws.amazon.com/costmanagement/home#/cost-explorer), "
        f"tag `environment` = `{name}`. Beside this: the whole account, empty unless billing "
        "alerts are turned on in the billing preferences. What to expect: `docs/costs.md`."
    )
    return [
        cloudwatch.TextWidget(markdown=text, width=WIDE // 2, height=4),
        cloudwatch.SingleValueWidget(
            title="Estimated charges", metrics=[m.spent()], width=WIDE // 2, height=4
        ),
    ]
