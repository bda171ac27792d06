"""What API Gateway itself answers, before any function is asked: problem+json (RFC 9457)."""

import json
from typing import NamedTuple

from aws_cdk import aws_apigateway as apigateway

PROBLEM = "application/problem+json"
ERRORS = "urn:lookalike:errors:"
RETRY_SECONDS = 2
DAY = 86_400  # a month's quota has no nearer end that could be named here

Type = apigateway.ResponseType


class Refusal(NamedTuple):
    """status: None where it is not always the same; the body then names none. retry: seconds."""

    type: Type
    status: int | None
    title: str
    detail: str
    retry: int | None = None


UNSIGNED = (
    "There is no such route, or it wants a request signed with AWS credentials (SigV4, service"
    " execute-api)."
)
TOO_OFTEN = "Too many requests at once."
TOO_LARGE = "A body may have 10 MB, and a picture in it 4.5 MB; upload larger ones."
FAILED = "The service failed; the same request may succeed later."

REFUSALS = (
    Refusal(Type.INVALID_API_KEY, 403, "API key wanted", "Send a valid key as x-api-key."),
    Refusal(Type.MISSING_AUTHENTICATION_TOKEN, 403, "Signature wanted", UNSIGNED),
    Refusal(Type.INVALID_SIGNATURE, 403, "Invalid signature", "The signature does not match."),
    Refusal(Type.EXPIRED_TOKEN, 403, "Expired signature", "Sign the request anew."),
    Refusal(Type.ACCESS_DENIED, 403, "Access denied", "These credentials may not do that."),
    Refusal(Type.WAF_FILTERED, None, "Refused by the firewall", "It was not let through."),
    Refusal(Type.RESOURCE_NOT_FOUND, 404, "No such route", "There is no such route."),
    Refusal(Type.REQUEST_TOO_LARGE, 413, "Too large", TOO_LARGE),
    Refusal(Type.UNSUPPORTED_MEDIA_TYPE, 415, "Unsupported media type", "It is not read here."),
    Refusal(Type.THROTTLED, 429, "Too many requests", TOO_OFTEN, RETRY_SECONDS),
    Refusal(Type.QUOTA_EXCEEDED, 429, "Quota used up", "This month's requests are used up.", DAY),
    Refusal(Type.INTEGRATION_TIMEOUT, 504, "Timed out", FAILED, RETRY_SECONDS),
    Refusal(Type.DEFAULT_4_XX, None, "Bad request", "The request cannot be served."),
    Refusal(Type.DEFAULT_5_XX, None, "Temporarily unavailable", FAILED, RETRY_SECONDS),
)


def answer(api: apigateway.RestApi, *, to_other_origins: bool) -> None:
    """to_other_origins: whether a page of another origin may read why it was refused.

    Any may, then: a refusal says nothing about anybody.
    """
    for refusal in REFUSALS:
        headers = {"Content-Type": PROBLEM, "Cache-Control": "no-store"}
        if refusal.retry:
            headers["Retry-After"] = str(refusal.retry)
        if to_other_origins:
            headers["Access-Control-Allow-Origin"] = "*"
            headers["Access-Control-Expose-Headers"] = "Retry-After"
        api.add_gateway_response(
            "".join(word.capitalize() for word in refusal.type.response_type.split("_")),
            type=refusal.type,
            status_code=str(refusal.status) if refusal.status else None,
            response_headers={name: f"'{value}'" for name, value in headers.items()},
            templates={"application/json": _body(refusal)},
        )


def _body(refusal: Refusal) -> str:
    body = {
        "type": ERRORS + refusal.title.lower().replace(" ", "-"),
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
    }
    return json.dumps({name: value for name, value in body.items() if value is not None})
