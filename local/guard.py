"""Who may talk to the laptop's server: the page it serves, and programs of this machine.

It listens on 127.0.0.1, but any web page open in the same browser can send requests there. Three
checks keep those out: the Host header (a foreign name that resolves to 127.0.0.1, "DNS rebinding"),
the Origin of anything that changes something, and the browser's own word on where a request was
made (Sec-Fetch-Site). Programs such as curl send neither of the last two.
"""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.bodies import headers_of
from local.problems import problem

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
READING = {"GET", "HEAD"}


class Guard:
    """Refuses foreign requests; puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self.origins = {f"http://{host}" for host in self.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # no websockets here: uvicorn closes them

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._refusal(scope) or self.app
        await answer(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        hosts = [value for name, value in scope["headers"] if name.lower() == b"host"]
        if len(hosts) != 1 or hosts[0].decode("latin-1").lower() not in self.hosts:
            return problem(421, "Misdirected request", "This server answers to localhost only.")
        headers = headers_of(scope)
        if "content-length" in headers and "transfer-encoding" in headers:  # RFC 9112, 6.3
            return problem(400, "Bad request", "The body has two lengths.", {"Connection": "close"})
        if not self._is_ours(scope["method"], headers):
            return problem(403, "Foreign request", "Another web site may not use this server.")
        return None

    def _is_ours(self, method: str, headers: Mapping[str, str]) -> bool:
        reading = method in READING
        origin = headers.get("origin")
        if origin is not None and origin not in self.origins:
            return False
        if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
            return True
        # A link on another page may lead here, and no more than that.
        return reading and headers.get("sec-fetch-mode") == "navigate"
