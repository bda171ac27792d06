"""Why a result is on the page, and why it stands where it does, stage by stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lookalike.placement import Placed, Rated
from lookalike.policy import Policy


@dataclass(frozen=True, slots=True)
class Step:
    """What one stage did to a result."""

    stage: str
    effect: str
    why: str


@dataclass(frozen=True, slots=True)
class Way:
    """Which place an image had by relevance alone, and once ranked; not all were ranked."""

    by_relevance: Mapping[str, int]
    ranked: Mapping[str, int]


def places(rated: Sequence[Rated]) -> dict[str, int]:
    return {one.candidate.image.image_id: place for place, one in enumerate(rated, 1)}


def kept(rated: Rated, copies: int, policy: Policy) -> list[Step]:
    """Why this image may be shown: one step for each stage, after the score it came with."""
    candidate = rated.candidate
    steps = [Step("visible", "kept", "its status is visible")]
    if copies:
        steps.append(Step("duplicates", f"stands for {copies} more", "it scores best of them"))
    why = f"its score of {candidate.score:.3f} is at least {policy.floor:.3f}"
    steps.append(Step("floor", "kept", why))
    lift = rated.relevance - candidate.score
    if lift:
        steps.append(Step("clicks", f"+{lift:.3f}", "people click it"))
    return steps


def moved(placed: Placed, position: int, way: Way) -> list[Step]:
    """Why it stands here: one step for each stage that moved it, and for its group."""
    image = placed.rated.candidate.image
    place = way.by_relevance[image.image_id]
    ranked = way.ranked.get(image.image_id, place)
    steps = []
    if placed.slot == "sponsored":
        why = f"paid for by campaign {placed.campaign}"
        steps.append(Step("sponsored", f"place {place} → {ranked}", why))
    elif ranked < place:
        why = "less like the results before it than others"
        steps.append(Step("diversity", f"place {place} → {ranked}", why))
    elif ranked > place:
        why = "gave way to variety or to a paid result"
        steps.append(Step("diversity", f"place {place} → {ranked}", why))
    if image.group:
        steps.append(Step("groups", "kept", f"the one of group {image.group}"))
    if placed.slot == "explore" or position != ranked:
        why = "moved along for a picture drawn by lot"
        if placed.slot == "explore":
            why = "drawn by lot, so that clicks tell which places people look at"
        steps.append(Step("explore", f"place {ranked} → {position}", why))
    return steps
