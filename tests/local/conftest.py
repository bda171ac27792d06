"""A laptop's server in front of functions that say what they were asked."""

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.bridge import Bridge
from local.server import application, listen, serving
from lookalike.errors import CallerError, InvalidRequest

KNOWN = "638d422c-99fb-5649-afc9-31f1806ff52e"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


class RefusedForm(CallerError):
    status = 403
    title = "Upload refused"


class Shelf:
    """An album with one picture."""

    max_upload_bytes = 1_000_000

    def __init__(self, folder: Path) -> None:
        self.picture = folder / "a + b.jpg"
        self.fill()

    def fill(self) -> None:
        self.picture.write_bytes(b"the picture's bytes")
        self.uploads: list[tuple[dict[str, str], bytes]] = []
        self.used: list[str] = []

    def original(self, image_id: str) -> tuple[Path, str] | None:
        return (self.picture, "image/jpeg") if image_id == KNOWN else None

    def thumbnail(self, image_id: str) -> bytes | None:
        return b"webp" if image_id == KNOWN else None

    def accept_upload(self, fields: Mapping[str, str], data: bytes) -> None:
        if fields.get("signature") != "right":
            raise RefusedForm("The form was not granted.")
        self.uploads.append((dict(fields), data))

    def promote(self, model: str) -> None:
        self.used.append(model)

    def trial(self, model: str, share: float) -> None:
        self.used.append(f"{model} for {share}")

    def stop_trial(self) -> dict[str, Any]:
        if not self.used:
            raise InvalidRequest("/model", "No model is on trial.")
        return {"live": "one", "next": None}

    def rollback(self) -> dict[str, Any]:
        if not self.used:
            raise InvalidRequest("/model", "There is no way back.")
        return {"live": "one", "previous": self.used.pop()}

    def progress(self) -> dict[str, Any]:
        return {"pending": 0}

    def status(self) -> dict[str, Any]:
        return {"indexed": 1}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Site:
    """The server at its port, asked without a library that would tidy up paths or headers."""

    def __init__(self, port: int, shelf: Shelf) -> None:
        self.port = port
        self.shelf = shelf
        self.host = f"127.0.0.1:{port}"

    def ask(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, body, {"Host": self.host, **named})
        answer = connection.getresponse()
        found = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        connection.close()
        return found


def echo(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {
        "statusCode": 200,
        "multiValueHeaders": {"Content-Type": ["application/json"], "X-Two": ["1", "2"]},
        "body": json.dumps({"event": event, "function": context.function_name}),
        "isBase64Encoded": False,
    }


@contextmanager
def served(folder: Path, handler: Callable[..., dict[str, Any]]) -> Iterator[Site]:
    web = folder / "web"
    web.mkdir()
    (web / "index.html").write_text("<!doctype html>the page")
    (web / "page.js").write_text("export {};")
    (folder / "secret.txt").write_text("secret")
    (web / "escape.txt").symlink_to(folder / "secret.txt")
    shelf = Shelf(folder)
    bridge = Bridge(dict.fromkeys(["search", "catalogue", "interactions", "metrics"], handler))
    listening = listen(0)
    port = listening.getsockname()[1]
    with serving(application(shelf, bridge, port, web), listening):
        yield Site(port, shelf)
    bridge.close()


@pytest.fixture
def site_of(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Start a server in front of a function."""
    with ExitStack() as running:
        yield lambda handler: running.enter_context(served(tmp_path, handler))


@pytest.fixture(scope="session")
def echoing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("site"), echo) as site:
        yield site


@pytest.fixture
def site(echoing: Site) -> Site:
    """A server whose functions answer with what they were asked; its shelf is as new."""
    echoing.shelf.fill()
    return echoing
