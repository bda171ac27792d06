"""docs/costs.md: python -m infra.costs > docs/costs.md."""

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from infra import usage
from infra.bill import Bill, after_allowances, list_price
from infra.cluster_size import FREE_GB, cluster
from infra.environment import environment, environments
from infra.prices import Prices
from infra.usage import Switches

GOAL = 10  # dollars for 100,000 searches, besides the vector database
CATALOGUES = (10_000, 1_000_000, 10_000_000)
SEARCHES = (100_000, 10_000_000)
TRAINING_MINUTES = environment("dev").learning.training_minutes
PLAIN = Switches()

# https://github.com/aws-solutions-library-samples/guidance-for-simple-visual-search-on-aws, README,
# "Sample Cost Table": us-east-1, June 2024, 100,000 searches a month. Read on 2026-11-22.
GUIDANCE = {
    "API Gateway": 0.35,
    "Lambda": 0.68,
    "Bedrock, Titan multimodal embeddings": 6.96,
    "Bedrock, Claude 3 Sonnet captions": 54.00,
    "Vector database": 350.42,
}
GUIDANCE_TOTAL = 412.43  # as they say it; their rows come to 412.41

Row = Sequence[str]


def table(head: Row, rows: Iterable[Row]) -> str:
    """A Markdown table; columns after the first are numbers when all of theirs are."""
    body = [list(row) for row in rows]
    numbers = [all(re.match(r"^[≈≤$\d–]", row[i]) for row in body) for i in range(len(head))]
    rule = ["---:" if number and i else "---" for i, number in enumerate(numbers)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *body])


def dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount < 1000 else f"${amount:,.0f}"


def by_service(bill: Bill, prices: Prices) -> dict[str, float]:
    """At list price, dearest first."""
    sums: dict[str, float] = {}
    for line in bill:
        cost = prices.by_name[line.price].of(line.units)
        sums[line.service] = sums.get(line.service, 0) + cost
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def goals(prices: Prices) -> str:
    more = list_price(usage.answering(SEARCHES[0], PLAIN), prices)
    small = usage.month(CATALOGUES[0], SEARCHES[0], PLAIN)
    floor = usage.standing(Switches.of(environment("dev")))
    rows = [
        ["100,000 searches more", dollars(more), f"≤ ${GOAL}", _met(more <= GOAL)],
        ["the same, allowances taken off",
         dollars(after_allowances(usage.answering(SEARCHES[0], PLAIN), prices)), "–", ""],
        ["a whole month: 10,000 images, 100,000 searches", dollars(list_price(small, prices)),
         f"≤ ${GOAL}", _met(list_price(small, prices) <= GOAL)],
        ["the same, allowances taken off", dollars(after_allowances(small, prices)),
         f"≤ ${GOAL}", _met(after_allowances(small, prices) <= GOAL)],
        ["an idle month, dev", dollars(list_price(floor, prices)), "$0",
         _met(list_price(floor, prices) == 0)],
        ["the same, allowances taken off", dollars(after_allowances(floor, prices)), "$0",
         _met(after_allowances(floor, prices) == 0)],
    ]  # fmt: skip
    return table(["besides the vector database", "costs", "goal", ""], rows)


def _met(yes: bool) -> str:
    return "met" if yes else "**not met**"


def idle(prices: Prices) -> str:
    """What an empty deployment of each environment file costs in a month."""
    names = environments()
    bills = {name: usage.standing(Switches.of(environment(name))) for name in names}
    services = by_service(tuple(line for bill in bills.values() for line in bill), prices)
    rows = [
        [service, *(dollars(by_service(bills[name], prices).get(service, 0)) for name in names)]
        for service in services
    ]
    for label, total in (("**list price**", list_price), ("**allowances off**", after_allowances)):
        rows.append([label, *(dollars(total(bills[name], prices)) for name in names)])
    return table(["idle month", *names], rows)


def floor(prices: Prices) -> str:
    """What in the floor can be turned off, and by which value of the environment file."""
    plain = list_price(usage.standing(PLAIN), prices)
    rows = []
    for what, switches, value in (
        ("firewall", Switches(waf=True), "`api.waf = false`"),
        ("SnapStart's snapshot of search", Switches(snapstart=True), "`search.snapstart = false`"),
        ("a canary every 5 minutes", Switches(canary_minutes=5), "`watching.canary_minutes = 0`"),
        ("alarms of slowness, learning and metrics", Switches(told=True), '`watching.email = ""`'),
        ("a secret that only reads", Switches(read_secret=True), '`qdrant.read_secret = ""`'),
    ):
        rows.append([what, dollars(list_price(usage.standing(switches), prices) - plain), value])
    kept = {
        f"{usage.ALARMS} alarms": ("alarm", "nothing; ten are free"),
        "the dashboard": ("dashboard", "nothing; three are free"),
        "the key for interactions": ("kms_key", "nothing"),
        f"{usage.SECRETS} secrets": ("secret", "nothing"),
        "container images": ("ecr_gb_month", "nothing; old ones can be deleted"),
        "Lambda asking an empty queue": ("sqs_request", "nothing; a million requests are free"),
    }
    units = {line.price: line.units for line in usage.standing(PLAIN)}
    for what, (price, how) in kept.items():
        rows.append([what, dollars(prices.by_name[price].of(units[price])), how])
    return table(["part of the floor", "a month", "turned off by"], rows)


def months(prices: Prices) -> str:
    """Every catalogue with every traffic, plain and with what can be turned on."""
    rows = []
    for images in CATALOGUES:
        for searches in SEARCHES:
            bills = [
                usage.month(images, searches, switches)
                for switches in (PLAIN, Switches(waf=True), Switches(snapstart=True), _EVERYTHING)
            ]
            costs = [dollars(list_price(bill, prices)) for bill in bills]
            off = dollars(after_allowances(bills[0], prices))
            rows.append([f"{images:,}", f"{searches:,}", costs[0], off, *costs[1:]])
    head = ["images", "searches", "plain", "plain, allowances off", "+ WAF", "+ SnapStart", "prod"]
    return table(head, rows)


_EVERYTHING = Switches.of(environment("prod"))


def services(prices: Prices) -> str:
    """Where a month's money goes, for a million images."""
    bills = [usage.month(CATALOGUES[1], searches, PLAIN) for searches in SEARCHES]
    split = [by_service(bill, prices) for bill in bills]
    rows = [
        [service, *(dollars(sums.get(service, 0)) for sums in split)]
        for service in sorted(split[1], key=lambda one: -split[1][one])
    ]
    rows.append(["**all**", *(dollars(list_price(bill, prices)) for bill in bills)])
    return table(["1,000,000 images", *(f"{searches:,} searches" for searches in SEARCHES)], rows)


def once(prices: Prices) -> str:
    rows = []
    for images in CATALOGUES:
        indexed = list_price(usage.indexing(images, PLAIN), prices)
        moderated = list_price(usage.indexing(images, Switches(moderation=True)), prices)
        again = list_price(usage.retraining(images, TRAINING_MINUTES), prices)
        costs = (indexed, moderated, again)
        rows.append([f"{images:,}", *(dollars(cost) for cost in costs)])
    return table(["images", "first indexing", "moderated by Rekognition", "one retraining"], rows)


def _moderated_for_each_indexed(prices: Prices) -> int:
    moderated = prices.by_name["rekognition_image"].of(1)
    return int(moderated / list_price(usage.indexing(1, PLAIN), prices))


def vector_database(prices: Prices) -> str:
    rows = []
    for images in CATALOGUES:
        for quantisation in ("int8", "none"):
            one, two = (cluster(images, quantisation, replicas) for replicas in (1, 2))
            each = prices.by_name["qdrant_gb_month"].of(1)
            free = " (fits the free one)" if one.node_gb <= FREE_GB else ""
            rows.append([
                f"{images:,}", quantisation, _size(one.serving_gb), f"{one.node_gb} GB{free}",
                f"≈ {dollars(one.ram_gb * each)}", f"≈ {dollars(two.ram_gb * each)}",
            ])  # fmt: skip
    head = ["images", "`qdrant.quantisation`", "one collection", "node for two"]
    return table([*head, "1 replica", "2 replicas"], rows)


def _size(gb: float) -> str:
    return f"{gb:.1f} GB" if gb >= 1 else f"{1000 * gb:.0f} MB"


def guidance(prices: Prices) -> str:
    """Their rows, ours beside them, then what their table leaves out."""
    searches = SEARCHES[0]
    asked = [line for line in usage.answering(searches, PLAIN) if line.what != "interactions"]
    ours = by_service(tuple(asked), prices)
    api = prices.by_name["api_gateway_rest"].of(searches)
    requests = prices.by_name["lambda_request"].of(usage.BEACONS * searches)
    database = prices.by_name["qdrant_gb_month"].of(1)
    rows = [["API Gateway", dollars(GUIDANCE["API Gateway"]), dollars(api)]]
    compute = ours["Lambda"] - requests
    rows.append(["Lambda", dollars(GUIDANCE["Lambda"]), dollars(compute)])
    for name, cost in list(GUIDANCE.items())[2:4]:
        rows.append([name, dollars(cost), "$0.00"])
    rows.append(["Vector database", dollars(GUIDANCE["Vector database"]), f"≈ {dollars(database)}"])
    same = api + compute + database
    rows.append(["**the same scope**", f"**{dollars(GUIDANCE_TOTAL)}**", f"**≈ {dollars(same)}**"])
    all_of_it = list_price(usage.month(CATALOGUES[0], searches, PLAIN), prices) + database
    rows.append(["**with all that it leaves out**", "–", f"**≈ {dollars(all_of_it)}**"])
    return table(["100,000 searches a month", "Guidance", "Lookalike"], rows)


def assumptions() -> str:
    """The constants of infra/usage.py, with their comments."""
    source = Path(usage.__file__).read_text(encoding="utf-8")
    found = re.findall(r"^([A-Z][A-Z0-9_, ]+) = (.+?)(?:  # (.+))?$", source, re.MULTILINE)
    return table(["name", "value", "meaning"], [[f"`{a}`", f"`{b}`", c] for a, b, c in found])


def unit_prices(prices: Prices) -> str:
    rows = []
    for name, one in prices.by_name.items():
        price = f"${one.price:.10f}".rstrip("0").rstrip(".")
        price += f" / {one.per:,}" if one.per > 1 else ""
        free = f"{one.free:,}" if one.free else "–"
        read = f"[{one.checked}]({one.source}), {one.read}"
        rows.append([f"`{name}`", price, one.unit, free, read, one.note])
    return table(["name", "price", "unit", "free a month", "source, read", "note"], rows)


def page(prices: Prices) -> str:
    template = (Path(__file__).parent / "costs_template.md").read_text(encoding="utf-8")
    checked = [one.checked for one in prices.by_name.values()]
    return template.format(
        region=prices.region,
        vendor=checked.count("vendor"),
        quoted=checked.count("quoted"),
        memory=checked.count("memory"),
        goals=goals(prices),
        idle=idle(prices),
        floor=floor(prices),
        months=months(prices),
        services=services(prices),
        once=once(prices),
        dwarfed=_moderated_for_each_indexed(prices),
        vector_database=vector_database(prices),
        guidance=guidance(prices),
        assumptions=assumptions(),
        prices=unit_prices(prices),
    )


if __name__ == "__main__":
    sys.stdout.write(page(Prices.read()))
