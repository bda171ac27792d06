"""The answer as callers read it: the ranked list under its own name."""

from typing import cast

from lookalike.bodies import (
    AnchorBody,
    AnswerBody,
    ImageBody,
    RemovedBody,
    ResultBody,
    SponsorshipBody,
    StepBody,
)
from lookalike.catalogue import IndexedImage, sponsorship_to_json
from lookalike.links import Links
from lookalike.ranking import Ranking, Result


def answer_body(
    query_id: str,
    model: str,
    ranking: Ranking,
    links: Links,
    explain: bool,
    took_ms: dict[str, float],
    anchor: IndexedImage | None = None,
) -> AnswerBody:
    """The body of GET …/similar, which has an anchor, and of POST /v1/search."""
    body: AnswerBody = {
        "query_id": query_id,
        "model": model,
        "results": [_result(result, links, explain) for result in ranking.results],
        "next_cursor": None,
        "took_ms": took_ms,
    }
    if anchor is not None:
        body["anchor"] = _anchor(anchor, ranking.anchor_duplicates, links)
    if explain:
        body["removed"] = [
            RemovedBody(image_id=one.image_id, key=one.key, stage=one.stage, why=one.why)
            for one in ranking.removed
        ]
    return body


def image_body(image: IndexedImage, links: Links) -> ImageBody:
    """One image of the catalogue, as GET /v1/images/{image_id} shows it."""
    return {
        "image_id": image.image_id,
        "key": image.key,
        "status": image.status,
        "reason": image.reason,
        "width": image.width,
        "height": image.height,
        "bytes": image.bytes,
        "format": image.format,
        "tags": list(image.tags),
        "group": image.group,
        "sponsored": _sponsorship(image),
        "blocked": image.status == "blocked",
        "uploaded_at": image.uploaded_at,
        "indexed_at": image.indexed_at,
        "colour": image.colour,
        "url": links.original(image),
        "thumbnail_url": links.thumbnail(image),
    }


def _anchor(image: IndexedImage, duplicates: tuple[str, ...], links: Links) -> AnchorBody:
    return {
        **image_body(image, links),
        "duplicates": len(duplicates),
        "duplicate_ids": list(duplicates),
    }


def _result(result: Result, links: Links, explain: bool) -> ResultBody:
    image = result.candidate.image
    body: ResultBody = {
        "image_id": image.image_id,
        "key": image.key,
        "score": round(result.candidate.score, 4),
        "position": result.position,
        "slot": result.slot,
        "width": image.width,
        "height": image.height,
        "colour": image.colour,
        "url": links.original(image),
        "thumbnail_url": links.thumbnail(image),
        "tags": list(image.tags),
        "group": image.group,
        "sponsored": _sponsorship(image),
        "duplicates": result.duplicates,
        "duplicate_ids": list(result.duplicate_ids),
    }
    if explain:
        body["explain"] = [
            StepBody(stage=step.stage, effect=step.effect, why=step.why) for step in result.trace
        ]
    return body


def _sponsorship(image: IndexedImage) -> SponsorshipBody | None:
    return cast(SponsorshipBody | None, sponsorship_to_json(image.sponsored))
