"""HTTP as somebody outside speaks it: no client of ours between the question and the answer."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

TIMEOUT_SECONDS = 60
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Reply:
    """headers: by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]

    def good(self, status: int = 200) -> Any:
        """The JSON body of an answer with this status."""
        assert self.status == status, f"{self.status}: {self.body[:500]!r}"
        return self.json

    def refuses(self, *statuses: int) -> Any:
        """The problem (RFC 9457) of a refusal with one of these statuses."""
        assert self.status in statuses, f"{self.status}: {self.body[:500]!r}"
        assert self.kind == PROBLEM, self.headers
        assert self.json["title"]
        assert self.json.get("status", self.status) == self.status
        return self.json


def fetch(
    url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = {}
) -> Reply:
    sent = {"User-Agent": "lookalike-conformance", **headers}
    request = urllib.request.Request(url, body, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return Reply(answer.status, _lower(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, _lower(error.headers), error.read())


def with_query(path: str, **query: Any) -> str:
    """Encoded as a signature wants it: no + for a space."""
    return f"{path}?{urlencode(query, quote_via=quote, safe='')}" if query else path


def send_form(url: str, fields: Mapping[str, str], data: bytes) -> Reply:
    """What a browser sends for an upload form; the file comes last, as S3 wants it."""
    line = uuid4().hex
    parts = [
        f'--{line}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    parts.append(
        f'--{line}\r\nContent-Disposition: form-data; name="file"; filename="picture"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = "".join(parts).encode() + data + f"\r\n--{line}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={line}"}
    return fetch(url, "POST", body, kind)


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
