"""HTTP to the real functions: a request becomes the event that API Gateway would send.

`Resolver.resolve` keeps the request it works on in class attributes, so a process can answer one
request at a time: as in Lambda, where an instance never sees two. One thread is that instance, and
the waiting room before it is what Lambda's concurrency is in the cloud: more than can be answered
soon is refused at once.
"""

import asyncio
import base64
import logging
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local import bodies
from local.problems import problem
from local.sandbox import Context
from local.waiting_room import Busy, WaitingRoom

Event = dict[str, Any]
Handler = Callable[[Event, Any], dict[str, Any]]

MAX_BODY_BYTES = 10_000_000  # API Gateway's own limit
BODY_SECONDS = 29.0  # as long as API Gateway waits for anything
STAGE = "local"
HEALTH = "/v1/health"
# What the API of the cloud has, in the same words; the function that answers it.
RESOURCES = (
    ("/v1/search", "search"),
    ("/v1/images/{image_id}/similar", "search"),
    ("/v1/interactions", "interactions"),
    ("/v1/metrics", "metrics"),
    ("/v1/images/{image_id}", "catalogue"),
    ("/v1/{proxy+}", "catalogue"),
)

logger = logging.getLogger("lookalike.bridge")


class Bridge:
    """An ASGI application in front of functions by name."""

    def __init__(self, functions: Mapping[str, Handler]) -> None:
        self.functions = functions
        self.room = WaitingRoom()
        self._instance = ThreadPoolExecutor(1, "function")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._respond(scope, receive)
        except bodies.BodyTooLarge:
            limit = f"A body may have {MAX_BODY_BYTES} bytes; upload larger pictures."
            response = problem(413, "Too large", limit)
        except TimeoutError:
            response = problem(408, "Request timeout", f"No whole body in {BODY_SECONDS:.0f} s.")
        except Busy as busy:
            come_again = {"Retry-After": str(busy.retry_after)}
            too_much = "More is asked at the moment than can be answered."
            response = problem(503, "Busy", too_much, come_again)
        except bodies.ClientGone:
            return
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        """Raises Busy, BodyTooLarge, TimeoutError and ClientGone."""
        function = _route(scope["path"])[1]
        with self.room.keeping(receive, _declared(scope)) as kept:
            async with asyncio.timeout(BODY_SECONDS):
                body = await bodies.read(scope, kept, MAX_BODY_BYTES)
            gone = asyncio.create_task(_gone(receive))
            try:
                async with self.room.turn(function, _goes_first(scope, function), gone):
                    loop = asyncio.get_running_loop()
                    return await loop.run_in_executor(self._instance, self._invoke, scope, body)
            finally:
                gone.cancel()

    def _invoke(self, scope: Scope, body: bytes) -> Response:
        event, function = to_event(scope, body)
        context = Context(function, event["requestContext"]["requestId"])
        try:
            return to_response(self.functions[function](event, context))
        except BaseException:  # also an exit, or a panic of the engine, which would end the server
            logger.exception("%s failed on %s %s", function, event["httpMethod"], event["path"])
            return problem(502, "Bad gateway", "The function failed; its log says why.")

    def close(self) -> None:
        self._instance.shutdown(wait=True, cancel_futures=True)


def _declared(scope: Scope) -> int:
    """Bytes of the body, as the client said; more than are taken count as those that are."""
    said = bodies.headers_of(scope).get("content-length", "0")
    return min(int(said), MAX_BODY_BYTES) if said.isdecimal() else 0


async def _gone(receive: Receive) -> None:
    """Ends when the client does; what else it sends belongs to its next request."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _goes_first(scope: Scope, function: str) -> bool:
    """The page, by the browser's own word; what it tells of clicks, which a beacon tells once; and
    the question whether all is well."""
    from_the_page = bodies.headers_of(scope).get("sec-fetch-site") == "same-origin"
    return from_the_page or function == "interactions" or scope["path"] == HEALTH


def to_event(scope: Scope, body: bytes) -> tuple[Event, str]:
    """The event of a REST API's proxy integration, and the function that it goes to."""
    path = scope["path"]
    resource, function, parameters = _route(path)
    headers = _values(_decoded(scope["headers"]))
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    text, is_base64 = _body(body, headers)
    event = {
        "resource": resource,
        "path": path,
        "httpMethod": scope["method"],
        "headers": _last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last(_values(query)) or None,
        "multiValueQueryStringParameters": _values(query) or None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": _request_context(scope, resource, headers),
        "body": text,
        "isBase64Encoded": is_base64,
    }
    return event, function


def to_response(answer: Mapping[str, Any]) -> Response:
    """A function's answer as API Gateway would send it."""
    body = answer.get("body") or ""
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    response = Response(content, answer["statusCode"])
    named = {name: [value] for name, value in (answer.get("headers") or {}).items()}
    for name, values in {**named, **(answer.get("multiValueHeaders") or {})}.items():
        for value in values:
            response.headers.append(name, str(value))
    return response


def _route(path: str) -> tuple[str, str, dict[str, str]]:
    for resource, function in RESOURCES:
        if found := _PATTERNS[resource].fullmatch(path):
            return resource, function, {n: unquote(v) for n, v in found.groupdict().items()}
    return "/{proxy+}", "catalogue", {"proxy": path.lstrip("/")}


def _pattern(resource: str) -> re.Pattern[str]:
    escaped = resource.replace("{proxy+}", "(?P<proxy>.+)")
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", escaped), re.DOTALL)


_PATTERNS = {resource: _pattern(resource) for resource, _ in RESOURCES}


def _request_context(scope: Scope, resource: str, headers: dict[str, list[str]]) -> dict[str, Any]:
    now = time.time()
    client = scope.get("client") or ("127.0.0.1", 0)
    return {
        "accountId": "000000000000",
        "apiId": STAGE,
        "domainName": _last(headers).get("host", ""),
        "extendedRequestId": uuid4().hex,
        "httpMethod": scope["method"],
        "identity": {"sourceIp": client[0], "userAgent": _last(headers).get("user-agent")},
        "path": scope["path"],  # as behind a domain of its own: without the stage
        "protocol": f"HTTP/{scope.get('http_version', '1.1')}",
        "requestId": str(uuid4()),
        "requestTime": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S %z"),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": "local",
        "resourcePath": resource,
        "stage": STAGE,
    }


def _body(body: bytes, headers: dict[str, list[str]]) -> tuple[str | None, bool]:
    """Text as it is, everything else as base64: the API declares `image/*` as binary."""
    if not body:
        return None, False
    kind = _last(headers).get("content-type", "").lower()
    if not kind.startswith("image/"):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def _decoded(headers: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _values(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _last(values: dict[str, list[str]]) -> dict[str, str]:
    return {name: several[-1] for name, several in values.items()}
