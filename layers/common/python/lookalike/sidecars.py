"""Sidecars: what people say about an image, in a JSON file beside it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from lookalike.catalogue import Sponsorship
from lookalike.errors import InvalidRequest

MAX_SIDECAR_BYTES = 64 * 1024
MAX_TAGS = 64
MAX_TEXT = 200  # characters of a tag, a group or a campaign


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A parsed sidecar. moderation: a person's verdict, which overrides the machine's."""

    tags: tuple[str, ...] = ()
    group: str = ""
    sponsored: Sponsorship | None = None
    blocked: bool = False
    moderation: Literal["safe", "unsafe"] | None = None


def parse(data: bytes) -> Sidecar:
    """Raises InvalidRequest with the pointer of the first wrong field."""
    try:
        fields = json.loads(data)
    except ValueError as error:
        raise InvalidRequest("", f"not JSON: {error}") from error
    except RecursionError as error:
        raise InvalidRequest("", "nested too deeply") from error
    return from_fields(fields)


def from_fields(fields: Any) -> Sidecar:
    """Check every field we know; others are the owner's business."""
    if not isinstance(fields, dict):
        raise InvalidRequest("", "must be an object")
    moderation = fields.get("moderation")
    if moderation not in (None, "safe", "unsafe"):
        raise InvalidRequest("/moderation", 'must be "safe" or "unsafe"')
    blocked = fields.get("blocked", False)
    if not isinstance(blocked, bool):
        raise InvalidRequest("/blocked", "must be true or false")
    return Sidecar(
        tags=_tags(fields.get("tags", [])),
        group=_text("/group", fields.get("group") or ""),
        sponsored=_sponsored(fields.get("sponsored")),
        blocked=blocked,
        moderation=moderation,
    )


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_TAGS:
        raise InvalidRequest("/tags", f"must be a list of at most {MAX_TAGS} texts")
    tags = [_text(f"/tags/{number}", tag).strip() for number, tag in enumerate(value)]
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def _text(pointer: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise InvalidRequest(pointer, f"must be a text of at most {MAX_TEXT} characters")
    return value.encode(errors="replace").decode()  # a lone surrogate fits in no index


def _sponsored(value: Any) -> Sponsorship | None:
    if value is None or value is False:
        return None
    if not isinstance(value, dict):
        raise InvalidRequest("/sponsored", "must be an object with a campaign, or null")
    campaign = _text("/sponsored/campaign", value.get("campaign"))
    if not campaign:
        raise InvalidRequest("/sponsored/campaign", "must not be empty")
    return Sponsorship(
        campaign,
        starts=_moment("/sponsored/starts", value.get("starts")),
        ends=_moment("/sponsored/ends", value.get("ends")),
    )


def _moment(pointer: str, value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(pointer, "must be a date and time as in RFC 3339, or null") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
