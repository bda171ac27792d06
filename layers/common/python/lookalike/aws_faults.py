"""How it looks when a service of AWS does not answer: botocore has no common ancestor for it."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError


class NotAnAnswer(BotoCoreError):
    """Status 200, and not what the service says: a reply cut short, or somebody else's page.

    botocore holds no reply against its length but those that are read piece by piece, and takes a
    document that it cannot read for one without fields.
    """

    fmt = "The reply has no {field}."


# urllib3's own: TLS that breaks in the middle of a body.
AWS_FAULTS = (BotoCoreError, ClientError, ResponseParserError, HTTPError)


def required(answer: Any, field: str) -> Any:
    """A field that every answer has. Raises NotAnAnswer."""
    try:
        return answer[field]
    except KeyError:
        raise NotAnAnswer(field=field) from None


def is_of_aws(answer: Any) -> bool:
    """Whether a service said so: each names the request in a header, x-amz-request-id or alike."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return any(name.lower().startswith("x-amz") for name in headers)
