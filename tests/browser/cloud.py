"""A laptop dressed as a deployment: a key before the API, a bucket at another origin."""

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import uuid4

WEB = Path(__file__).parents[2] / "web"
KEY = "Wm3qT0aUPk8vKc5yYb1nR7eGd2hJf9sLx4zQ6tDi"
LINK_SECONDS = 3600
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
Figures = Callable[[dict[str, str]], dict[str, Any]]
PASSED_ON = ("content-type", "cache-control", "retry-after")


class Cloud:
    """Two origins in front of one laptop, and what was asked of them.

    `page` stands for CloudFront: the files of web/, `/v1/*` and `/thumbnails/*`; `bucket` for S3.
    What they answer comes from a real Lookalike: only the dress is made here.
    """

    def __init__(self, laptop: str) -> None:
        self.laptop = urlsplit(laptop).netloc
        self.key = KEY
        self.config: bytes | None = b""
        self.offer(edits=False, uploads=False)
        self.throttled = 0  # so many calls of the API are answered 429 from now on
        self.forbidden = "nothing"  # a part of a path that is refused, whatever the key
        self.refusal: dict[str, str] = {}  # and how
        self.link_seconds = LINK_SECONDS
        self.figures: Figures | None = None  # what metrics are, in place of what was clicked
        self.told: list[dict[str, Any]] = []  # bodies of POST /v1/interactions
        self.is_deaf = False  # interactions are answered 503, and forgotten
        self.is_unsigned = False  # as where the signing keys could never be read
        self.links_made = 0
        self.ended: set[str] = set()  # signatures of links that no longer open anything
        self.asked: list[tuple[str, str, bool]] = []  # host, path with query, with a key?
        self.page = _served(_Page, self)
        self.bucket = _served(_Bucket, self)

    def offer(self, **offered: bool) -> None:
        """What config.json says from now on."""
        self.config = json.dumps({"api": "/v1", "api_key": True, **offered}).encode()

    @property
    def policy(self) -> str:
        """The page's Content-Security-Policy in a deployment, with this bucket."""
        return "; ".join(
            [
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                f"img-src 'self' blob: {self.bucket.url}",
                f"connect-src 'self' {self.bucket.url}",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            ]
        )

    def signed(self, body: bytes) -> bytes:
        """The same answer with links into the bucket, signed as S3 does it."""

        def link(found: re.Match[bytes]) -> bytes:
            self.links_made += 1
            date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            query = f"X-Amz-Date={date}&X-Amz-Expires={self.link_seconds}&X-Amz-Signature="
            return f'"{self.bucket.url}{found[1].decode()}?{query}{self.links_made}"'.encode()

        if self.is_unsigned:
            body = re.sub(rb'"query_id": ?"[^"]+"', f'"query_id":"{uuid4()}"'.encode(), body)
        body = re.sub(rb'"(/pictures/[0-9a-f-]+)"', link, body)
        return body.replace(b'"/uploads"', f'"{self.bucket.url}/"'.encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    cloud: Cloud

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: Any) -> None:
        pass

    def note(self) -> None:
        keyed = "x-api-key" in self.headers
        self.server.cloud.asked.append((self.headers["host"], self.path, keyed))

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: int, body: dict[str, str]) -> None:
        """As API Gateway answers by itself."""
        self.answer(status, json.dumps(body).encode(), content_type="application/problem+json")

    def ask_laptop(
        self, method: str, path: str, body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.server.cloud.laptop, timeout=20)
        given = {"content-type": self.headers.get("content-type") or "application/octet-stream"}
        connection.request(method, path, self.body() if body is None else body, given)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        body = response.read()
        connection.close()
        return response.status, {n: v for n, v in headers.items() if n in PASSED_ON}, body


class _Page(_Handler):
    """CloudFront: the page, the thumbnails, and the API with its key."""

    def do_GET(self) -> None:
        self.note()
        path = urlsplit(self.path).path
        if path.startswith("/v1/"):
            self.api("GET")
        elif path.startswith("/thumbnails/"):
            status, headers, body = self.ask_laptop("GET", self.path)
            self.answer(status, body, **headers)
        else:
            self.file(path)

    def do_POST(self) -> None:
        self.note()
        self.api("POST")

    def api(self, method: str) -> None:
        cloud = self.server.cloud
        if self.path == "/v1/interactions":
            return self.interactions()
        if cloud.forbidden in self.path:
            self.body()
            return self.refuse(403, cloud.refusal)
        if self.headers.get("x-api-key") != cloud.key:
            self.body()
            return self.refuse(403, {"type": "urn:lookalike:errors:api-key-wanted"})
        if cloud.throttled > 0:
            cloud.throttled -= 1
            self.body()
            return self.refuse(429, {"message": "Too Many Requests"})
        url = urlsplit(self.path)
        if cloud.figures and url.path == "/v1/metrics":
            body = json.dumps(cloud.figures(dict(parse_qsl(url.query)))).encode()
            return self.answer(200, body, content_type="application/json")
        status, headers, body = self.ask_laptop(method, self.path)
        return self.answer(status, cloud.signed(body), **headers)

    def interactions(self) -> None:
        """The one route without a key: a page that is being left can send none."""
        cloud, sent = self.server.cloud, self.body()
        if cloud.is_deaf:
            return self.refuse(503, {"message": "Service Unavailable"})
        cloud.told.append(json.loads(sent))
        status, headers, body = self.ask_laptop("POST", self.path, sent)
        return self.answer(status, body, **headers)

    def file(self, path: str) -> None:
        cloud = self.server.cloud
        if path == "/config.json" and cloud.config is not None:
            return self.answer(
                200, cloud.config, content_type="application/json", cache_control="no-cache"
            )
        file = WEB / (path.lstrip("/") or "index.html")
        if path == "/config.json" or not file.is_file():
            return self.answer(404)
        kind = TYPES.get(file.suffix, "image/svg+xml")
        return self.answer(
            200, file.read_bytes(), content_type=kind, content_security_policy=cloud.policy
        )


class _Bucket(_Handler):
    """S3: originals by signed link, and uploads by form."""

    def do_GET(self) -> None:
        self.note()
        url = urlsplit(self.path)
        signature = parse_qs(url.query).get("X-Amz-Signature", [""])[0]
        if not signature or signature in self.server.cloud.ended:
            self.answer(
                403, b"<Error><Code>AccessDenied</Code></Error>", content_type="application/xml"
            )
            return
        status, headers, body = self.ask_laptop("GET", url.path)
        self.answer(status, body, **headers)

    def do_POST(self) -> None:
        self.note()
        status, _, body = self.ask_laptop("POST", "/uploads")
        self.answer(status, body, access_control_allow_origin=self.server.cloud.page.url)


def _served(handler: type[_Handler], cloud: Cloud) -> _Server:
    server = _Server(("127.0.0.1", 0), handler)
    server.cloud = cloud
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


@contextmanager
def deployed(laptop: str) -> Iterator[Cloud]:
    cloud = Cloud(laptop)
    try:
        yield cloud
    finally:
        for server in (cloud.page, cloud.bucket):
            server.shutdown()
            server.server_close()
