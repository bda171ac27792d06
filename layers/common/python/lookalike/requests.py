"""What callers may ask: the bodies and parameters of the HTTP API, checked field by field."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    ValidationError,
    model_validator,
)

from lookalike.errors import FieldError, InvalidRequest
from lookalike.tokens import MAX_CHARACTERS

DEFAULT_LIMIT = 24  # fills rows of 2, 3, 4, 6 and 8
MAX_LIMIT = 100
MAX_EXAMPLES = 16  # of each kind: positive, negative
MAX_TAGS = 16
MAX_KEY = 1024  # bytes that S3 allows a key
MAX_EVENTS = 500
MAX_RANK = 255  # of a position that a token can hold

ImageId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT)]
Score = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Tag = Annotated[str, Field(min_length=1, max_length=200)]
Examples = Annotated[tuple[ImageId, ...], Field(max_length=MAX_EXAMPLES)]
Tags = Annotated[tuple[Tag, ...], Field(max_length=MAX_TAGS)]


def _bytes_of_base64(value: Any) -> Any:
    """Text is base64; bytes came as the request's own body."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("must be base64 text")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("is not valid base64") from error


Base64Bytes = Annotated[bytes, BeforeValidator(_bytes_of_base64)]

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
EventId = Annotated[str, Field(pattern=f"^{UUID}$")]  # version 4 or 7
SessionId = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{8,64}$")]
QueryId = Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS)]


def _text_of_time(value: Any) -> Any:
    """A number would pass for seconds or milliseconds, whichever it looks like."""
    if not isinstance(value, str):
        raise ValueError("must be a time as text, such as 2026-11-22T10:15:30.123Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_text_of_time)]


class Request(BaseModel):
    """Unknown fields are refused: a misspelt one would be silently ignored otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class Edit(Request):
    """PATCH /v1/images/{image_id}: the given fields replace the sidecar's, null removes."""

    tags: list[str] | None = None
    blocked: bool | None = None
    group: str | None = None
    sponsored: dict[str, Any] | None = None


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
    position: Annotated[int, Field(ge=1, le=MAX_RANK)] | None = None
    dwell_ms: Annotated[int, Field(ge=0)] | None = None
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
    events: Annotated[tuple[SkipValidation[Event], ...], Field(min_length=1, max_length=MAX_EVENTS)]


Asks = TypeVar("Asks", bound=Request)


def parse(shape: type[Asks], fields: Any) -> Asks:
    """Raises InvalidRequest naming every wrong field."""
    try:
        return shape.model_validate(fields)
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
        fields[name] = _from_text(name, values)
    return parse(shape, fields)


def _from_text(name: str, values: list[str]) -> Any:
    if name in ("tags", "tag"):
        return [tag for value in values for tag in value.split(",") if tag]
    if name == "crop":
        return dict(zip(("x", "y", "w", "h"), values[-1].split(","), strict=False))
    return values[-1]


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ")
