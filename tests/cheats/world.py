"""A small shop of drawn fabrics: pages by the real ranking, and shoppers whose taste is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from local.fabrics import plan
from local.shoppers.habits import Habits, Taste
from lookalike.catalogue import IndexedImage
from lookalike.encoder import Encoder
from lookalike.index import Candidate
from lookalike.models import SHIPPED
from lookalike.policy import Policy
from lookalike.ranking import rank
from tests.training.clicks.crowd import indexed
from tests.training.clicks.shop import START, Telling, key

SIDE = 192  # pixels: more than the encoder looks at
DRAWN = 7  # the seed of every catalogue: worlds differ in who comes
PAGE, LONGEST = 24, 100  # results: of the page, and of whoever asks for more
OVER_FETCH = 3
DAYS = timedelta(days=20)
NOW = datetime(2026, 11, 1, tzinfo=UTC)

Vectors = NDArray[np.float32]
Page = tuple[list[int], dict[int, float]]  # pictures by place; propensities by drawn place


@dataclass
class World:
    """Pictures by number, in `folder` under `shop.key`. kinds: what a shopper looks for in each."""

    folder: Path
    kinds: list[str]
    policy: Policy = field(default_factory=Policy)
    plain: dict[tuple[int, int], Page] = field(default_factory=dict)

    @property
    def pictures(self) -> int:
        return len(self.kinds)

    @cached_property
    def known(self) -> list[IndexedImage]:
        return [indexed(number) for number in range(self.pictures)]

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {one.image_id: number for number, one in enumerate(self.known)}

    @cached_property
    def taste(self) -> Taste:
        return Taste({one.image_id: self.kinds[n] for n, one in enumerate(self.known)})

    @cached_property
    def vectors(self) -> Vectors:
        """(pictures, dimension) by the encoder that ships."""
        from lookalike.images import decode

        encoder, paths = Encoder(SHIPPED), (self.folder / key(n) for n in range(self.pictures))
        return np.stack([encoder.encode([decode(path.read_bytes()).pixels])[0] for path in paths])

    def page(self, anchor: int, draw: float, limit: int = PAGE) -> Page:
        """What stands where when this picture is asked about. draw: the explorer's number."""
        if draw < self.policy.exploration:
            return self._ranked(anchor, draw, limit)
        if (anchor, limit) not in self.plain:
            self.plain[anchor, limit] = self._ranked(anchor, 1.0, limit)
        return self.plain[anchor, limit]

    def _ranked(self, anchor: int, draw: float, limit: int) -> Page:
        scores = self.vectors @ self.vectors[anchor]
        nearest = np.argsort(-scores)[: limit * OVER_FETCH]
        found = [Candidate(self.known[n], float(scores[n]), self.vectors[n]) for n in nearest]
        page = rank(found, self.policy, limit, NOW, self.known[anchor], draw=draw).results
        drawn = {one.position: one.propensity for one in page if one.slot == "explore"}
        return [self.numbers[one.candidate.image.image_id] for one in page], drawn


def drawn(folder: Path, count: int) -> World:
    """Draws the catalogue, unless it lies there already."""
    fabrics = list(plan(count, DRAWN))
    for number, fabric in enumerate(fabrics):
        path = folder / key(number)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            fabric.draw(DRAWN).resize((SIDE, SIDE)).save(path, "JPEG", quality=90)
    return World(folder, [fabric.label.motif for fabric in fabrics])


@dataclass
class Shoppers:
    """People who each come once, from an address of their own."""

    world: World
    telling: Telling
    seed: int
    habits: Habits = field(default_factory=Habits)
    clicks: int = 0

    def come(self, answers: int) -> None:
        """Until so many answers were looked at, spread over DAYS."""
        chance, given, visit = np.random.default_rng((self.seed, 0)), 0, 0
        while given < answers:
            length = self.habits.answers(chance)
            at = START + DAYS * (given / answers)
            self._walk(f"shopper-{visit}", length, at, chance)
            given, visit = given + length, visit + 1

    def _walk(self, session: str, answers: int, at: datetime, chance: np.random.Generator) -> None:
        clicked: list[int] = []
        for turn in range(answers):
            follows = clicked and chance.random() < self.habits.follows
            among = clicked if follows else range(self.world.pictures)
            anchor = int(among[int(chance.integers(len(among)))])
            clicked += self.look(session, anchor, at + turn * timedelta(minutes=2), chance)

    def look(
        self,
        session: str,
        anchor: int,
        at: datetime,
        chance: np.random.Generator,
        also: Sequence[int] = (),
        limit: int = PAGE,
    ) -> list[int]:
        """One answer, and what was clicked. also: what is clicked wherever it comes into view."""
        shown, explore = self.world.page(anchor, chance.random(), limit)
        seen = self.habits.seen(len(shown), chance)
        ids = [{"image_id": self.world.known[n].image_id} for n in shown[:seen]]
        liked = self.world.taste.clicked(
            self.world.known[anchor].image_id, ids, self.habits, chance
        )
        clicked = [self.world.numbers[one["image_id"]] for one in liked]
        clicked += [one for one in also if one in shown[:seen] and one not in clicked]
        self.telling.answer(
            session,
            anchor,
            shown,
            clicked,
            at=at,
            seen=seen,
            explore=explore,
            policy=self.world.policy.name,
        )
        self.clicks += len(clicked)
        return clicked
