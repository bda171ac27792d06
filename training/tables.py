"""What was measured, as text to read and as JSON to keep."""

from collections.abc import Iterator, Sequence
from typing import Any

from training import metrics, slices
from training.compare import Comparison
from training.measured import Measured
from training.metrics import Scores
from training.outcome import Outcome
from training.protocols import Protocol
from training.slices import Slice

SHOWN = ("recall@1", "recall@10", "map@10")  # with their intervals
ALSO = ("recall@5", "precision@10", "ir_recall@10", "mrr@10", "ndcg@10")
CHANGED = 5  # queries named in the text; CHANGED_KEPT in the JSON
CHANGED_KEPT = 50
NAMED = 10  # skipped or missing files named in the text; all are in the JSON
DISJOINT = "41–80"


def text(outcome: Outcome, with_slices: bool = False) -> str:
    """Markdown; scores in %."""
    parts = [main_table(outcome.rows), further_table(outcome.rows)]
    if outcome.comparisons:
        parts += [comparison_table(outcome.comparisons), *changed_queries(outcome.comparisons)]
    if with_slices:
        parts += [slice_table(row, outcome) for row in outcome.rows if row.encoder in outcome.names]
    if outcome.index:
        parts.append("\n".join(_index_lines(outcome)))
    return "\n\n".join([*parts, "\n".join(notes(outcome))])


def main_table(rows: Sequence[Measured]) -> str:
    lines = [
        [row.protocol.name, row.encoder, f"{len(row.total)}", *map(cell, _of(row, SHOWN))]
        for row in rows
    ]
    return _table(["protocol", "encoder", "queries", *SHOWN], lines)


def further_table(rows: Sequence[Measured]) -> str:
    lines = [
        [row.protocol.name, row.encoder, *(f"{100 * s.mean():.1f}" for s in _of(row, ALSO))]
        for row in rows
    ]
    return _table(["protocol", "encoder", *ALSO], lines)


def cell(scores: Scores) -> str:
    """The mean and its 95 % bootstrap interval."""
    low, high = metrics.interval(scores)
    return f"{100 * scores.mean():.1f} ({100 * low:.1f}–{100 * high:.1f})"


def comparison_table(comparisons: Sequence[Comparison]) -> str:
    lines = [
        [
            one.protocol.name,
            f"{one.ours} − {one.theirs}",
            one.metric,
            _difference(one),
            f"{one.p:.4f}",
            one.verdict,
        ]
        for one in comparisons
    ]
    return _table(["protocol", "difference", "metric", "in points", "p", "verdict"], lines)


def _difference(one: Comparison) -> str:
    low, high = one.interval
    return f"{100 * one.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def changed_queries(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Of every protocol, the queries whose mAP changed most."""
    for one in comparisons:
        if one.metric == "map@10" and len(one.changed):
            lines = [
                f"- {100 * one.changes[row]:+.0f} {one.protocol.queries[row].path}"
                for row in one.changed[:CHANGED]
            ]
            title = f"Most changed, {one.protocol.name}, {one.ours} − {one.theirs}, map@10:"
            yield "\n".join([title, *lines])


def slice_table(row: Measured, outcome: Outcome) -> str:
    shown = [*slices.edges(slices.by_class(row)), *slices.by_size(row, outcome.sizes)]
    lines = [
        [one.kind, one.name, f"{len(one.rows)}", *(f"{100 * one.mean(name):.1f}" for name in SHOWN)]
        for one in shown
    ]
    title = f"{row.protocol.name}, {row.encoder}: worst and best classes, and sizes"
    return f"{title}\n\n" + _table(["by", "slice", "queries", *SHOWN], lines)


def notes(outcome: Outcome) -> Iterator[str]:
    """What a reader must know to judge the numbers."""
    yield (
        "In %, with 95 % bootstrap intervals over queries. recall@k is the hit rate: anything "
        "right among the first k. map@10 divides by min(10, right ones there are)."
    )
    for protocol in {row.protocol.name: row.protocol for row in outcome.rows}.values():
        yield from _left_out(protocol)
    yield from outcome.without
    if outcome.comparisons:
        yield (
            f"p: paired randomisation test of each row alone; of {len(outcome.comparisons)} rows "
            "one in twenty is below 0.05 by chance."
        )
    if any(DISJOINT in row.protocol.name for row in outcome.rows):
        yield from _training_data(outcome)
    yield from _files("could not be read", [f"{one.path}: {one.reason}" for one in outcome.skipped])
    yield from _files("are named but not there", outcome.missing)


def as_json(outcome: Outcome, with_slices: bool = False) -> dict[str, Any]:
    """Scores from 0 to 1. The slices are those of the models, without the prefix and the floor."""
    found: dict[str, Any] = {
        "models": [
            {
                "name": name,
                "model": card.model,
                "sha256": card.sha256,
                "dimension": card.dimension,
                "training_data": list(card.training_data),
            }
            for name, card in zip(outcome.names, outcome.cards, strict=True)
        ],
        "measured": [_row(row) for row in outcome.rows],
        "comparisons": [_comparison(one) for one in outcome.comparisons],
        "index": [vars(one) for one in outcome.index],
        "skipped": [{"path": str(one.path), "reason": one.reason} for one in outcome.skipped],
        "missing": outcome.missing,
    }
    if with_slices:
        models = [row for row in outcome.rows if row.encoder in outcome.names]
        found["slices"] = [_slice(one) for one in slices.every(models, outcome.sizes)]
    return found


def _row(row: Measured) -> dict[str, Any]:
    scores = {}
    for name, values in row.scores.items():
        low, high = metrics.interval(values)
        scores[name] = {"mean": float(values.mean()), "low": low, "high": high}
    protocol = row.protocol
    return {
        "protocol": protocol.name,
        "encoder": row.encoder,
        "queries": len(protocol.queries),
        "gallery": len(protocol.gallery),
        "unanswerable": protocol.unanswerable,
        "copies": protocol.copies,
        "scores": scores,
    }


def _comparison(one: Comparison) -> dict[str, Any]:
    changed = [
        {"path": str(one.protocol.queries[row].path), "change": float(one.changes[row])}
        for row in one.changed[:CHANGED_KEPT]
    ]
    return {
        "protocol": one.protocol.name,
        "metric": one.metric,
        "ours": one.ours,
        "theirs": one.theirs,
        "difference": one.difference,
        "interval": list(one.interval),
        "p": one.p,
        "verdict": one.verdict,
        "changed": changed,
    }


def _slice(one: Slice) -> dict[str, Any]:
    return {
        "protocol": one.measured.protocol.name,
        "encoder": one.measured.encoder,
        "kind": one.kind,
        "name": one.name,
        "queries": len(one.rows),
        "scores": {name: one.mean(name) for name in one.measured.scores},
    }


def _left_out(protocol: Protocol) -> Iterator[str]:
    reasons = {
        "queries were not asked: the gallery holds nothing of their label that they may find": (
            protocol.unanswerable
        ),
        "pictures were left out: byte for byte copies of others": protocol.copies,
        "pictures were left out: they have no label": protocol.unlabelled,
    }
    for reason, count in reasons.items():
        if count:
            yield f"{protocol.name}: {count} {reason}."
    if not protocol.others_only and {f.path for f in protocol.queries} & {
        f.path for f in protocol.gallery
    }:
        yield (
            f"{protocol.name}: no groups are known, so pictures of one session are right answers "
            "to each other; a CSV with a column `group` keeps them apart."
        )


def _index_lines(outcome: Outcome) -> Iterator[str]:
    for one in outcome.index:
        how = (
            "through its graph" if one.graph else "which compares all of them: so few need no graph"
        )
        yield (
            f"Index, {one.protocol}, {one.encoder}: {100 * one.recall:.2f} % of the exactly "
            f"nearest 10 of {one.points} pictures come back, {how}."
        )


def _training_data(outcome: Outcome) -> Iterator[str]:
    yield (
        f"Classes {DISJOINT} are unseen only by a model that was trained without their labels; of "
        "training data the cards say:"
    )
    for name, card in zip(outcome.names, outcome.cards, strict=True):
        yield f"- {name}: {'; '.join(card.training_data) or 'nothing'}"


def _files(trouble: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{len(lines)} pictures {trouble}:"
        yield from (f"- {line}" for line in lines[:NAMED])
    if len(lines) > NAMED:
        yield f"- and {len(lines) - NAMED} more"


def _of(row: Measured, names: Sequence[str]) -> list[Scores]:
    return [row.scores[name] for name in names]


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
