"""How far fake clicks raise a target: the same shop learnt from with them and without."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from local.story.agreement import agreed
from lookalike.interaction_log import Row
from tests.cheats.attacks import attacked
from tests.cheats.quiet import quiet
from tests.cheats.world import Shoppers, World
from tests.training.clicks.shop import UNTIL, Telling, write
from training import beginning, clicks, material, train
from training.clicks import closure
from training.clicks.files import described
from training.retraining import RECIPE
from training.showing import Features
from training.stopping import Stop

TOP = 10
CPU = torch.device("cpu")
RESAMPLES = 2_000
HIGHEST = 1.1  # lift: what the issue asks for


class Standing(NamedTuple):
    """Of how many pictures, each asked about once, a target is among the first ten: of its own kind
    and of others.
    """

    own: int
    foreign: int


@dataclass(frozen=True)
class Learnt:
    """vectors: (pictures, dimension) of the encoder that learnt. told: of its data set."""

    vectors: NDArray[np.float32]
    told: dict[str, Any]

    def standing(self, targets: Sequence[int], kinds: Sequence[str]) -> "Standing":
        similar = self.vectors @ self.vectors.T
        np.fill_diagonal(similar, -np.inf)
        first = np.argsort(-similar, axis=1, kind="stable")[:, :TOP]
        own = foreign = 0
        for target in targets:
            alike = np.array(kinds) == kinds[target]
            shown = (first == target).any(axis=1)
            own, foreign = own + int((shown & alike).sum()), foreign + int((shown & ~alike).sum())
        return Standing(own, foreign)


@dataclass(frozen=True)
class School:
    """Learns from a log as `lookalike retrain` does; features are computed once for all."""

    world: World
    folder: Path
    steps: int = int(RECIPE["steps"])

    def learn(self, rows: list[Row]) -> Learnt:
        here = self.folder / "run"
        shutil.rmtree(here, ignore_errors=True)
        self.dataset(rows, here)
        with quiet():
            return self._trained(here)

    def dataset(self, rows: list[Row], here: Path) -> dict[str, Any]:
        log = write(here / "log", rows)
        named = ["--interactions", str(log), "--images", str(self.world.folder), "--until", UNTIL]
        with quiet():
            assert clicks.main([*named, "--out", str(here / "dataset")]) == 0
        return described(here / "dataset")

    def _trained(self, here: Path) -> Learnt:
        told = {
            "weights": "shipped",
            "pictures": self.world.folder,
            "clicks": here / "dataset/clicks.jsonl",
            "out": here / "model",
            "cache": self.folder / "cache",
            **RECIPE,
            "steps": self.steps,
        }
        options = train.read([word for k, v in told.items() for word in (f"--{k}", str(v))])
        found = material.gathered(options, beginning.side(options), train.cache_of(options))
        run = train.begun(options, found, CPU)
        train.study(run, Stop(0, CPU))
        assert isinstance(run.show, Features)
        order = np.argsort([file.path.name for file in found.pool.files])
        with torch.no_grad():
            whole = run.show.whole(torch.from_numpy(order))
            vectors: NDArray[np.float32] = run.learner.blended().eval().vectors(whole).numpy()
        return Learnt(vectors, described(here / "dataset"))


class Lifted(NamedTuple):
    """rates: clicks a sighting of the targets, in what a report would count."""

    shape: str
    share: float
    seed: int
    before: Standing
    after: Standing
    rates: tuple[float, float]


@dataclass(frozen=True)
class Trial:
    """One shop with its honest log, and a target for each of those who cheat."""

    school: School
    seed: int
    honest: Shoppers
    targets: list[int]
    plain: Learnt = field(repr=False)

    @classmethod
    def begin(cls, school: School, seed: int, answers: int, targets: int = 1) -> "Trial":
        honest = Shoppers(school.world, Telling(seed), seed)
        honest.come(answers)
        draw, plain = np.random.default_rng((seed, 3)), school.learn(honest.telling.rows)
        chosen = draw.choice(school.world.pictures, targets, replace=False).tolist()
        return cls(school, seed, honest, chosen, plain)

    @property
    def precision(self) -> float:
        """mAP of what the honest taught, by their taste."""
        return agreed(self.plain.vectors, self.school.world.kinds).mean_precision

    def attacked(self, shape: str, share: float) -> Lifted:
        world, rows = self.school.world, self.honest.telling.rows
        more = attacked(world, self.honest, shape, share, self.targets, self.seed).rows
        after = self.school.learn(more)
        images = {world.known[target].image_id for target in self.targets}
        return Lifted(
            shape,
            share,
            self.seed,
            self.plain.standing(self.targets, world.kinds),
            after.standing(self.targets, world.kinds),
            (click_rate(rows, images), click_rate(more, images)),
        )


def click_rate(rows: Sequence[Row], images: Set[str]) -> float:
    seen, clicked = (
        {
            (row["query_id"], row["image_id"])
            for row in rows
            if row["image_id"] in images and row["type"] == kind
        }
        for kind in ("impression", "click")
    )
    return len(clicked & seen) / max(1, len(seen))


def lift(some: Sequence[Lifted]) -> float:
    before, after = _standings(some).sum(axis=(1, 2))
    return float(after / before)


def interval(some: Sequence[Lifted]) -> tuple[float, float]:
    """95 %, by a bootstrap over shops."""
    draw = np.random.default_rng(0)
    before, after = _standings(some).sum(axis=2)
    rows = draw.integers(len(some), size=(RESAMPLES, len(some)))
    low, high = np.percentile(after[rows].sum(1) / before[rows].sum(1), [2.5, 97.5])
    return float(low), float(high)


def row(some: Sequence[Lifted], targets: int) -> str:
    low, high = interval(some)
    rates = np.mean([one.rates for one in some], axis=0)
    own, foreign = (_standings(some).mean(axis=1) / targets).T
    return (
        f"| {some[0].shape} | {some[0].share:.0%} | {lift(some):.2f} ({low:.2f}–{high:.2f}) | "
        f"{own[0]:.1f} → {own[1]:.1f} | {foreign[0]:.1f} → {foreign[1]:.1f} | "
        f"{rates[0]:.1%} → {rates[1]:.1%} |"
    )


def _standings(some: Sequence[Lifted]) -> NDArray[np.int64]:
    """(before and after, shops, own and foreign)."""
    return np.array([[one.before for one in some], [one.after for one in some]])


@dataclass(frozen=True)
class Asked:
    """targets: of each shop, each with fake clicks of its own. shares: of fake clicks for one."""

    seeds: Sequence[int]
    answers: int
    targets: int
    shapes: Sequence[str]
    shares: Sequence[float]


def trials(school: School, asked: Asked, say: Callable[[str], None]) -> Iterator[list[Lifted]]:
    """By shape and share, what came of it in every shop."""
    shops = [Trial.begin(school, seed, asked.answers, asked.targets) for seed in asked.seeds]
    precision = float(np.mean([shop.precision for shop in shops]))
    say(f"{len(shops)} shops of {school.world.pictures} pictures; honest mAP {precision:.3f}")
    say("| shape | share | lift (95 %) | its own kind | other kinds | its click rate |")
    say("|---|---|---|---|---|---|")
    for shape in asked.shapes:
        for share in asked.shares:
            yield [shop.attacked(shape, share) for shop in shops]


@contextlib.contextmanager
def strangers_let_in() -> Iterator[None]:
    """As it was before: to show that the test can fail, and what the guard costs the honest."""
    kept = closure.STRANGERS
    closure.STRANGERS = "select 1"
    try:
        yield
    finally:
        closure.STRANGERS = kept
