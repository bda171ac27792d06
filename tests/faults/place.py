"""A deployment in one process, with a proxy before each thing that it relies on."""

import importlib
import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest

from lookalike import wiring
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.models import SERVING_KEY, SHIPPED
from tests.conftest import Context
from tests.faults.pace import Pace
from tests.faults.proxy import Proxy
from tests.infra.aws_here import REGION, SIGNING_KEYS, Aws, aws
from tests.infra.fake_qdrant import FakeQdrant

SERVICES = ("s3", "firehose", "secretsmanager", "sqs")
VARIABLES = {"secretsmanager": "SECRETS_MANAGER"}
SERVICE = "faults"
MODEL = "stored-1"  # a version that does not ship: its file is read from the store
QDRANT_KEY = "the-key-of-the-index-0123456789"
ACCESS_KEY = "the-secret-access-key-of-nobody"
SECRETS = (QDRANT_KEY, ACCESS_KEY, SIGNING_KEYS["first"])


class Sandbox(Context):
    """Lambda's own clock, which runs."""

    def __init__(self, seconds: float) -> None:
        self.ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(1000 * (self.ends - time.monotonic())))


class Place:
    """on: AWS as it is, without proxies; everything of ours goes through `proxies`."""

    def __init__(self, on: Aws, qdrant: FakeQdrant, proxies: Mapping[str, Proxy]) -> None:
        self.on = on
        self.qdrant = qdrant
        self.proxies = proxies
        self.s3, self.sqs = on.client("s3"), on.client("sqs")
        self.log = _Log()
        self.loaded: dict[str, ModuleType] = {}

    def fresh(self, function: str, *, bare: bool = False) -> None:
        """A sandbox that has just started. bare: without the files of models, too."""
        wiring.forget()
        if bare:
            shutil.rmtree(wiring.settings().model_cache, ignore_errors=True)
        module = importlib.import_module(f"functions.{function}.handler")
        self.loaded = {function: importlib.reload(module)}
        self.log.listen()

    def call(self, function: str, event: Mapping[str, Any], seconds: float) -> Any:
        """Whatever this sandbox knows is too old; see Pace."""
        wiring.naming().keys.expire()
        return self.loaded[function].lambda_handler(event, Sandbox(seconds))

    def attempts(self) -> dict[str, int]:
        """At each dependency, since this was last asked."""
        return {name: proxy.count() for name, proxy in self.proxies.items()}

    def put(self, key: str, data: bytes) -> None:
        self.on.put("images", key, data)

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket="lookalike-test-images", Key=key)

    def points(self) -> dict[str, dict[str, Any]]:
        """What the index holds, by key."""
        with self.qdrant.lock:
            found, _ = self.qdrant.engine.scroll(f"images-{MODEL}", limit=10_000)
        return {point.payload["key"]: point.payload for point in found if point.payload}

    def rows(self) -> list[dict[str, Any]]:
        """What the interaction log holds."""
        files = self.on.objects("interactions").values()
        return [json.loads(line) for data in files for line in data.decode().splitlines()]

    def told(self) -> list[str]:
        """The messages of the queue of changes, which are gone then."""
        found: list[str] = []
        while got := self._received():
            for one in got:
                found.append(one["Body"])
                where = {"QueueUrl": self.on.queue, "ReceiptHandle": one["ReceiptHandle"]}
                self.sqs.delete_message(**where)
        return found

    def _received(self) -> list[dict[str, str]]:
        got = self.sqs.receive_message(QueueUrl=self.on.queue, MaxNumberOfMessages=10)
        found: list[dict[str, str]] = got.get("Messages", [])
        return found

    def begin(self) -> None:
        """The model that serves lies in the store, and its collection is there."""
        card = json.loads((SHIPPED / CARD_NAME).read_text()) | {"model": MODEL}
        self.on.put("models", f"{MODEL}/{ONNX_NAME}", (SHIPPED / ONNX_NAME).read_bytes())
        self.on.put("models", f"{MODEL}/{CARD_NAME}", json.dumps(card).encode())
        self.on.put("models", SERVING_KEY, json.dumps({"live": MODEL}).encode())
        wiring.forget()
        wiring.index().open(MODEL, ModelCard.read(SHIPPED).dimension)


class _Log(logging.Handler):
    """Every line of every logger, as it would be in CloudWatch."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = {name: str(value) for name, value in vars(record).items()}
        self.lines.append(f"{self.format(record)} {said}")

    def listen(self) -> None:
        """To each logger that writes: a sandbox makes new ones, and Powertools must be first."""
        for logger in _writing():
            logger.addHandler(self)

    def leave(self) -> None:
        for logger in _writing():
            logger.removeHandler(self)

    def leaks(self) -> list[str]:
        """The lines with a secret in them, since this was last asked."""
        lines, self.lines = self.lines, []
        return [line for line in lines if any(secret in line for secret in SECRETS)]


def _writing() -> list[logging.Logger]:
    named = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    return [logging.root, *(logger for logger in named if logger.handlers)]


@contextmanager
def place(folder: Path, pace: Pace) -> Iterator[Place]:
    with ExitStack() as stack:
        qdrant = stack.enter_context(FakeQdrant(QDRANT_KEY))
        before_qdrant = stack.enter_context(Proxy(qdrant.server_port))
        secret = {"url": before_qdrant.url, "api_key": QDRANT_KEY}
        on = stack.enter_context(aws(secret))
        port = urlsplit(on.proxy).port or 0
        proxies = {name: stack.enter_context(Proxy(port)) for name in SERVICES}
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in _environ(on, proxies, folder).items():
            patch.setenv(name, value)
        stack.enter_context(pace.kept())
        made = Place(on, qdrant, {**proxies, "qdrant": before_qdrant})
        stack.callback(made.log.leave)
        stack.callback(wiring.forget)
        made.begin()
        yield made


def _environ(on: Aws, proxies: Mapping[str, Proxy], folder: Path) -> dict[str, str]:
    ours = {name: value for name, value in on.environ.items() if name.startswith("LOOKALIKE_")}
    asked = {
        f"AWS_ENDPOINT_URL_{VARIABLES.get(name, name.upper())}": proxy.url
        for name, proxy in proxies.items()
    }
    queue = urlsplit(on.queue)
    return {
        **ours,
        **asked,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "no_proxy": "127.0.0.1",
        "LOOKALIKE_CHANGES_QUEUE": f"{proxies['sqs'].url}{queue.path}",
        "LOOKALIKE_MODEL_CACHE": str(folder / "models"),
        "LOOKALIKE_EXPLORATION": "0",
        "POWERTOOLS_TRACE_DISABLED": "1",
        "POWERTOOLS_SERVICE_NAME": SERVICE,
    }
