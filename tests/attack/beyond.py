"""What the document says in words because no JSON schema can: a refusal for it is none too many.

Each rule names its operation, its pointer and the words of the answer, so that a refusal for any
other reason still fails.
"""

import re
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData


class Rule(NamedTuple):
    """operation: method and path. words: a pattern that the whole detail matches."""

    operation: str
    pointer: str
    words: str


RULES = (
    Rule("GET /v1/images", "/cursor", "is not a cursor that we gave"),
    Rule("GET /v1/metrics", "/since", "must be 2020-01-01 or later"),
    Rule("GET /v1/metrics", "", r"group_by of \w+ is .+, not \w+"),
    Rule("GET /v1/metrics", "", "a trial counts from its own beginning: leave since out"),
    Rule("POST /v1/search", "", "give one of image_id, image or positive"),
    Rule("POST /v1/search", "", "give image_id or image, not both"),
    Rule("POST /v1/search", "", "crop needs image_id or image"),
    Rule("POST /v1/search", "/image", "is not valid base64"),
    Rule("POST /v1/search", "/image", "cannot be read as a picture: .+"),
    Rule("POST /v1/search", "/crop/[wh]", r"[xy] \+ [wh] must be at most 1"),
)
BYTES_THAT_ARE_NO_PICTURE = 415  # of POST /v1/search, whose schema can say "bytes" at most


def is_told_by_the_document(failure: Any, case: Any, response: Any) -> bool:
    if isinstance(failure, RejectedPositiveData):
        return _is_refused_by_rule(case.operation.label, response)
    if isinstance(failure, AcceptedNegativeData):
        operation = case.operation.label
        return _is_events_refused_one_by_one(operation, response) or _is_an_empty_list(response)
    return False


def _is_refused_by_rule(operation: str, response: Any) -> bool:
    if operation == "POST /v1/search" and response.status_code == BYTES_THAT_ARE_NO_PICTURE:
        return True
    if response.status_code != 422:
        return False
    wrong = response.json()["errors"]
    return all(any(_is(rule, operation, one) for rule in RULES) for one in wrong)


def _is(rule: Rule, operation: str, wrong: dict[str, str]) -> bool:
    return (
        rule.operation == operation
        and re.fullmatch(rule.pointer, wrong["pointer"]) is not None
        and re.fullmatch(rule.words, wrong["detail"], re.DOTALL) is not None
    )


def _is_events_refused_one_by_one(operation: str, response: Any) -> bool:
    """A wrong event is refused alone, in an answer of 202: as long as none of them was believed."""
    if operation != "POST /v1/interactions" or response.status_code != 202:
        return False
    return response.json()["accepted"] == 0


def _is_an_empty_list(response: Any) -> bool:
    """A list of one empty text and a list of nothing are the same query string: `tag=`."""
    query = parse_qs(urlsplit(response.request.url).query, keep_blank_values=True)
    return any(query.get(name) == [""] for name in ("tag", "tags"))
