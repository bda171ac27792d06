"""What the laptop's own routes answer when they cannot: problem+json, RFC 9457."""

import json
from collections.abc import Mapping

from starlette.responses import Response

Headers = Mapping[str, str]


def problem(status: int, title: str, detail: str, headers: Headers | None = None) -> Response:
    """In ASCII: what a caller sent, and is told again, may hold characters that UTF-8 has not."""
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return Response(body, status, headers, "application/problem+json")
