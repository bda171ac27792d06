"""What callers may ask: the bodies and parameters of the HTTP API, checked field by field."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, ValidationError, model_validator

from lookalike import sidecars
from lookalike.errors import FieldError, InvalidRequest
from lookalike.fields import (
    DEFAULT_LIMIT,
    FEW,
    MAX_EVENTS,
    MAX_KEY,
    MAX_RANK,
    WHOLE,
    Base64Bytes,
    EventId,
    Examples,
    ImageId,
    Limit,
    Moment,
    QueryId,
    Score,
    SessionId,
    Tags,
    Text,
)

MAX_FIELDS = 64  # of one object, known or not: each wrong one would be named in the answer


class Request(BaseModel):
    """Unknown fields are refused: a misspelt one would be silently ignored otherwise.

    Strict: what the document calls a number or a truth value is none as text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and len(fields) > MAX_FIELDS:
            raise ValueError(f"has {len(fields)} fields; no request has more than {MAX_FIELDS}")
        return fields


class Box(Request):
    """A part of a picture as fractions of its upright width and height, from the top left."""

    x: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
    y: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
    w: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    h: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class Asked(Request):
    """What every search may ask for. min_score replaces the model's own relevance floor.

    session_id: whose question it is, as in interactions. While another model is on trial it
        decides which of the two answers; without it the live one does.
    """

    limit: Limit = DEFAULT_LIMIT
    tags: Tags = ()
    min_score: Score | None = None
    explain: bool = False
    session_id: SessionId | None = None


class Find(Asked):
    """POST /v1/search: an image of the catalogue, or bytes, or examples; at most one anchor."""

    image_id: ImageId | None = None
    image: Base64Bytes | None = None
    crop: Box | None = None
    positive: Examples = ()
    negative: Examples = ()

    @model_validator(mode="after")
    def _has_one_anchor(self) -> Self:
        if self.image_id is not None and self.image is not None:
            raise ValueError("give image_id or image, not both")
        if self.image_id is None and self.image is None:
            if self.crop is not None:
                raise ValueError("crop needs image_id or image")
            if not self.positive:
                raise ValueError("give one of image_id, image or positive")
        return self


class Browse(Request):
    """GET /v1/images."""

    prefix: Annotated[str, Field(max_length=MAX_KEY)] = ""
    tag: Tags = ()
    status: Literal["visible", "blocked", "unsafe", "unmoderated", "rejected"] = "visible"
    limit: Limit = DEFAULT_LIMIT
    cursor: Annotated[str, Field(max_length=2048)] | None = None


class Sponsor(Request):
    """A paid placement, from `starts` until just before `ends`; without one it is open there."""

    campaign: Annotated[Text, Field(min_length=1)]
    starts: Annotated[Text, Field(json_schema_extra={"format": "date-time"})] | None = None
    ends: Annotated[Text, Field(json_schema_extra={"format": "date-time"})] | None = None


class Edit(Request):
    """PATCH /v1/images/{image_id}: the given fields replace the sidecar's, null removes."""

    tags: Annotated[list[Text], FEW, Field(max_length=sidecars.MAX_TAGS)] | None = None
    blocked: bool | None = None
    group: Text | None = None
    sponsored: Sponsor | None = None


class NewUpload(Request):
    """POST /v1/uploads."""

    filename: Annotated[str, Field(min_length=1, max_length=255)]
    content_type: Annotated[
        str, Field(pattern="^image/(jpeg|png|webp|gif|bmp|tiff|avif)$", max_length=40)
    ]


class Event(Request):
    """Something that happened to one result. query_id: of the answer it was in, where it differs
    from the one given for all events. dwell_ms: foreground time, of a dwell alone.
    """

    event_id: EventId
    type: Literal["impression", "click", "dwell"]
    query_id: QueryId | None = None
    image_id: ImageId
    position: Annotated[int, Field(ge=1, le=MAX_RANK), WHOLE] | None = None
    dwell_ms: Annotated[int, Field(ge=0), WHOLE] | None = None
    occurred_at: Moment

    @model_validator(mode="after")
    def _dwells_only_as_a_dwell(self) -> Self:
        if (self.dwell_ms is not None) != (self.type == "dwell"):
            raise ValueError("dwell_ms is what a dwell has, and nothing else")
        return self


class NewInteractions(Request):
    """POST /v1/interactions. query_id: of every event that names none of its own.

    Events are checked one by one by whoever records them: a bad one is refused alone.
    """

    session_id: SessionId
    query_id: QueryId | None = None
    events: Annotated[
        tuple[SkipValidation[Event], ...], FEW, Field(min_length=1, max_length=MAX_EVENTS)
    ]


Asks = TypeVar("Asks", bound=Request)


def parse(shape: type[Asks], fields: Any) -> Asks:
    """Raises InvalidRequest naming every wrong field, and of a list its first wrong item."""
    return _validated(shape, fields)


def _validated(shape: type[Asks], fields: Any, strict: bool | None = None) -> Asks:
    try:
        return shape.model_validate(fields, strict=strict)
    except ValidationError as error:
        raise InvalidRequest.of(
            [
                FieldError(_pointer(wrong["loc"]), _sentence(wrong["msg"]))
                for wrong in error.errors(include_url=False, include_input=False)
            ]
        ) from error


def parse_parameters(shape: type[Asks], parameters: Mapping[str, list[str]], **known: Any) -> Asks:
    """The same from a query string, where everything is text and lists are comma-separated."""
    fields: dict[str, Any] = dict(known)
    for name, values in parameters.items():
        if name in known:
            raise InvalidRequest(f"/{name}", "is the body of this request")
        fields[name] = _from_text(name, values)
    return _validated(shape, fields, strict=False)


def _from_text(name: str, values: list[str]) -> Any:
    if name in ("tags", "tag"):
        return [tag for value in values if value for tag in value.split(",")]
    if name == "crop":
        return dict(zip_longest(("x", "y", "w", "h"), values[-1].split(",", 4), fillvalue=""))
    return values[-1]


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ")
