"""What is shown is what is written: no empty graph, no metric that nobody looks at."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from infra import usage
from infra.environment import environment, environments
from tests.infra.emitted import Counted, counted, emitted
from tests.infra.watched import Resources, alarms, of, stats

__all__ = ["emitted"]  # a fixture

FREE_METRICS = 50


def dashboard(resources: dict[str, Any]) -> dict[str, Any]:
    """With the logical ids of what it refers to."""
    (board,) = of(resources, "AWS::CloudWatch::Dashboard").values()
    parts = board["DashboardBody"]["Fn::Join"][1]
    whole = "".join(one if isinstance(one, str) else str(*one.values()) for one in parts)
    body: dict[str, Any] = json.loads(whole)
    return body


def lines(board: dict[str, Any]) -> list[list[Any]]:
    """Of every widget: namespace, name, dimensions in pairs, options; or an expression."""
    return [line for widget in board["widgets"] for line in widget["properties"].get("metrics", [])]


def shown(board: dict[str, Any]) -> Iterator[Counted]:
    """Our metrics on the dashboard, those in a search among them."""
    for line in lines(board):
        search = re.match(r"SEARCH\('\{(.+?)\} MetricName=\"(\w+)\"", _expression(line))
        if search:
            namespace, *names = search[1].split(",")
            assert "service" in names
            yield counted(
                namespace.strip('"'), search[2], {**dict.fromkeys(names, ""), "service": "embed"}
            )
        elif not _expression(line) and line[0].startswith("Lookalike"):
            words = [one for one in line[2:] if isinstance(one, str)]
            yield counted(line[0], line[1], dict(zip(words[::2], words[1::2], strict=True)))


def _expression(line: list[Any]) -> str:
    return str(line[0].get("expression", "")) if isinstance(line[0], dict) else ""


def watched(resources: dict[str, Any]) -> Iterator[Counted]:
    """Our metrics that an alarm watches."""
    for one in alarms(resources):
        for namespace, name, dimensions in stats(one):
            if namespace.startswith("Lookalike"):
                yield counted(namespace, name, dimensions)


def test_whatever_is_looked_at_is_written_by_a_handler(
    resources: Resources, emitted: set[Counted]
) -> None:
    looked_at = {*shown(dashboard(resources("prod"))), *watched(resources("prod"))}

    assert looked_at - emitted == set()


def test_nothing_is_written_that_nobody_looks_at(
    resources: Resources, emitted: set[Counted]
) -> None:
    """Each costs, whether it is looked at or not."""
    looked_at = {*shown(dashboard(resources("prod"))), *watched(resources("prod"))}

    assert emitted - looked_at == set()


def test_the_costs_count_every_metric_that_is_written(emitted: set[Counted]) -> None:
    written = Counter(one.service for one in emitted if one.name != "rejects")

    assert written.pop("reconcile") == usage.NIGHTLY_METRICS
    assert written.pop("canary") == usage.CANARY_METRICS
    assert written == usage.METRICS


@pytest.mark.parametrize("name", environments())
def test_there_is_one_dashboard_and_it_is_free(resources: Resources, name: str) -> None:
    board = dashboard(resources(name))
    metrics = {
        tuple(word for word in line if isinstance(word, str))
        for line in lines(board)
        if not _expression(line)
    }

    assert len(of(resources(name), "AWS::CloudWatch::Dashboard")) == 1
    assert len(metrics) + usage.REJECT_REASONS <= FREE_METRICS


@pytest.mark.parametrize("name", environments())
def test_the_dashboard_says_what_cloudwatch_cannot_know(resources: Resources, name: str) -> None:
    (text,) = (
        widget["properties"]["markdown"]
        for widget in dashboard(resources(name))["widgets"]
        if widget["type"] == "text"
    )

    assert "Cost Explorer" in text
    assert ("No budget" in text) == (not environment(name).watching.email)
