"""What exploration costs and tells, by its share: python -m tests.training.clicks.budget."""

import argparse
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from lookalike.index import Candidate
from lookalike.policy import Policy
from lookalike.ranking import rank
from tests.training.clicks.conftest import Made
from tests.training.clicks.crowd import Crowd, indexed
from tests.training.clicks.shop import START, UNTIL, Telling, catalogue, write
from tests.training.clicks.test_clicks import agreement
from training import clicks

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
LIMIT, OVER_FETCH = 24, 3
NOW = datetime(2026, 11, 1, tzinfo=UTC)

Page = tuple[list[int], dict[int, float]]  # pictures by place; propensities by drawn place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=5_000)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    say("| share | clicks lost | moved clicks | off on average | at worst | off in 1-8 | tau |")
    say("|---|---|---|---|---|---|---|")
    for share in SHARES:
        told = [measured(Crowd(seed), share, asked.answers) for seed in range(asked.seeds)]
        lost, moved, mean, worst, first, tau = np.mean(told, axis=0)
        say(
            f"| {share:g} | {lost:.2%} | {moved:,.0f} | {mean:.0%} | {worst:.0%} | {first:.0%} "
            f"| {tau:.3f} |"
        )


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def measured(crowd: Crowd, share: float, answers: int) -> tuple[float, ...]:
    """Of a log of so many answers: clicks lost, clicks that moved, how far the curve is off on
    average, at worst and on average over the first eight places, and how well the weights order
    the pairs (Kendall's tau).
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        telling, lost = visited(crowd, share, answers)
        log = write(folder / "log", telling.rows)
        places = ["--interactions", str(log), "--out", str(folder / "out"), "--until", UNTIL]
        places += ["--images", str(catalogue(folder / "pictures", crowd.pictures))]
        assert clicks.main([*places, "--held-out", "0"]) == 0
        made = Made(folder / "out")
    rate = made.told["examination"]
    off = np.expm1(crowd.off(rate["curve"]))
    agreed = agreement(made.pairs(), crowd.alike)
    return lost, rate["clicks_that_moved"], off.mean(), off.max(), off[:8].mean(), agreed


def visited(crowd: Crowd, share: float, answers: int) -> tuple[Telling, float]:
    """The log, and which share of clicks the draws cost, in expectation."""
    chance, draws = (np.random.default_rng(crowd.seed + more) for more in (1_000, 2_000))
    telling, pages = Telling(crowd.seed), Pages(crowd, Policy(exploration=share))
    step, had, without = timedelta(days=20) / answers, 0.0, 0.0
    for number in range(answers):
        anchor = int(chance.integers(crowd.pictures))
        shown, explore = pages.page(anchor, draws.random())
        visit = crowd.visit(anchor, shown, chance)
        had += crowd.tempted(anchor, shown)[: visit.places].sum()
        without += crowd.tempted(anchor, pages.page(anchor, 1.0)[0])[: visit.places].sum()
        telling.answer(
            f"session-{number // 3}",
            anchor,
            shown,
            [shown[place - 1] for place in visit.clicked],
            at=START + number * step,
            seen=visit.places,
            explore=explore,
            policy=pages.policy.name,
        )
    return telling, 1 - had / without


class Pages:
    """Those of the real ranking, over what an exact index would find."""

    def __init__(self, crowd: Crowd, policy: Policy) -> None:
        self.policy = policy
        self.known = [indexed(number) for number in range(crowd.pictures)]
        self.numbers = {one.image_id: number for number, one in enumerate(self.known)}
        self.vectors = crowd.vectors.astype(np.float32)
        self.plain: dict[int, Page] = {}

    def page(self, anchor: int, draw: float) -> Page:
        if draw < self.policy.exploration:
            return self._ranked(anchor, draw)
        if anchor not in self.plain:
            self.plain[anchor] = self._ranked(anchor, 1.0)
        return self.plain[anchor]

    def _ranked(self, anchor: int, draw: float) -> Page:
        scores = self.vectors @ self.vectors[anchor]
        nearest = np.argsort(-scores)[: LIMIT * OVER_FETCH]
        found = [Candidate(self.known[n], float(scores[n]), self.vectors[n]) for n in nearest]
        page = rank(found, self.policy, LIMIT, NOW, self.known[anchor], draw=draw).results
        drawn = {one.position: one.propensity for one in page if one.slot == "explore"}
        return [self.numbers[one.candidate.image.image_id] for one in page], drawn


if __name__ == "__main__":
    main()
