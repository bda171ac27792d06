"""Whoever wants one picture up, and clicks for it: shapes of attack on a shop's log."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from tests.cheats.world import DAYS, LONGEST, PAGE, Shoppers, World
from tests.training.clicks.shop import START, Telling

LATEST = 0.97  # of the days: nobody clicks after the log ends
A_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Attack:
    """clicks: on the target, to be spent. What was done with them is in the log."""

    world: World
    telling: Telling
    target: int
    clicks: int
    chance: np.random.Generator

    def anchors(self, limit: int) -> list[int]:
        """Where the target stands, best place first: only there a click can be told."""
        places = {}
        for anchor in range(self.world.pictures):
            shown = self.world.page(anchor, 1.0, limit)[0]
            if anchor != self.target and self.target in shown:
                places[anchor] = shown.index(self.target)
        return sorted(places, key=lambda anchor: (places[anchor], anchor))

    def cheat(self, number: int) -> str:
        """A session, and an address: nobody else's."""
        return f"cheat-{self.target}-{number}"

    def click(self, anchor: int, turn: int, session: str, address: str, limit: int) -> None:
        """One answer about this picture, looked at as far as the target, and that clicked."""
        shown, explore = self.world.page(anchor, 1.0, limit)
        self.telling.answer(
            session,
            anchor,
            shown,
            [self.target],
            at=START + DAYS * (LATEST * turn / self.clicks) + turn % 7 * A_MINUTE,
            seen=shown.index(self.target) + 1,
            explore=explore,
            address=address,
            policy=self.world.policy.name,
        )

    def two_from_each(self, anchors: Sequence[int], limit: int) -> None:
        """All clicks, two from each of many addresses, on these pictures in turn."""
        for turn in range(self.clicks):
            who = self.cheat(turn // 2)
            self.click(anchors[turn % len(anchors)], turn, who, who, limit)


Shape = Callable[[Attack], None]


def one_session(attack: Attack) -> None:
    """Everything in one go."""
    anchors = attack.anchors(PAGE)
    for turn in range(attack.clicks):
        attack.click(anchors[turn % len(anchors)], turn, attack.cheat(0), attack.cheat(0), PAGE)


def one_address(attack: Attack) -> None:
    """A new session for every two clicks."""
    anchors = attack.anchors(PAGE)
    for turn in range(attack.clicks):
        anchor = anchors[turn % len(anchors)]
        attack.click(anchor, turn, attack.cheat(turn // 2), attack.cheat(0), PAGE)


def many_addresses(attack: Attack) -> None:
    """Two clicks from each of many addresses, on every anchor of the page in turn."""
    attack.two_from_each(attack.anchors(PAGE), PAGE)


def far_and_wide(attack: Attack) -> None:
    """Long answers, in which the target stands nearly always: two clicks for each anchor, from two
    addresses, for as many anchors as there are clicks."""
    attack.two_from_each(attack.anchors(LONGEST)[: max(2, attack.clicks // 2)], LONGEST)


def few_anchors(attack: Attack) -> None:
    """All on eight anchors where it hardly stands on the page, each click from another address."""
    anchors = attack.anchors(PAGE)[-8:]
    for turn in range(attack.clicks):
        who = attack.cheat(turn)
        attack.click(anchors[turn % len(anchors)], turn, who, who, PAGE)


def like_people(attack: Attack) -> None:
    """Visits as shoppers make them, from an address each, with clicks on what shoppers like; and on
    the target wherever it comes into view. All of their clicks count as fake."""
    bots = Shoppers(attack.world, attack.telling, int(attack.chance.integers(1 << 30)))
    anchors, visit = attack.anchors(PAGE), 0
    while bots.clicks < attack.clicks:
        at = START + DAYS * (LATEST * min(1.0, bots.clicks / attack.clicks))
        for turn in range(bots.habits.answers(attack.chance)):
            anchor = anchors[int(attack.chance.integers(len(anchors)))]
            bots.look(
                attack.cheat(visit),
                anchor,
                at + turn * 2 * A_MINUTE,
                attack.chance,
                [attack.target],
            )
        visit += 1


def one_family(attack: Attack) -> None:
    """All on pictures of one other kind, whichever the target stands beside most often. They are
    company for each other, so nothing tells these clicks from those of people."""
    kinds = attack.world.kinds
    anchors = [one for one in attack.anchors(LONGEST) if kinds[one] != kinds[attack.target]]
    family, _ = Counter(kinds[one] for one in anchors).most_common(1)[0]
    attack.two_from_each([one for one in anchors if kinds[one] == family], LONGEST)


SHAPES: dict[str, Shape] = {
    shape.__name__.replace("_", "-"): shape
    for shape in (
        one_session,
        one_address,
        many_addresses,
        far_and_wide,
        few_anchors,
        like_people,
        one_family,
    )
}


def attacked(
    world: World, honest: Shoppers, name: str, share: float, targets: Sequence[int], seed: int
) -> Telling:
    """The log of the honest, and beside it so many fake clicks that those for each target are this
    share of all but the other targets'.
    """
    telling = Telling(seed + 7_000)
    clicks = round(honest.clicks * share / (1 - share))
    chance = np.random.default_rng((seed, 7))
    for target in targets:
        SHAPES[name](Attack(world, telling, target, clicks, chance))
    return replace(telling, rows=[*honest.telling.rows, *telling.rows])
