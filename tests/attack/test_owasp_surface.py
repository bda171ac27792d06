"""OWASP API Security Top 10 (2023), items 7 to 10: what is asked, shown, open and believed."""

import json
import re

import pytest

from lookalike import wiring
from lookalike.qdrant_connection import Address, Connection
from lookalike.qdrant_server import QdrantServer
from tests.attack.asking import UNKNOWN, search
from tests.attack.forms import granted
from tests.attack.fuzz import DOCUMENT
from tests.attack.strangers import stranger
from tests.attack.target import Target, a_moment
from tests.conftest import Context, World, event
from tests.journeys.conftest import drawing

# API7: server side request forgery


def test_api7_no_address_in_a_request_is_ever_asked(target: Target) -> None:
    with stranger(drawing(1)) as (lure, heard):
        url = f"{lure}/lure.jpg"
        statuses = [
            search(target, image=url).status,
            search(target, image_id=url).status,
            search(target, image=f"data:image/png;base64,{url}").status,
            target.ask(
                "POST", f"/v1/search?image={url}", drawing(1), Content_Type="image/jpeg"
            ).status,
            target.ask("POST", "/v1/search", url.encode(), Content_Type="image/jpeg").status,
            target.ask("POST", "/v1/search", _svg(url), Content_Type="image/svg+xml").status,
            target.ask("GET", f"/v1/images/{url}").status,
            target.ask("GET", f"/pictures/{url}").status,
            target.ask("GET", f"/{url}").status,
        ]
        grant = granted(target, url)
        target.ask("PATCH", f"/v1/images/{target.image_ids[9]}", {"tags": [url], "group": url})
        target.until_tags(target.image_ids[9], [url])
        a_moment()

    assert all(400 <= status < 500 for status in statuses), statuses
    assert grant["key"].startswith("uploads/")
    assert heard == []


def _svg(url: str) -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/></svg>'.encode()


# API8: security misconfiguration


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/nothing"),
        ("GET", "/v1/health"),
        ("GET", f"/v1/images/{UNKNOWN}"),
        ("POST", "/v1/search"),
        ("POST", "/uploads"),
        ("POST", "/local/promote"),
        ("TRACE", "/v1/health"),
        ("OPTIONS", "/v1/images"),
        ("PUT", "/"),
    ],
)
def test_api8_every_answer_bears_its_headers_and_no_word_of_what_is_inside(
    target: Target, method: str, path: str
) -> None:
    answer = target.ask(method, path, b"{", Origin=f"http://{target.host}", X_Probe="reflect-me")

    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "server" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert not re.search(rb"Traceback|\.py|site-packages|reflect-me", answer.body)
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status


# API9: improper inventory management


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v0/images",
        "/v2/images",
        "/v1/admin",
        "/v1/models",
        "/v1/local/status",
        "/v1/images/x/y",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/v1/openapi.json",
        "/swagger.json",
        "/swagger",
        "/metrics",
        "/health",
        "/status",
        "/debug",
        "/actuator",
        "/actuator/health",
        "/console",
        "/admin",
        "/graphql",
        "/api",
        "/.well-known/security.txt",
        "/server-status",
        "/2015-03-31/functions/search/invocations",
        "/local",
        "/local/",
        "/local/queue",
        "/local/stop",
        "/signing.json",
        "/queue.sqlite",
        "/data",
        "/models/serving.json",
        "/_next",
        "/wp-login.php",
        "/v1//health",
    ],
)
def test_api9_there_is_no_door_that_the_document_does_not_name(target: Target, path: str) -> None:
    assert target.ask("GET", path).status == 404
    assert target.ask("POST", path, {}).status in (404, 405)


def test_api9_every_route_of_the_document_is_there(target: Target) -> None:
    paths = json.loads(DOCUMENT.read_text())["paths"]
    for path, methods in paths.items():
        for method in methods:
            answer = target.ask(method.upper(), path.replace("{image_id}", UNKNOWN), b"")

            assert answer.status != 405
            assert answer.status == 204 or answer.json().get("title") != "No such route"


# API10: unsafe consumption of APIs


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>captive portal</html>",
        b"",
        b"null",
        b'{"result": {"points": [{"id": 1, "payload": {"key": "<script>"}}]}}',
        b'{"result": {"count": "many"}, "status": "ok", "time": 0}',
        b"[" * 5_000,
        b"\xff\xfe\x00",
    ],
    ids=["a page", "nothing", "null", "a foreign point", "words for numbers", "brackets", "bytes"],
)
def test_api10_what_an_index_says_is_not_believed_nor_passed_on(
    world: World, monkeypatch: pytest.MonkeyPatch, garbage: bytes
) -> None:
    """More of this, for every dependency, is in `tests/faults`."""
    with stranger(garbage) as (url, _):
        index = QdrantServer(Connection(lambda: Address(url), timeout_seconds=2))
        monkeypatch.setattr(wiring, "index", lambda: index)
        catalogue = world.handler("catalogue").lambda_handler
        answers = [catalogue(event(name), Context()) for name in ("health", "list_images")]

    counted, listed = answers
    assert counted["statusCode"] == 503
    assert counted["multiValueHeaders"]["Retry-After"]
    assert listed["statusCode"] == 503 or json.loads(listed["body"])["images"] == []
    assert "script" not in counted["body"] + listed["body"]
