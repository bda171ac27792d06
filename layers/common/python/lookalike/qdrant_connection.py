"""The client of a Qdrant server, whose address and key may change while it is used."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException

SHAPE = '{"url": "https://…:6333", "api_key": "…"}'
# What a connection that died while nobody used it looks like to the request that finds out.
DIED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
PAUSE_SECONDS = 0.05  # at most, before it is sent again: a server that came down is not met at once


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and what it wants to see. api_key: "" for a server that wants none."""

    url: str
    api_key: str = field(default="", repr=False)

    @classmethod
    def from_secret(cls, document: Mapping[str, Any]) -> "Address":
        """Raises ValueError, TypeError or KeyError for what is not of SHAPE."""
        url, api_key = document["url"], document["api_key"]
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise ValueError("url is no URL")
        if not isinstance(api_key, str):
            raise TypeError("api_key is no text")
        return cls(url, api_key)


class Connection:
    """One client, made anew when the address is another one.

    The key is asked for with every request and sent as a bearer token, which Qdrant takes like an
    `api-key` header: so a key that was rotated works without a new client. Nothing is sent before
    the first request: a snapshot of a process that has just started holds no open connection.
    """

    def __init__(self, address: Callable[[], Address], timeout_seconds: int) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._made_for: tuple[str, bool] | None = None
        self._client: QdrantClient

    def client(self) -> QdrantClient:
        """Raises what `address` raises."""
        address = self._address()
        wanted = (address.url, bool(address.api_key))
        if self._made_for != wanted:
            self.close()
            self._client = self._connect(address)
            self._made_for = wanted
        return self._client

    def close(self) -> None:
        """The next use makes a new client."""
        if self._made_for is not None:
            self._made_for = None
            self._client.close()

    def _connect(self, address: Address) -> QdrantClient:
        client = QdrantClient(
            url=address.url,
            timeout=self._timeout_seconds,
            auth_token_provider=self._key if address.api_key else None,
            check_compatibility=False,  # a thread and a request that would fall into a snapshot
        )
        client.http.client.add_middleware(_once_more)
        return client

    def _key(self) -> str:
        return self._address().api_key


def _once_more(
    request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]
) -> httpx.Response:
    """Send again what met a dead connection: every request of ours is harmless to repeat.

    A function sleeps between requests, and a server or a gateway between them may hang up then.
    A timeout is not repeated: whoever asked has waited long enough.
    """
    try:
        return send(request)
    except ResponseHandlingException as error:
        if not isinstance(error.source, DIED):
            raise
        time.sleep(random.uniform(0, PAUSE_SECONDS))  # noqa: S311 — to part ways, not to hide
        return send(request)
