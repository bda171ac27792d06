"""Two encoders on the same queries: is one better, or is it chance?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training import metrics
from training.measured import Measured
from training.protocols import Protocol

SURE = 0.05  # p below which a difference counts, if its 95 % interval leaves out 0 too
COMPARED = ("recall@1", "recall@10", "map@10")

Verdict = Literal["better", "worse", "undecided"]


@dataclass(frozen=True)
class Comparison:
    """`ours` against `theirs`, query by query.

    difference: mean of ours − theirs, from -1 to 1; interval: its 95 % bootstrap interval.
    p: of the paired randomisation test; two-sided, of this comparison alone.
    changed: rows of `protocol.queries` whose score differs, the largest change first.
    changes: (queries,) ours − theirs.
    """

    protocol: Protocol
    metric: str
    ours: str
    theirs: str
    difference: float
    interval: tuple[float, float]
    p: float
    changed: NDArray[np.int64]
    changes: NDArray[np.float64]

    @property
    def verdict(self) -> Verdict:
        """Decided only if interval and test agree."""
        low, high = self.interval
        if self.p >= SURE or low <= 0 <= high:
            return "undecided"
        return "better" if self.difference > 0 else "worse"


def compared(rows: Sequence[Measured], ours: str, theirs: str) -> list[Comparison]:
    """One comparison for each metric of COMPARED on every protocol both were measured on."""
    known = {(row.protocol.name, row.encoder): row for row in rows}
    names = dict.fromkeys(row.protocol.name for row in rows)
    pairs = [(known.get((name, ours)), known.get((name, theirs))) for name in names]
    return [
        compare(mine, other, metric)
        for mine, other in pairs
        if mine is not None and other is not None
        for metric in COMPARED
    ]


def compare(ours: Measured, theirs: Measured, metric: str) -> Comparison:
    """Raises ValueError if they were not asked the same queries: nothing would be paired."""
    if ours.protocol != theirs.protocol:
        raise ValueError(f"{ours.encoder} and {theirs.encoder} were asked different queries")
    mine, other = ours.scores[metric], theirs.scores[metric]
    changes = mine - other
    order = np.argsort(-np.abs(changes), kind="stable")
    return Comparison(
        ours.protocol,
        metric,
        ours.encoder,
        theirs.encoder,
        float(changes.mean()),
        metrics.paired_interval(mine, other),
        metrics.paired_p(mine, other),
        order[changes[order] != 0],
        changes,
    )
