"""What a field of a request may hold: limits, patterns, and the types that are made of them."""

import base64
import binascii
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, WithJsonSchema

from lookalike import sidecars
from lookalike.tokens import MAX_CHARACTERS

DEFAULT_LIMIT = 24  # fills rows of 2, 3, 4, 6 and 8
MAX_LIMIT = 100
MAX_EXAMPLES = 16  # of each kind: positive, negative
MAX_TAGS = 16
MAX_KEY = 1024  # bytes that S3 allows a key
MAX_EVENTS = 500
MAX_RANK = 255  # of a position that a token can hold


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 24.0 is 24."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# A list stops at its first wrong item, and at one too many, however long it is; an array is the
# only list that JSON has, so that it need not be a tuple already.
FEW = Field(fail_fast=True, strict=False)
WHOLE = BeforeValidator(_whole)
ImageId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT), WHOLE]
Score = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Tag = Annotated[str, Field(min_length=1, max_length=200)]
Examples = Annotated[tuple[ImageId, ...], FEW, Field(max_length=MAX_EXAMPLES)]
Tags = Annotated[tuple[Tag, ...], FEW, Field(max_length=MAX_TAGS)]
Text = Annotated[str, Field(max_length=sidecars.MAX_TEXT)]


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


Base64Bytes = Annotated[
    bytes,
    BeforeValidator(_bytes_of_base64),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "contentMediaType": "image/*"}),
]

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
EventId = Annotated[str, Field(pattern=f"^{UUID}$")]  # version 4 or 7
SessionId = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{8,64}$")]
QueryId = Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS)]


def _text_of_time(value: Any) -> Any:
    """A number would pass for seconds or milliseconds, whichever it looks like."""
    if not isinstance(value, str):
        raise ValueError("must be a time as text, such as 2026-11-22T10:15:30.123Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_text_of_time), Field(strict=False)]
