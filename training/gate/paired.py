"""The same questions put to two encoders: weighted figures, their intervals, and who is worse.

A question has a score between 0 and 1 from each encoder. Questions of one cluster (a session, a
picture asked about several times) are drawn and tested together: they stand or fall together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.measured import Measured
from training.metrics import ROUNDING, Scores

RESAMPLES = 2_000  # of the bootstrap: its 5th percentile stands on 100 of them
FLIPS = 9_999  # of the randomisation test: p is at least 1 / 10,000
DRAWN = 8_000_000  # numbers drawn at once: 64 MB


@dataclass(frozen=True)
class Paired:
    """ours, theirs: (n,) scores of the challenger and of the live encoder.

    weights: (n,) positive. clusters: (n,) equal numbers belong together. slices: by name, (n,)
    which questions belong to it. challenger, live: what both found, for a page of pictures, row by
    row the same questions.
    """

    name: str
    metric: str
    ours: Scores
    theirs: Scores
    weights: Scores
    clusters: NDArray[np.int64]
    slices: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    challenger: Measured | None = None
    live: Measured | None = None

    def part(self, chosen: NDArray[np.bool_]) -> "Paired":
        return Paired(
            self.name,
            self.metric,
            self.ours[chosen],
            self.theirs[chosen],
            self.weights[chosen],
            self.clusters[chosen],
        )


@dataclass(frozen=True)
class Difference:
    """Challenger − live, of weighted means.

    low, high: 95 % bootstrap interval over clusters. least: what it exceeds with 95 % confidence.
    p_worse: one-sided, of a challenger that loses no more than it may; see `chance_of_worse`.
    """

    questions: int
    clusters: int
    challenger: float
    live: float
    low: float
    high: float
    least: float
    p_worse: float

    @property
    def value(self) -> float:
        return self.challenger - self.live


def difference(asked: Paired, seed: int, may_lose: float = 0.0) -> Difference:
    """may_lose: of the figure, without being worse."""
    weights = asked.weights
    gained, weight = by_cluster(asked)
    draws = resampled(gained, weight, seed)
    least, low, high = np.percentile(draws, [5, 2.5, 97.5])
    return Difference(
        len(weights),
        len(gained),
        float(np.average(asked.ours, weights=weights)),
        float(np.average(asked.theirs, weights=weights)),
        float(low),
        float(high),
        float(least),
        chance_of_worse(gained + may_lose * weight, seed),
    )


def by_cluster(asked: Paired) -> tuple[Scores, Scores]:
    """Σ w (ours − theirs) and Σ w of every cluster that has a question."""
    present, number = np.unique(asked.clusters, return_inverse=True)
    gained = np.bincount(number, asked.weights * (asked.ours - asked.theirs), len(present))
    weight = np.bincount(number, asked.weights, len(present))
    return np.asarray(gained, np.float64), np.asarray(weight, np.float64)


def resampled(gained: Scores, weight: Scores, seed: int) -> Scores:
    """(RESAMPLES,) weighted mean differences, of clusters drawn with replacement.

    Self-normalised: Σ w d ÷ Σ w of what was drawn, as the figure itself is (A. Swaminathan,
    T. Joachims, "The self-normalized estimator for counterfactual learning", 2015).
    """
    draw, count = np.random.default_rng(seed), len(gained)
    means = []
    for rows in _portions(RESAMPLES, count):
        times = draw.multinomial(count, np.full(count, 1 / count), rows)
        means.append((times @ gained) / (times @ weight))
    return np.concatenate(means)


def chance_of_worse(gained: Scores, seed: int) -> float:
    """One-sided p of Σ w d against encoders that are alike, by flipping the signs of clusters.

    p = (1 + Σ [sum of flipped ≤ sum]) ÷ (1 + FLIPS). The test of `metrics.paired_p`, for one side,
    weights and clusters; 1 where nothing differs.
    """
    gained = gained[gained != 0]
    if not len(gained):
        return 1.0
    draw, slack = np.random.default_rng(seed), ROUNDING * np.abs(gained).sum()
    as_low = sum(
        int(
            (
                (draw.integers(2, size=(rows, len(gained))) * 2.0 - 1) @ gained
                <= gained.sum() + slack
            ).sum()
        )
        for rows in _portions(FLIPS, len(gained))
    )
    return (1 + as_low) / (1 + FLIPS)


def rejected(chances: Sequence[float], level: float) -> list[bool]:
    """Which hypotheses fall, so that with none wrong one falls with a chance of `level` at most.

    S. Holm, "A simple sequentially rejective multiple test procedure" (1979).
    """
    fallen = [False] * len(chances)
    for step, i in enumerate(sorted(range(len(chances)), key=lambda i: chances[i])):
        if chances[i] > level / (len(chances) - step):
            break
        fallen[i] = True
    return fallen


def _portions(rows: int, columns: int) -> Iterator[int]:
    most = max(1, DRAWN // max(1, columns))
    for start in range(0, rows, most):
        yield min(most, rows - start)
