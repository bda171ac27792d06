"""What the HTTP API answers: the shapes that callers, the page and the OpenAPI document share."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from lookalike.catalogue import Status
from lookalike.errors import RejectReason
from lookalike.placement import Slot
from lookalike.tokens import TokenReason

EventReason = (
    Literal[
        "malformed_event",  # a field is missing, wrong or too much
        "not_in_answer",  # the answer did not show this image
        "wrong_position",  # it showed it elsewhere
        "impossible_time",  # before the answer was given, in the future, or no time at all
        "too_many_events",  # more than one session can cause
    ]
    | TokenReason
)


class SponsorshipBody(TypedDict):
    """A paid placement; a missing bound is open."""

    campaign: str
    starts: str | None
    ends: str | None


class ImageBody(TypedDict):
    """One image of the catalogue. colour: its mean, as rrggbb."""

    image_id: str
    key: str
    status: Status
    reason: str
    width: int
    height: int
    bytes: int
    format: str
    tags: list[str]
    group: str
    sponsored: SponsorshipBody | None
    blocked: bool
    uploaded_at: str
    indexed_at: str
    colour: str
    url: str
    thumbnail_url: str


class RejectBody(TypedDict):
    """A picture that cannot be indexed. detail: the decoder's own words."""

    image_id: str
    key: str
    status: Literal["rejected"]
    reason: RejectReason
    detail: str
    uploaded_at: str
    rejected_at: str


class PageBody(TypedDict):
    """One page of the catalogue; next_cursor is null on the last one."""

    images: list[ImageBody] | list[RejectBody]
    next_cursor: str | None


class StepBody(TypedDict):
    """What one ranking stage did to a result, and why."""

    stage: str
    effect: str
    why: str


class RemovedBody(TypedDict):
    """A candidate that is not a result, and why."""

    image_id: str
    key: str
    stage: str
    why: str


class ResultBody(TypedDict):
    """One result. duplicates: how many more images of the same picture it stands for."""

    image_id: str
    key: str
    score: float
    position: int
    slot: Slot
    width: int
    height: int
    colour: str
    url: str
    thumbnail_url: str
    tags: list[str]
    group: str
    sponsored: SponsorshipBody | None
    duplicates: int
    duplicate_ids: list[str]
    explain: NotRequired[list[StepBody]]


class AnchorBody(ImageBody):
    """The image that was asked about, with the copies of itself that are not results."""

    duplicates: int
    duplicate_ids: list[str]


class AnswerBody(TypedDict):
    """A ranked answer. It is one page: next_cursor is always null.

    query_id: the answer's signed name, good for 24 hours; interactions bring it back as it is.
    took_ms: milliseconds of each step and in total.
    anchor: for GET …/similar. removed: with explain.
    """

    query_id: str
    model: str
    results: list[ResultBody]
    next_cursor: None
    took_ms: dict[str, float]
    anchor: NotRequired[AnchorBody]
    removed: NotRequired[list[RemovedBody]]


class GrantBody(TypedDict):
    """Permission to upload: POST `fields`, then `file`, as multipart/form-data to `url`."""

    key: str
    image_id: str
    url: str
    fields: dict[str, str]
    expires_at: str


class TrialBody(TypedDict):
    """A trial of the next model. share: of the sessions. since: null until it answers them."""

    share: float
    since: str | None


class HealthBody(TypedDict):
    """What serves. next: the model whose collection is being filled, or that is on trial."""

    status: Literal["ok"]
    model: str
    indexed: int
    next: str | None
    trial: TrialBody | None
    version: str


class RefusedEventBody(TypedDict):
    """An event that was not believed. index: its place among those sent, from 0."""

    index: int
    reason: EventReason


class RecordedBody(TypedDict):
    """What became of the events sent. duplicate: how many had come before, which is harmless."""

    accepted: int
    duplicate: int
    rejected: list[RefusedEventBody]


class FieldProblem(TypedDict):
    """One wrong field, by its JSON pointer."""

    pointer: str
    detail: str


class Problem(TypedDict):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: NotRequired[str]
    errors: NotRequired[list[FieldProblem]]
