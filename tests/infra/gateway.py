"""API Gateway and CloudFront in front of a small cloud: who gets in, and to which function."""

import mimetypes
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from local.bridge import Bridge
from local.problems import problem
from local.server import WEB, listen, serving
from lookalike import wiring
from lookalike.stores import MissingObject

STAGE = "/live"
SIGNED = ("PATCH", "DELETE")
CONFIG = {"api": "/v1", "api_key": True, "edits": False, "uploads": True}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=()",
}
KEPT = "public, max-age=31536000, immutable"

Call = Callable[..., Any]


class Gateway:
    """An ASGI application. states: what Step Functions answers, by action."""

    def __init__(
        self, call: Call, states: Call, key: str, credentials: Mapping[str, str], region: str
    ) -> None:
        self.call = call
        self.states = states
        self.key = key
        self.signer = SigV4Auth(Credentials(*credentials.values()), "execute-api", region)
        names = ("search", "catalogue", "interactions", "metrics")
        self.bridge = Bridge({name: self._function(name) for name in names})

    def _function(self, name: str) -> Call:
        return lambda event, context: self.call(name, event, context)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith((f"{STAGE}/v1/", "/v1/")):
            answer = await self._api(scope, receive)
        elif path.startswith("/2015-03-31/functions/"):
            event = await Request(scope, receive).json()
            answer = JSONResponse(self.call(path.split("/")[3], event))
        elif path == "/" and scope["method"] == "POST":
            request = Request(scope, receive)
            action = request.headers["x-amz-target"].split(".")[1]
            answer = JSONResponse(self.states(action, await request.json()))
        else:
            answer = self._file(path)
        await answer(scope, receive, send)

    async def _api(self, scope: Scope, receive: Receive) -> Any:
        """Whoever has a key reads, whoever signs also edits, and anybody tells of clicks."""
        request = Request(scope, receive)
        body = await request.body()
        path = scope["path"].removeprefix(STAGE)
        signed = self._is_signed(request, body)
        keyed = request.headers.get("x-api-key") == self.key
        let_in = signed if scope["method"] in SIGNED else keyed
        if not let_in and path != "/v1/interactions":
            return problem(403, "Access denied", "Send a key, or sign the request.")

        whole = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Any:
            """The body once more; then whatever comes, which is that the client has gone."""
            return whole.pop() if whole else await receive()

        async def answered(_: Scope, __: Receive, send: Send) -> None:
            await self.bridge({**scope, "path": path}, again, send)

        return answered

    def _is_signed(self, request: Request, body: bytes) -> bool:
        given = request.headers.get("authorization", "")
        found = re.search(r"SignedHeaders=([^,]+), Signature=(\w+)", given)
        if not found:
            return False
        names = found[1].split(";")
        known = {name: request.headers[name] for name in names}
        said = AWSRequest(request.method, str(request.url), known, body)
        said.context["timestamp"] = request.headers["x-amz-date"]
        text = self.signer.string_to_sign(said, self.signer.canonical_request(said))
        return self.signer.signature(text, said) == found[2]

    def _file(self, path: str) -> Response:
        if path == "/config.json":
            return JSONResponse(CONFIG, headers=HEADERS)
        if re.fullmatch(r"/thumbnails/[\w-]+\.webp", path):
            try:
                data, _ = wiring.derived_store().get(path[1:])
            except MissingObject:
                return Response(status_code=403)
            headers = {**HEADERS, "Cache-Control": KEPT}
            return Response(data, media_type="image/webp", headers=headers)
        file = WEB / ("index.html" if path == "/" else path[1:])
        if ".." in path or not file.is_file():
            return Response(b"<Error/>", 403)
        return Response(file.read_bytes(), 200, HEADERS, mimetypes.guess_type(file.name)[0])


@contextmanager
def served(gateway: Gateway) -> Iterator[str]:
    listening = listen(0)
    with listening, serving(gateway, listening):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    gateway.bridge.close()
