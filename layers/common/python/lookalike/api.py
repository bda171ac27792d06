"""HTTP at the edge: API Gateway events to requests, answers and errors to responses."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

from lookalike.deadline import before_the_end
from lookalike.errors import (
    CallerError,
    DependencyError,
    InvalidRequest,
    LookalikeError,
    TooLarge,
    UnreadableImage,
    UnsupportedMediaType,
)
from lookalike.senders import Sender

JSON = "application/json"
PROBLEM = "application/problem+json"
ERRORS = "urn:lookalike:errors:"  # names a kind of problem; it is no address
RETRY_SECONDS = 2
# A picture that a caller sent is refused with the status that says why.
STATUS_OF_REASON = {"too_many_bytes": 413, "too_many_pixels": 413, "unsupported_format": 415}
WORDS_OF_REASON = {"empty": "it is empty", "corrupt": "the file is broken"}

logger = Logger()


def resolver(cors_origins: Sequence[str] = ()) -> APIGatewayRestResolver:
    """A resolver whose every error is problem+json (RFC 9457).

    cors_origins: whose pages may read the answers, errors included; our own page has the API's
    origin and needs none. A browser's question beforehand is answered by API Gateway.
    """
    app = APIGatewayRestResolver(cors=_cors(cors_origins), strip_prefixes=None)
    app.use([_in_time])
    app.exception_handler(LookalikeError)(problem_of)
    app.exception_handler(Exception)(_problem_of_a_bug)
    app.not_found(lambda error: _no_route(app))
    return app


def _in_time(app: APIGatewayRestResolver, following: NextMiddleware) -> Response[str]:
    """Whoever calls is told in time that a dependency is too slow, not cut off by Lambda."""
    with before_the_end(app.lambda_context.get_remaining_time_in_millis()):
        return following(app)


def _cors(origins: Sequence[str]) -> CORSConfig | None:
    if not origins:
        return None
    first, *others = origins
    return CORSConfig(first, others, expose_headers=["Retry-After"])


def json_answer(body: Mapping[str, Any], status: int = HTTPStatus.OK) -> Response[str]:
    return Response(status, JSON, json.dumps(body, ensure_ascii=False, separators=(",", ":")))


def json_body(app: APIGatewayRestResolver, *also: str, max_bytes: int | None = None) -> Any:
    """The request's JSON. Raises UnsupportedMediaType, TooLarge and InvalidRequest.

    also: other types under which JSON may come: a page that is about to close can send text only.
    """
    if media_type(app) not in (JSON, *also):
        raise UnsupportedMediaType(f"Send {JSON}, not {media_type(app) or 'an unnamed type'}.")
    # Base64 only makes it longer, and no character has less than a byte.
    if max_bytes is not None and len(app.current_event.body or "") > max_bytes:
        raise TooLarge(f"This body may have {max_bytes:,} bytes.")
    try:
        return json.loads(raw_body(app))
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("", f"is not JSON: {error}") from error


def raw_body(app: APIGatewayRestResolver) -> bytes:
    """The request's bytes, which API Gateway hands over as base64 when they are binary."""
    event = app.current_event
    body = event.body or ""
    if not event.is_base64_encoded:
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("", "is not valid base64") from error


def media_type(app: APIGatewayRestResolver) -> str:
    value = app.current_event.headers.get("content-type") or ""
    return value.partition(";")[0].strip().lower()


def sender(app: APIGatewayRestResolver) -> Sender:
    event = app.current_event
    forwarded_for = event.headers.get("x-forwarded-for") or ""
    return Sender.of(event.request_context.identity.source_ip or "", forwarded_for)


def parameters(app: APIGatewayRestResolver) -> dict[str, list[str]]:
    """The query string, every value of every name."""
    return app.current_event.resolved_query_string_parameters or {}


def problem_of(error: LookalikeError) -> Response[str]:
    """The answer for an error of ours: the caller's fault in full, a dependency's in outline."""
    if isinstance(error, UnreadableImage):
        error = _as_a_request(error)
    headers = {}
    if isinstance(error, DependencyError):
        logger.warning("a dependency failed", exc_info=error)
        headers["Retry-After"] = str(RETRY_SECONDS)
    status = error.status if isinstance(error, CallerError | DependencyError) else 500
    problem = {
        "type": ERRORS + error.title.lower().replace(" ", "-"),
        "title": error.title,
        "status": status,
        "detail": _in_our_words(error),
    }
    if isinstance(error, InvalidRequest):
        problem["errors"] = [
            {"pointer": field.pointer, "detail": field.detail} for field in error.fields
        ]
    return _problem(problem, headers)


def _in_our_words(error: LookalikeError) -> str:
    """What it says but for the words of what failed beneath it: they are for the log, and on the
    other side of a broken wire there may be anybody."""
    words = str(error)
    for foreign in (str(error.__cause__ or ""), repr(error.__cause__)):
        if foreign and isinstance(error, DependencyError):
            words = words.replace(foreign, "…")
    return words


def _as_a_request(error: UnreadableImage) -> CallerError:
    status = STATUS_OF_REASON.get(error.reason)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TooLarge(f"The picture is too large: {error}.")
    if status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        return UnsupportedMediaType("The bytes are not a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF.")
    words = WORDS_OF_REASON.get(error.reason, error.reason)
    detail = f" ({error.detail})" if error.detail else ""
    return InvalidRequest("/image", f"cannot be read as a picture: {words}{detail}")


def _problem_of_a_bug(error: Exception) -> Response[str]:
    logger.exception("unexpected error")
    return _problem({"type": "about:blank", "title": "Internal error", "status": 500})


def _no_route(app: APIGatewayRestResolver) -> Response[str]:
    """404, or 405 where the path is right: RFC 9110 wants the methods that it has."""
    path = app.current_event.path
    routes = [*app._static_routes, *app._dynamic_routes]
    allowed = sorted({route.method for route in routes if route.rule.match(path)})
    if not allowed:
        return _problem({"type": "about:blank", "title": "No such route", "status": 404})
    problem = {"type": "about:blank", "title": "Method not allowed", "status": 405}
    return _problem(problem, {"Allow": ", ".join(allowed)})


def _problem(problem: dict[str, Any], headers: dict[str, str] | None = None) -> Response[str]:
    body = json.dumps(problem)  # ASCII: a caller's odd characters are told as \uXXXX
    return Response(problem["status"], PROBLEM, body, headers=headers or {})
