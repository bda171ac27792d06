"""docs/costs.md is arithmetic: every figure follows from a price and an assumption."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import costs, usage
from infra.bill import Bill, Line, after_allowances, list_price, uses
from infra.clock import RECONCILE_MB
from infra.cluster_size import cluster
from infra.environment import environment, environments
from infra.prices import Prices
from infra.usage import Switches

ROOT = Path(__file__).parent.parent.parent
ALL_ON = Switches(
    waf=True, snapstart=True, canary_minutes=5, read_secret=True, moderation=True, told=True
)


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices.read()


def every_bill() -> Iterator[Bill]:
    for switches in (Switches(), ALL_ON):
        yield usage.month(1_000_000, 100_000, switches)
        yield usage.indexing(1_000_000, switches)
    yield usage.retraining(1_000_000, 60)


def test_the_document_is_what_the_script_prints(prices: Prices) -> None:
    written = (ROOT / "docs/costs.md").read_text(encoding="utf-8")

    assert written == costs.page(prices), "run: make costs"


def test_every_price_says_where_and_when_it_was_read(prices: Prices) -> None:
    for name, price in prices.by_name.items():
        assert price.source.startswith("https://"), name
        assert price.read.year >= 2026, name
        assert price.checked in {"vendor", "quoted", "memory"}, name
        assert price.price > 0, name
        assert price.per >= 1, name


def test_every_price_is_used_and_every_use_has_a_price(prices: Prices) -> None:
    used = {line.price for bill in every_bill() for line in bill}

    assert used | {"qdrant_gb_month"} == set(prices.by_name)


def test_an_allowance_is_taken_off_all_uses_of_a_thing_once(prices: Prices) -> None:
    bill = (Line("SQS", "a", "sqs_request", 700_000), Line("SQS", "b", "sqs_request", 800_000))

    assert uses(bill) == {"sqs_request": 1_500_000}
    assert list_price(bill, prices) == pytest.approx(0.60)
    assert after_allowances(bill, prices) == pytest.approx(0.20)


def test_an_allowance_never_pays_for_something_else(prices: Prices) -> None:
    bill = (Line("Athena", "reports", "athena_tb", 1), Line("SQS", "a", "sqs_request", 1))

    assert after_allowances(bill, prices) == pytest.approx(5.00)


def test_a_million_searches_cost_what_a_hand_comes_to(prices: Prices) -> None:
    """The largest lines, worked out on paper with list prices."""
    bill = usage.answering(1_000_000, Switches())
    cost = costs.by_service(bill, prices)

    assert cost["API Gateway"] == pytest.approx(3 * 3.50)
    # 15 requests at a cent for ten thousand; 12 x 31.5 KB + 12 KB at 8.5 cents a GB
    assert cost["CloudFront"] == pytest.approx(15.00 + 390 * 0.085)
    # a record of 5 KB for each of two beacons
    assert cost["Firehose"] == pytest.approx(10 * (0.029 + 0.018))
    # 2.628 million seconds have a first request, the rest is traced by a twentieth
    assert cost["X-Ray"] == pytest.approx((2.628 + 0.05 * 0.372) * 5)


def test_a_search_is_billed_for_its_computing_twice_and_its_waiting_once() -> None:
    searched = next(
        line for line in usage.answering(1000, Switches()) if line.what == "search"
    )  # 0.7 x 5.55 + 0.3 x 55.9 = 20.655 ms; 2 x 20.655 + 15 = 56.31 ms of 1,769 MB

    assert searched.units == pytest.approx(1000 * 0.05631 * 1769 / 1024)


def test_searches_stay_within_the_goal_without_any_allowance(prices: Prices) -> None:
    searches = 100_000

    assert list_price(usage.answering(searches, Switches()), prices) <= costs.GOAL
    assert list_price(usage.answering(searches, ALL_ON), prices) <= costs.GOAL


def test_what_the_document_says_of_whole_months_is_so(prices: Prices) -> None:
    month = usage.month(10_000, 100_000, Switches())
    metrics = [line for line in month if line.price == "metric"]
    by_line = {line: prices.by_name[line.price].of(line.units) for line in month}

    assert list_price(month, prices) > costs.GOAL
    assert after_allowances(month, prices) <= costs.GOAL
    assert max(by_line, key=by_line.__getitem__) in metrics
    assert next(iter(costs.by_service(usage.answering(1e7, Switches()), prices))) == "CloudFront"


def test_an_idle_month_has_no_cost_that_the_floor_does_not_name(prices: Prices) -> None:
    named = {"alarm", "dashboard", "kms_key", "secret", "ecr_gb_month", "sqs_request"}
    rest = tuple(line for line in usage.standing(Switches()) if line.price not in named)

    assert list_price(rest, prices) < 0.10


@pytest.mark.parametrize(
    ("switches", "dollars"),
    [
        (Switches(waf=True), 11.00),
        (Switches(snapstart=True), 6.83),
        (Switches(read_secret=True), 0.40),
        (Switches(told=True), 0.50),
    ],
)
def test_what_the_file_turns_off_costs_nothing(
    prices: Prices, switches: Switches, dollars: float
) -> None:
    more = list_price(usage.standing(switches), prices)

    assert more - list_price(usage.standing(Switches()), prices) == pytest.approx(dollars, abs=0.01)


def test_moderation_costs_more_than_all_other_indexing_together(prices: Prices) -> None:
    plain = list_price(usage.indexing(10_000, Switches()), prices)
    moderated = list_price(usage.indexing(10_000, Switches(moderation=True)), prices)

    assert moderated > 10 * plain


def test_a_canary_keeps_the_metrics_of_search_awake_but_pays_for_them_once() -> None:
    plain = uses(usage.month(1000, 1000, Switches()))["metric"]
    with_canary = uses(usage.month(1000, 1000, Switches(canary_minutes=5)))["metric"]

    assert with_canary == pytest.approx(plain + usage.CANARY_METRICS)


def test_a_cluster_has_room_for_the_next_model_beside_the_live_one() -> None:
    for images in costs.CATALOGUES:
        for quantisation in ("int8", "none"):
            needed = cluster(images, quantisation)
            assert needed.node_gb >= 2 * needed.serving_gb

    assert cluster(1_000_000, "int8").node_gb == 1
    assert cluster(10_000_000, "int8", replicas=2).ram_gb == 32


@pytest.mark.parametrize("name", environments())
def test_the_memory_that_is_priced_is_the_memory_that_is_deployed(name: str) -> None:
    chosen = environment(name)

    assert chosen.search.memory_mb / 1024 == usage.SEARCH_GB
    assert chosen.ingest.memory_mb / 1024 == usage.EMBED_GB
    assert RECONCILE_MB / 1024 == usage.LARGE_GB
    assert chosen.learning.instance_type == "ml.g5.xlarge"


BILLED_BY_THE_HOUR = (
    "AWS::EC2::",
    "AWS::ECS::",
    "AWS::ElastiCache::",
    "AWS::Kinesis::Stream",
    "AWS::OpenSearchS",
    "AWS::RDS::",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::NotebookInstance",
    "AWS::Lambda::CapacityProvider",
)


@pytest.mark.parametrize("name", environments())
def test_nothing_is_deployed_that_is_billed_by_the_hour(
    resources: Callable[[str], dict[str, Any]], name: str
) -> None:
    deployed = resources(name).values()

    assert not [one for one in deployed if one["Type"].startswith(BILLED_BY_THE_HOUR)]
    assert "ProvisionedConcurrency" not in json.dumps(list(deployed))


@pytest.mark.parametrize("name", environments())
def test_the_idle_month_counts_at_least_what_is_deployed(
    resources: Callable[[str], dict[str, Any]], name: str
) -> None:
    deployed = list(resources(name).values())
    kinds = Counter(one["Type"] for one in deployed)
    acls = [one["Properties"] for one in deployed if one["Type"] == "AWS::WAFv2::WebACL"]
    snapshots = [one for one in deployed if one.get("Properties", {}).get("SnapStart")]
    switches = Switches.of(environment(name))

    assert _metrics_watched(deployed) == usage.alarms(switches)
    assert kinds["AWS::CloudWatch::Dashboard"] <= 1
    assert kinds["AWS::KMS::Key"] <= usage.KMS_KEYS
    assert kinds["AWS::SecretsManager::Secret"] <= usage.SECRETS - 1  # Qdrant's is made by hand
    assert len(acls) <= switches.waf
    assert sum(len(acl["Rules"]) for acl in acls) <= usage.WAF_RULES
    assert len(snapshots) <= switches.snapstart


def _metrics_watched(deployed: list[dict[str, Any]]) -> int:
    """An alarm over an expression is billed for each metric in it."""
    alarms = [one["Properties"] for one in deployed if one["Type"] == "AWS::CloudWatch::Alarm"]
    return sum(
        sum("MetricStat" in metric for metric in alarm.get("Metrics", [])) or 1 for alarm in alarms
    )
