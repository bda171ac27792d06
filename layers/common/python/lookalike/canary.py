"""The synthetic query: health, one page, its look-alikes, as an outsider asks for them."""

import json
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError

TIMEOUT_SECONDS = 10.0  # for each of three answers: a cold start fits, a hanging API is a fault
MAX_BYTES = 1_000_000


FAULTS = (BotoCoreError, ClientError, HTTPException, OSError, LookupError)


class Fell(Exception):
    """What is wrong with an answer, in words for a log line."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One round. fault: what went wrong first, "" for nothing."""

    fault: str
    milliseconds: float


class Entry(Protocol):
    """How the canary gets in: with a key, or signed by its own role."""

    def headers(self, url: str) -> dict[str, str]: ...

    def forget(self) -> None:
        """What was shown is refused: show what is valid now."""


class ApiKey:
    """A key of API Gateway, read with the right to and only at run time. Kept until refused."""

    def __init__(self, gateway: Any, key_id: str) -> None:
        self.gateway = gateway
        self.key_id = key_id
        self._value = ""

    def headers(self, url: str) -> dict[str, str]:
        if not self._value:
            key = self.gateway.get_api_key(apiKey=self.key_id, includeValue=True)
            self._value = key["value"]
        return {"x-api-key": self._value}

    def forget(self) -> None:
        self._value = ""


class Signature:
    """For an API that asks for IAM: each request is signed by the role that this runs as."""

    def __init__(self, session: Any) -> None:
        self.credentials = session.get_credentials()
        self.region = session.region_name

    def headers(self, url: str) -> dict[str, str]:
        request = AWSRequest("GET", url)
        SigV4Auth(self.credentials, "execute-api", self.region).add_auth(request)
        return dict(request.headers.items())

    def forget(self) -> None:
        """Nothing is kept: credentials renew themselves."""


class Canary:
    """Walks the way of a visitor, over the network like one. url: of the API, without /v1."""

    def __init__(self, url: str, entry: Entry, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.url = url.rstrip("/")
        self.entry = entry
        self.timeout_seconds = timeout_seconds

    def walk(self) -> Walk:
        """Raises nothing: that something does not answer is what we want to know."""
        started = time.perf_counter()
        fault = ""
        try:
            self._visit()
        except Fell as error:
            fault = str(error)
        except FAULTS as error:
            fault = f"{type(error).__name__}: {error}"
        except (ValueError, TypeError) as error:
            fault = f"{type(error).__name__}"  # its words may quote the key, a malformed header
        return Walk(fault, round(1000 * (time.perf_counter() - started), 1))

    def _visit(self) -> None:
        health = self._get("/v1/health")
        if health["status"] != "ok":
            raise Fell(f"/v1/health says {health['status']!r}.")
        images = self._get("/v1/images?limit=1")["images"]
        if not images:  # nothing was uploaded yet: no fault
            return
        path = f"/v1/images/{quote(images[0]['image_id'], safe='')}/similar"
        if "results" not in self._get(path):
            raise Fell(f"{path} answers without results.")

    def _get(self, path: str) -> dict[str, Any]:
        status, body = self._ask(path)
        if status == HTTPStatus.FORBIDDEN:  # a key may have been replaced
            self.entry.forget()
            status, body = self._ask(path)
        if status != HTTPStatus.OK:
            raise Fell(f"{path} answers {status}.")
        answer = json.loads(body)
        if not isinstance(answer, dict):
            raise Fell(f"{path} answers with something that is no JSON object.")
        return answer

    def _ask(self, path: str) -> tuple[int, bytes]:
        """Follows no redirect: what lets us in is for this host only."""
        there = urlsplit(self.url)
        kind = HTTPConnection if there.scheme == "http" else HTTPSConnection
        connection = kind(there.netloc, timeout=self.timeout_seconds)
        try:
            headers = self.entry.headers(self.url + path)
            connection.request("GET", there.path + path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(MAX_BYTES)
        finally:
            connection.close()
