"""A Lookalike as its visitors meet it: the HTTP API and nothing else."""

import http.client
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

from local.client import refusal
from local.shoppers.habits import Result
from local.trouble import Trouble

TIMEOUT_SECONDS = 60
PAGE = 24  # results, as the page asks for
LISTED = 100  # images at once

Events = list[dict[str, Any]]


class Shop:
    """One visitor's connection, kept open as a browser does. Not for two threads."""

    def __init__(self, url: str, api_key: str = "") -> None:
        """url: of the page. api_key: for a deployment that wants one."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise Trouble(f"{url} is no address of a Lookalike, such as http://127.0.0.1:8080/")
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(parts.netloc, timeout=TIMEOUT_SECONDS)
        self._root = parts.path.rstrip("/") + "/v1"
        self._headers = {"x-api-key": api_key} if api_key else {}

    def images(self) -> Iterator[dict[str, Any]]:
        """All that can be looked at, page by page."""
        asked: dict[str, Any] = {"limit": LISTED}
        while True:
            page = self._ask("GET", f"/images?{urlencode(asked)}")
            yield from page["images"]
            if page["next_cursor"] is None:
                return
            asked["cursor"] = page["next_cursor"]

    def similar(self, image_id: str, session_id: str) -> dict[str, Any]:
        asked = urlencode({"limit": PAGE, "session_id": session_id})
        found: dict[str, Any] = self._ask("GET", f"/images/{quote(image_id)}/similar?{asked}")
        return found

    def tell(self, session_id: str, events: Events, query_id: str | None = None) -> None:
        """query_id: of every event that names none of its own. Raises Trouble if any is refused."""
        sent = {"session_id": session_id, "events": events}
        if query_id is not None:
            sent["query_id"] = query_id
        heard = self._ask("POST", "/interactions", sent)
        if heard["rejected"]:
            reasons = sorted({one["reason"] for one in heard["rejected"]})
            raise Trouble(f"{len(heard['rejected'])} events were refused: {', '.join(reasons)}.")

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({} if data is None else {"Content-Type": "application/json"})
        try:
            answer = self._sent(method, self._root + path, data, headers)
            said = json.loads(answer.read() or b"null")
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._connection.close()
            where = self._connection.host
            raise Trouble(f"The Lookalike at {where} does not answer ({error}).") from error
        if answer.status not in {200, 202}:
            known = isinstance(said, dict) and "title" in said
            raise refusal(said if known else {"title": f"{answer.status} {answer.reason}"})
        return said

    def _sent(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        """Once more over a new connection, when a server has closed the old one meanwhile; all of
        these requests may be repeated."""
        try:
            self._connection.request(method, path, data, headers)
            return self._connection.getresponse()
        except (ConnectionError, http.client.BadStatusLine):
            self._connection.close()
            self._connection.request(method, path, data, headers)
            return self._connection.getresponse()


def happened(kind: str, image_id: str, **more: Any) -> dict[str, Any]:
    """An event of now. Its id is its own in every run: the log counts an id once for ever."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {
        "event_id": str(uuid4()),
        "type": kind,
        "image_id": image_id,
        "occurred_at": now,
        **more,
    }


def seen_and_clicked(seen: Sequence[Result], clicked: Sequence[Result]) -> Events:
    return [_of(one, "impression") for one in seen] + [_of(one, "click") for one in clicked]


def _of(result: Result, kind: str) -> dict[str, Any]:
    return happened(kind, result["image_id"], position=result["position"])
