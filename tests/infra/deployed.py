"""A small deployment here: folders for buckets, a fake Qdrant, and functions as uploaded."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest

from infra.bundling import function, layer  # by name: other tests put a stand-in for the module's
from infra.packages import Target
from lookalike import wiring
from lookalike.models import SHIPPED
from tests.infra.fake_qdrant import FakeQdrant
from tests.infra.runtime_api import Outcome, Sandbox, runtime

HERE = Target.here()
API_KEY = "the key that writes"


class Deployed:
    """`environ` is what each function's configuration says; `index` is asked over HTTP."""

    def __init__(self, folder: Path, qdrant: FakeQdrant) -> None:
        self.pictures = folder / "pictures"
        self.pictures.mkdir()
        self.folder = folder
        self.qdrant = qdrant
        self.runtime = runtime(folder / "runtime")
        self.environ = {
            "LOOKALIKE_IMAGES": str(self.pictures),
            "LOOKALIKE_DERIVED": str(folder / "derived"),
            "LOOKALIKE_MODELS": str(folder / "models"),
            "LOOKALIKE_MODEL_CACHE": str(folder / "cache"),
            "LOOKALIKE_SIGNING_KEYS": str(folder / "signing.json"),
            "LOOKALIKE_INTERACTIONS": str(folder / "interactions"),
            "LOOKALIKE_IMAGES_URL": "/pictures",
            "LOOKALIKE_QDRANT": qdrant.url,
            "LOOKALIKE_QDRANT_API_KEY": API_KEY,
        }

    def start(self) -> None:
        """What the first deployment does: a model that serves, and its collection."""
        card = wiring.models().add(SHIPPED)
        wiring.serving().start(card.model)
        wiring.index().open(card.model, card.dimension)
        self.model = card.model

    def write(self, key: str, data: bytes) -> None:
        path = self.pictures / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def drop(self, key: str, data: bytes) -> None:
        """A picture, already indexed."""
        self.write(key, data)
        wiring.ingest().sync(key)

    def zip(self, name: str, **environ: str) -> Sandbox:
        """A function of the layer and its own folder, built for this machine."""
        handler = f"functions.{name}.handler.lambda_handler"
        return self.sandbox(handler, function(name, HERE), [layer(HERE)], environ)

    def image(self, command: list[str], task: Path, **environ: str) -> Sandbox:
        """A function of a container image, whose folder holds everything."""
        (handler,) = command
        return self.sandbox(handler, task, [], environ)

    def sandbox(
        self, handler: str, task: Path, layers: list[Path], environ: Mapping[str, str]
    ) -> Sandbox:
        return Sandbox(
            handler,
            task,
            self.runtime,
            layers=layers,
            environ={**self.environ, **environ},
        )


@contextmanager
def deployed(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with FakeQdrant(API_KEY) as qdrant:
        made = Deployed(folder, qdrant)
        for name, value in made.environ.items():
            patch.setenv(name, value)
        wiring.forget()
        made.start()
        yield made
        wiring.forget()


def show(capsys: pytest.CaptureFixture[str], words: str) -> None:
    """A figure, also when the test passes: it is told, not judged."""
    with capsys.disabled():
        sys.stdout.write(f"\n{words}\n")


def start_and_then(name: str, first: Outcome, warm: list[float]) -> str:
    """In words, how long the first answer took and how long the later ones did."""
    later = f", then p50 {median(warm):.1f} ms" if warm else ""
    return f"{name}: start to first answer {first.milliseconds:.0f} ms{later}"
