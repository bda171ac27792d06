"""From candidates to a page: pure stages, each of which can say what it did and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lookalike.catalogue import IndexedImage
from lookalike.duplicates import cosine, representatives, why_same
from lookalike.index import Candidate
from lookalike.placement import Placed, Rated, Slot, arrange, sponsor
from lookalike.policy import Policy

__all__ = ["Policy", "Ranking", "Removed", "Result", "Step", "rank"]


@dataclass(frozen=True, slots=True)
class Step:
    """What one stage did to a result."""

    stage: str
    effect: str
    why: str


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
    propensity: the chance that this image was put here; 1 where nothing was left to chance.
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
) -> Ranking:
    """The best `limit` results; the order of the candidates does not matter.

    anchor: the image asked about, where each score is the cosine with it alone. Others of its
        group may appear, like any group, once.
    click_rates: smoothed rates from 0 to 1 by image id; an image without one counts as 0.
    """
    visible, hidden = only_visible(best_first(candidates))
    others, echoes = without_anchor(visible, policy, anchor)
    distinct, stacks, copies = collapse(others, policy)
    relevant, far = above_floor(distinct, policy)
    rated = by_relevance(relevant, policy, click_rates or {})
    organic, mates = arrange(rated, policy, limit)
    page = sponsor(organic, rated, policy, limit, now)
    places = {one.candidate.image.image_id: place for place, one in enumerate(rated, 1)}
    results = [
        _result(placed, position, places, stacks, policy) for position, placed in enumerate(page, 1)
    ]
    mates_removed = [
        Removed(one.image.image_id, one.image.key, "groups", f"{by.image.key} is of its group")
        for one, by in mates
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
    places: Mapping[str, int],
    stacks: Mapping[str, tuple[str, ...]],
    policy: Policy,
) -> Result:
    image_id = placed.rated.candidate.image.image_id
    copies = stacks[image_id]
    trace = _trace(placed, position, places[image_id], len(copies), policy)
    return Result(
        placed.rated.candidate, position, placed.slot, len(copies), copies, trace, propensity=1.0
    )


def _trace(
    placed: Placed, position: int, place: int, copies: int, policy: Policy
) -> tuple[Step, ...]:
    """One step for each stage that did something to this result, after the score it came with."""
    candidate = placed.rated.candidate
    steps = [
        Step("visible", "kept", "its status is visible"),
        Step("floor", "kept", f"its score of {candidate.score:.3f} is at least {policy.floor:.3f}"),
    ]
    if copies:
        steps.insert(1, Step("duplicates", f"stands for {copies} more", "it scores best of them"))
    moved = f"place {place} → {position}"
    lift = placed.rated.relevance - candidate.score
    if lift:
        steps.append(Step("clicks", f"+{lift:.3f}", "people click it"))
    if placed.slot == "sponsored":
        steps.append(Step("sponsored", moved, f"paid for by campaign {placed.campaign}"))
    elif position < place:
        steps.append(Step("diversity", moved, "less like the results before it than others"))
    elif position > place:
        steps.append(Step("diversity", moved, "gave way to variety or to a paid result"))
    if candidate.image.group:
        steps.append(Step("groups", "kept", f"the one of group {candidate.image.group}"))
    return tuple(steps)
