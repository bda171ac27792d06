"""The tables of a report: scores with their intervals, one model against another, and slices."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from training import metrics
from training.compare import Comparison
from training.measured import Measured
from training.report.markup import Markup, joined, tag, text
from training.report.plots import Pen
from training.slices import Slice

SHOWN = {  # of the metrics, as a reader who is no specialist would name them
    "recall@1": "Hit rate @1",
    "recall@5": "Hit rate @5",
    "recall@10": "Hit rate @10",
    "map@10": "mAP@10",
}
NAMES = {
    **SHOWN,
    "precision@10": "Precision @10",
    "ir_recall@10": "IR recall @10",
    "mrr@10": "MRR@10",
    "ndcg@10": "nDCG@10",
}
SLICED = "recall@1"
WEAKEST_NAMED = 3  # classes in the summary of the table that holds them all
WORDS = 2  # the first columns of the comparison; numbers follow
SMALLEST_P = 0.001  # below, the number says no more to anyone


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def swatch(pen: Pen) -> Markup:
    kind = "swatch is-dashed" if pen.dashed else "swatch"
    return tag("i", class_=kind, style=f"--pen: {pen.variable}")


def scores(rows: Sequence[Measured], pens: Mapping[str, Pen]) -> Markup:
    """The table of one protocol; the colour of an encoder is that of its curves."""
    shown = [name for name in SHOWN if name in rows[0].scores]
    rest = [name for name in rows[0].scores if name not in SHOWN]
    table = _score_table(rows, shown, pens)
    if not rest:
        return table
    summary = tag("summary", "Further metrics")
    return joined([table, tag("details", summary, _score_table(rows, rest, pens))])


def _score_table(rows: Sequence[Measured], names: Sequence[str], pens: Mapping[str, Pen]) -> Markup:
    heads = (tag("th", NAMES.get(name, name), scope="col", class_="number") for name in names)
    head = tag("tr", tag("th", "Encoder", scope="col"), *heads)
    lines = (_score_row(row, names, pens[row.encoder]) for row in rows)
    table = tag("table", tag("thead", head), tag("tbody", *lines), class_="scores")
    return scrolling(table, f"Scores, {rows[0].protocol.name}")


def scrolling(table: Markup, label: str) -> Markup:
    """A wide table scrolls by itself, also by keyboard; the page never does."""
    return tag("div", table, class_="scroll", role="region", aria_label=label, tabindex=0)


def _score_row(row: Measured, names: Sequence[str], pen: Pen) -> Markup:
    cells = []
    for name in names:
        values = row.scores[name]
        low, high = metrics.interval(values)
        reach = f"{percent(low)}–{percent(high)}"
        mean = percent(float(values.mean()))
        cells.append(tag("td", bar(float(values.mean())), tag("b", mean), " ", tag("small", reach)))
    style = f"--pen: {pen.variable}"
    return tag("tr", tag("th", swatch(pen), row.encoder, scope="row"), *cells, style=style)


def bar(value: float) -> Markup:
    """How long it is says what the number beside it says."""
    return tag("span", class_="bar", aria_hidden="true", style=f"--share: {percent(value)}%")


def verdicts(comparisons: Sequence[Comparison]) -> Markup:
    """In words and numbers: is ours better than theirs? One group of rows a protocol."""
    head = ("Protocol", "Metric", "Verdict", "Difference, points", "95 % interval", "p")
    bodies = []
    for name, some in groupby(comparisons, lambda one: one.protocol.name):
        lines = [_verdict_cells(one) for one in some]
        first = tag("th", name, scope="rowgroup", rowspan=len(lines))
        rows = (tag("tr", *([first] if not i else []), *cells) for i, cells in enumerate(lines))
        bodies.append(tag("tbody", *rows))
    heads = (
        tag("th", name, scope="col", class_="number" if i > WORDS else None)
        for i, name in enumerate(head)
    )
    table = tag("table", tag("thead", tag("tr", *heads)), *bodies, class_="verdicts")
    return scrolling(table, "Paired comparison")


def _verdict_cells(one: Comparison) -> list[Markup]:
    low, high = one.interval
    numbers = (points(one.difference), f"{points(low)} to {points(high)}", chance(one.p))
    words = (tag("td", NAMES.get(one.metric, one.metric)), tag("td", verdict(one)))
    return [*words, *(tag("td", number, class_="number") for number in numbers)]


def verdict(one: Comparison) -> Markup:
    return tag("span", one.verdict, class_=f"chip is-{one.verdict}")


def chance(p: float) -> str:
    return f"< {SMALLEST_P}" if p < SMALLEST_P else f"{p:.3f}"


def tally(comparisons: Sequence[Comparison], metric: str) -> str:
    """One sentence; the empty string where the metric was not compared."""
    some = [one for one in comparisons if one.metric == metric]
    if not some:
        return ""
    counts = {word: sum(c.verdict == word for c in some) for word in ("better", "worse")}
    undecided = len(some) - sum(counts.values())
    return (
        f"{some[0].ours} against {some[0].theirs} by {NAMES.get(metric, metric).lower()}: "
        f"better on {counts['better']}, worse on {counts['worse']}, "
        f"undecided on {undecided} of {len(some)} protocols."
    )


def slices(groups: Sequence[Sequence[Slice]], kind: str, pens: Mapping[str, Pen]) -> Markup:
    """One row a slice, one column an encoder; as the first encoder's slices are ordered.

    groups: by encoder, of one protocol and one kind.
    """
    others = [{one.name: one for one in some} for some in groups]
    pen_of = [pens[some[0].measured.encoder] for some in groups]
    heads = [tag("th", kind.capitalize(), scope="col"), tag("th", "Queries", class_="number")]
    for some, pen in zip(groups, pen_of, strict=True):
        name = some[0].measured.encoder
        heads.append(tag("th", swatch(pen), name, scope="col", class_="number"))
    lines = []
    for one in groups[0]:
        cells = [
            tag(
                "td",
                bar(known[one.name].mean(SLICED)),
                tag("b", percent(known[one.name].mean(SLICED))),
                style=f"--pen: {pen.variable}",
            )
            for known, pen in zip(others, pen_of, strict=True)
        ]
        count = tag("td", f"{len(one.rows):,}", class_="number")
        lines.append(tag("tr", tag("th", one.name, scope="row"), count, *cells))
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *lines), class_="scores")
    return scrolling(table, f"Scores by {kind}")


def weakest(some: Sequence[Slice]) -> Markup:
    named = [
        f"{one.name} {percent(one.mean(SLICED))} %"
        for one in sorted(some, key=lambda one: one.mean(SLICED))[:WEAKEST_NAMED]
    ]
    return text(f"{len(some)} classes; weakest: {', '.join(named)}")
