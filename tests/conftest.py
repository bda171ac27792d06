"""A small real world: pictures in a folder or a bucket, the real engine, the real handlers."""

import importlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote_plus

import pytest
from PIL import Image, ImageDraw
from pydantic import TypeAdapter

from functions.routes import ROUTES
from lookalike import wiring
from lookalike.bodies import Problem
from lookalike.edge import QdrantEdge
from lookalike.models import SHIPPED

EVENTS = Path(__file__).parent.parent / "events"
KEY = "textiles/red + blue 🧵 01.jpg"  # the key in events/


def jpeg(colour: str = "red", size: tuple[int, int] = (96, 96), dot: str | None = None) -> bytes:
    """A plain picture with a diagonal, or with a dot; enough for an encoder to tell apart."""
    picture = Image.new("RGB", size, colour)
    draw = ImageDraw.Draw(picture)
    if dot:
        draw.ellipse((size[0] // 4, size[1] // 4, 3 * size[0] // 4, 3 * size[1] // 4), fill=dot)
    else:
        draw.line((0, 0, *size), fill="white", width=6)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def event(name: str) -> dict[str, Any]:
    """One of the committed events, by its file name."""
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


class Context:
    """What Lambda tells a handler about itself."""

    function_name = "lookalike-test"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:lookalike-test"
    aws_request_id = "5e66f7a8-9b0c-4d1e-8f2a-3b4c5d6e7f80"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


class World:
    """A catalogue in a folder with everything that serves it."""

    def __init__(self, folder: Path) -> None:
        self.pictures = folder / "pictures"
        self.pictures.mkdir()
        self.data = folder / "data"

    def start(self) -> None:
        card = wiring.models().add(SHIPPED)
        wiring.serving().start(card.model)
        wiring.index().open(card.model, card.dimension)
        self.model = card.model

    def handler(self, function: str) -> ModuleType:
        """The real handler, loaded into this world as a fresh sandbox."""
        return importlib.reload(importlib.import_module(f"functions.{function}.handler"))

    def write(self, key: str, data: bytes) -> None:
        path = self.pictures / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def drop(self, **pictures: bytes) -> None:
        """Pictures by name, without the .jpg, written and synced."""
        for name, data in pictures.items():
            self.write(f"{name}.jpg", data)
            wiring.ingest().sync(f"{name}.jpg")

    def deliver(self, key: str, change: str = "ObjectCreated:Put") -> dict[str, Any]:
        """Tell the embed handler that a key changed, as S3 and SQS would."""
        message = event("image_created")
        body = json.loads(message["Records"][0]["body"])
        body["Records"][0]["eventName"] = change
        body["Records"][0]["s3"]["object"]["key"] = quote_plus(key, safe="/")
        message["Records"][0]["body"] = json.dumps(body)
        answer: dict[str, Any] = self.handler("embed").lambda_handler(message, Context())
        return answer


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """The command line tells its functions by the environment, for as long as its process runs;
    called in here, it would tell the tests that come after it too."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def own_process() -> Iterator[None]:
    """For a Lookalike that is called in this very process: it finds no sandbox of another world
    warm, and leaves none."""
    _forget_sandboxes()
    yield
    _forget_sandboxes()


def _forget_sandboxes() -> None:
    for name in [name for name in sys.modules if name.endswith(".handler")]:
        del sys.modules[name]
    wiring.forget()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QdrantEdge]:
    """One real engine for all tests: making a collection takes longer than most of them."""
    index = QdrantEdge(tmp_path_factory.mktemp("index"))
    yield index
    index.close()


def empty(index: QdrantEdge, model: str) -> None:
    for other in index.models():
        if other != model:
            index.drop(other)
    for image in list(index.scan(model)):
        index.delete(model, image.image_id)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: QdrantEdge) -> Iterator[World]:
    made = World(tmp_path)
    monkeypatch.setenv("LOOKALIKE_IMAGES", str(made.pictures))
    for name in ("WRITTEN", "DERIVED", "MODELS"):
        monkeypatch.setenv(f"LOOKALIKE_{name}", str(made.data / name.lower()))
    monkeypatch.setenv("LOOKALIKE_SIGNING_KEYS", str(made.data / "signing.json"))
    monkeypatch.setenv("LOOKALIKE_INTERACTIONS", str(made.data / "interactions"))
    monkeypatch.setenv("LOOKALIKE_IMAGES_URL", "/pictures")
    monkeypatch.setenv("LOOKALIKE_EXPLORATION", "0")  # answers are compared; who explores says so
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "1")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "lookalike")
    wiring.forget()
    monkeypatch.setattr(wiring, "index", lambda: engine)
    made.start()
    yield made
    empty(engine, made.model)
    monkeypatch.undo()
    wiring.forget()


@pytest.fixture
def ask(world: World) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Call a function with a committed event, changed as given; its status and JSON body.

    Every answer is held against the shape that the OpenAPI document gives it.
    """

    def asked(function: str, name: str, **changes: Any) -> tuple[int, dict[str, Any]]:
        request = event(name)
        answer = world.handler(function).lambda_handler({**request, **changes}, Context())
        status, body = answer["statusCode"], json.loads(answer["body"] or "null")
        documented = {(one.method, one.path): one for one in ROUTES}
        route = documented[request["httpMethod"], request["resource"]]
        shape = route.answers if status == route.status else Problem
        TypeAdapter(shape).validate_python(body, strict=True)
        return status, body or {}

    return asked
