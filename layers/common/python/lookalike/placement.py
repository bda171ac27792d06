"""Which result goes where: variety, one of each group, the few paid places and the drawn one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from lookalike.duplicates import vectors_of
from lookalike.index import Candidate
from lookalike.policy import Policy

Slot = Literal["organic", "sponsored", "explore"]


@dataclass(frozen=True, slots=True)
class Rated:
    """A candidate worth showing. relevance: its score, lifted by clicks if it has any."""

    candidate: Candidate
    relevance: float


@dataclass(frozen=True, slots=True)
class Placed:
    """A result in the order of the page. campaign: who paid for the place, "" for nobody.

    propensity: the chance that this image was drawn for this place; 1 where it was not drawn.
    """

    rated: Rated
    slot: Slot = "organic"
    campaign: str = ""
    propensity: float = 1.0


def arrange(
    rated: Sequence[Rated], policy: Policy, limit: int
) -> tuple[list[Placed], list[tuple[Candidate, Candidate]]]:
    """Up to `limit` results, varied and one of each group; and who gave way to which group mate.

    Maximal marginal relevance (Carbonell and Goldstein, 1998), greedy: next comes the one with
    the highest  diversity * relevance - (1 - diversity) * cosine with the nearest one chosen.
    rated: best first; of equal values the first one wins.
    """
    if not rated:
        return [], []
    vectors = vectors_of([one.candidate for one in rated])
    relevance = policy.diversity * np.array([one.relevance for one in rated])
    nearest = np.full(len(rated), -1.0, np.float32)
    free = np.ones(len(rated), bool)
    groups = _rows_by_group(rated)
    placed: list[Placed] = []
    mates: list[tuple[Candidate, Candidate]] = []
    while len(placed) < limit and free.any():
        value = relevance - (1 - policy.diversity) * nearest
        row = int(np.argmax(np.where(free, value, -np.inf)))
        chosen = rated[row]
        free[row] = False
        for mate in groups.get(chosen.candidate.image.group, ()):
            if free[mate]:
                free[mate] = False
                mates.append((rated[mate].candidate, chosen.candidate))
        placed.append(Placed(chosen))
        np.maximum(nearest, vectors @ vectors[row], out=nearest)
    return placed, mates


def sponsor(
    organic: Sequence[Placed], rated: Sequence[Rated], policy: Policy, limit: int, now: datetime
) -> list[Placed]:
    """Fill the paid places of a page, as far as there are paid images good enough for them.

    A paid place only ever lifts: an image that earned a better one keeps it, unlabelled, and an
    image without a paid place stays where it is. A page keeps one of each group.
    """
    page = list(organic)
    candidates = _sponsored(rated, policy, now)
    for number in range(len(organic) // policy.sponsored_every):
        place = number * policy.sponsored_every + policy.sponsored_position - 1
        chosen = next((one for one in candidates if _may_move_up(one, page, place)), None)
        if chosen is not None:
            page = [placed for placed in page if placed.rated is not chosen]
            paid = chosen.candidate.image.sponsored
            page.insert(place, Placed(chosen, "sponsored", paid.campaign if paid else ""))
    return page[:limit]


def explore(
    page: Sequence[Placed], rated: Sequence[Rated], policy: Policy, draw: float
) -> list[Placed]:
    """With a chance of `policy.exploration`, a drawn image stands at a drawn place.

    draw: uniform in [0, 1). Below the share it explores, and there it also says where and what:
        each place that nobody paid for is as likely as another, the first included, and so is each
        image, of the page or of those that come next. All between move by one, around the paid
        places: clicks on an image in two places tell how the places compare.
    """
    if draw >= policy.exploration or len(page) < policy.explored_page:
        return list(page)
    unpaid = [placed for placed in page if placed.slot != "sponsored"]
    images = [placed.rated for placed in unpaid] + _next(page, rated)[: len(page)]
    turns = len(unpaid) * len(images)
    turn = min(int(draw / policy.exploration * turns), turns - 1)  # a quotient may round up to 1
    place, which = divmod(turn, len(images))
    others = [placed for placed in unpaid if placed.rated is not images[which]]
    drawn = Placed(images[which], "explore", propensity=policy.exploration / turns)
    moved = iter([*others[:place], drawn, *others[place:]])
    return [placed if placed.slot == "sponsored" else next(moved) for placed in page]


def _next(page: Sequence[Placed], rated: Sequence[Rated]) -> list[Rated]:
    """Whom a page could show as well, best first: no image twice and no second of a group."""
    shown = {placed.rated.candidate.image.image_id for placed in page}
    groups = {placed.rated.candidate.image.group for placed in page} - {""}
    return [
        one
        for one in rated
        if one.candidate.image.image_id not in shown and one.candidate.image.group not in groups
    ]


def _rows_by_group(rated: Sequence[Rated]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for row, one in enumerate(rated):
        if one.candidate.image.group:
            groups.setdefault(one.candidate.image.group, []).append(row)
    return groups


def _sponsored(rated: Sequence[Rated], policy: Policy, now: datetime) -> list[Rated]:
    """Images whose campaign runs and whose score is good enough for a paid place, best first."""
    best = max((one.candidate.score for one in rated), default=0.0)
    floor = policy.floor + policy.sponsored_share * (best - policy.floor)
    return [
        one
        for one in rated
        if one.candidate.score >= floor
        and one.candidate.image.sponsored is not None
        and one.candidate.image.sponsored.runs_at(now)
    ]


def _may_move_up(one: Rated, page: Sequence[Placed], place: int) -> bool:
    """Whether it stands behind this place, or nowhere, and no other of its group is shown."""
    group = one.candidate.image.group
    for position, placed in enumerate(page):
        if placed.rated is one:
            return position > place
        if group and placed.rated.candidate.image.group == group:
            return False
    return True
