"""From candidates to a page: pure stages, each of which can say what it did and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lookalike.catalogue import IndexedImage
from lookalike.duplicates import cosine, representatives, why_same
from lookalike.index import Candidate
from lookalike.placement import Placed, Rated, Slot, arrange, explore, sponsor
from lookalike.policy import Policy
from lookalike.reasons import Step, Way, kept, moved, places

__all__ = ["Policy", "Ranking", "Removed", "Result", "Step", "rank"]


@dataclass(frozen=True, slots=True)
class Removed:
    """A candidate that is not a result, by the stage that took it out."""

    image_id: str
    key: str
    stage: str
    why: str


@dataclass(frozen=True, slots=True)
class Result:
    """One place on the page. Its score stays the similarity as retrieved; order is by position.

    duplicates: how many more images it stands for.
    propensity: the chance that this image was drawn for this place; 1 where it was not drawn.
    """

    candidate: Candidate
    position: int  # from 1
    slot: Slot
    duplicates: int
    duplicate_ids: tuple[str, ...]
    trace: tuple[Step, ...]
    propensity: float = 1.0


@dataclass(frozen=True, slots=True)
class Ranking:
    """A page. short: fewer results than asked for, so more candidates might complete it.

    anchor_duplicates: ids of images that show the very picture asked about; they are not results.
    """

    results: tuple[Result, ...]
    removed: tuple[Removed, ...]
    short: bool
    anchor_duplicates: tuple[str, ...] = ()


def rank(
    candidates: Sequence[Candidate],
    policy: Policy,
    limit: int,
    now: datetime,
    anchor: IndexedImage | None = None,
    click_rates: Mapping[str, float] | None = None,
    draw: float = 1.0,
) -> Ranking:
    """The best `limit` results; the order of the candidates does not matter.

    anchor: the image asked about, where each score is the cosine with it alone. Others of its
        group may appear, like any group, once.
    click_rates: smoothed rates from 0 to 1 by image id; an image without one counts as 0.
    draw: a number from [0, 1), another one for each answer; 1 leaves nothing to chance.
    """
    visible, hidden = only_visible(best_first(candidates))
    others, echoes = without_anchor(visible, policy, anchor)
    distinct, stacks, copies = collapse(others, policy)
    relevant, far = above_floor(distinct, policy)
    rated = by_relevance(relevant, policy, click_rates or {})
    organic, mates = arrange(rated, policy, limit)
    ranked = sponsor(organic, rated, policy, limit, now)
    page = explore(ranked, rated, policy, draw)
    shown = places([placed.rated for placed in page])
    way = Way(places(rated), places([placed.rated for placed in ranked]))
    results = [
        _result(placed, position, way, stacks, policy) for position, placed in enumerate(page, 1)
    ]
    mates_removed = [
        Removed(one.image.image_id, one.image.key, "groups", f"{by.image.key} is of its group")
        for one, by in mates
        if one.image.image_id not in shown  # the mate it gave way to may have left the page
    ]
    return Ranking(
        tuple(results),
        (*hidden, *echoes, *copies, *far, *mates_removed),
        short=len(results) < limit,
        anchor_duplicates=tuple(one.image_id for one in echoes),
    )


def best_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Each image once; equal scores by id, so that an answer never depends on chance."""
    ordered = sorted(candidates, key=lambda one: (-one.score, one.image.image_id))
    unique: dict[str, Candidate] = {}
    for one in ordered:
        unique.setdefault(one.image.image_id, one)
    return list(unique.values())


def only_visible(candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[Removed]]:
    """Fails closed: whatever is not exactly "visible" stays out, also a status yet unheard of."""
    removed = [
        _removed(one, "visible", f"its status is {one.image.status}")
        for one in candidates
        if one.image.status != "visible"
    ]
    return [one for one in candidates if one.image.status == "visible"], removed


def without_anchor(
    candidates: Sequence[Candidate], policy: Policy, anchor: IndexedImage | None
) -> tuple[list[Candidate], list[Removed]]:
    """Nobody looks for the picture they hold: copies of the anchor are stacked on it."""
    if anchor is None:
        return list(candidates), []
    others, removed = [], []
    for one in candidates:
        why = why_same(one.image, anchor, one.score, policy.likeness)
        if one.image.image_id == anchor.image_id:
            continue
        if why is None:
            others.append(one)
        else:
            removed.append(_removed(one, "duplicates", why))
    return others, removed


def collapse(
    candidates: Sequence[Candidate], policy: Policy
) -> tuple[list[Candidate], dict[str, tuple[str, ...]], list[Removed]]:
    """Of the same picture keep the best-scored one; also, by its id, the ids it stands for."""
    stacks, removed = {}, []
    likeness = policy.likeness
    rows = representatives(candidates, likeness)
    for row, copies in rows.items():
        first = candidates[row]
        stacks[first.image.image_id] = tuple(candidates[copy].image.image_id for copy in copies)
        for copy in copies:
            one = candidates[copy]
            why = why_same(one.image, first.image, cosine(one, first), likeness)
            why = why or f"nearly the same as {first.image.key}"  # but for a rounding
            removed.append(_removed(one, "duplicates", why))
    return [candidates[row] for row in rows], stacks, removed


def above_floor(
    candidates: Sequence[Candidate], policy: Policy
) -> tuple[list[Candidate], list[Removed]]:
    """ "No good match" is an answer."""
    removed = [
        _removed(one, "floor", f"its score of {one.score:.3f} is below {policy.floor:.3f}")
        for one in candidates
        if one.score < policy.floor
    ]
    return [one for one in candidates if one.score >= policy.floor], removed


def by_relevance(
    candidates: Sequence[Candidate], policy: Policy, click_rates: Mapping[str, float]
) -> list[Rated]:
    """relevance = score + popularity * click rate, best first.

    A rate is at most 1, so clicks never make up for a gap in score of more than `popularity`.
    """

    def relevance(one: Candidate) -> float:
        rate = min(1.0, max(0.0, click_rates.get(one.image.image_id, 0.0)))
        return one.score + policy.popularity * rate

    rated = [Rated(one, relevance(one)) for one in candidates]
    return sorted(rated, key=lambda one: (-one.relevance, one.candidate.image.image_id))


def _removed(candidate: Candidate, stage: str, why: str) -> Removed:
    return Removed(candidate.image.image_id, candidate.image.key, stage, why)


def _result(
    placed: Placed,
    position: int,
    way: Way,
    stacks: Mapping[str, tuple[str, ...]],
    policy: Policy,
) -> Result:
    copies = stacks[placed.rated.candidate.image.image_id]
    trace = (*kept(placed.rated, len(copies), policy), *moved(placed, position, way))
    one = placed.rated.candidate
    return Result(one, position, placed.slot, len(copies), copies, trace, placed.propensity)
