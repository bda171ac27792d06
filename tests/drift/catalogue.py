"""A catalogue with three serving collections: live, the one before, and the next while it fills."""

import io
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from local.changes import Changes
from local.queue import Queue
from local.workers import Workers
from lookalike import wiring
from lookalike.catalogue import IndexedImage, image_id_of, sidecar_of
from lookalike.errors import ModelUnavailable
from lookalike.folder import Folder
from lookalike.index import Vector
from lookalike.models import ServingState
from tests.drift import models

LIVE, PREVIOUS, NEXT = MODELS = ("live-1", "previous-1", "next-1")
BROKEN_EACH = 10  # one in so many is no picture
DESCRIBED_EACH = 4  # one in so many has a sidecar


class Catalogue:
    """Built of what `wiring` gives; the queue and the embed function are the laptop's own."""

    def __init__(self, work: Path, handler: Callable[..., Any], chance: random.Random) -> None:
        self.work = work
        self.chance = chance
        store = wiring.image_store()
        assert isinstance(store, Folder)
        self.store = store
        work.mkdir(parents=True, exist_ok=True)
        self.queue = Queue(work / "queue.sqlite")
        self.changes = Changes(store, self.queue)
        self._workers = Workers(self.queue, handler, 0)
        self._made = 0

    def begin(self, pictures: int) -> None:
        """The folder, and all of it indexed but for half of what the next model needs."""
        for model in MODELS:
            models.write(self.work / model, model)
            wiring.models().add(self.work / model)
            wiring.index().open(model, models.DIMENSION)
        self._serve(ServingState(LIVE, None, PREVIOUS))
        for _ in range(pictures):
            self.add()
        keys = self.keys()
        self.sync(keys)
        self._serve(ServingState(LIVE, NEXT, PREVIOUS))
        self.sync(self.chance.sample(keys, len(keys) // 2))

    def _serve(self, state: ServingState) -> None:
        try:
            _, etag = wiring.serving().read()
        except ModelUnavailable:
            wiring.serving().start(state.live)
            _, etag = wiring.serving().read()
        wiring.serving().swap(etag, state)

    def add(self) -> str:
        """A new file in the folder, of which nobody is told."""
        self._made += 1
        number = self._made
        key = f"{'abc'[number % 3]}/{number:05} + %41.jpg"
        broken = number % BROKEN_EACH == 0
        self.store.put(key, b"no picture" if broken else picture(self.chance), "image/jpeg")
        if number % DESCRIBED_EACH == 0:
            self.describe(key)
        return key

    def describe(self, key: str) -> None:
        said = {"tags": [f"tag {self.chance.randrange(9)}"], "blocked": self.chance.random() < 0.1}
        self.store.put(sidecar_of(key), json.dumps(said).encode(), "application/json")

    def keys(self) -> list[str]:
        """Of the pictures in the folder, readable or not."""
        return sorted(key for key, _ in self.store.keys() if key.endswith(".jpg"))

    def indexed(self) -> list[str]:
        """Those with a point in every collection, so that any of them can be lost."""
        points = [{image.key for image in wiring.index().scan(model)} for model in MODELS]
        return sorted(set.intersection(*points))

    def point(self, model: str, key: str) -> IndexedImage:
        found = wiring.index().get(model, image_id_of(key))
        assert found is not None
        return found

    def vector(self, model: str, key: str) -> Vector:
        found = wiring.index().vector(model, image_id_of(key))
        assert found is not None
        return found

    def sync(self, keys: list[str]) -> None:
        self.changes.report(keys)
        self.work_off()

    def work_off(self) -> None:
        """Until nothing waits: through the real embed function, one message after the other."""
        while (message := self.queue.receive()) is not None:
            self._workers._invoke(message)
        assert self.queue.is_idle(), "a message failed and waits"

    def close(self) -> None:
        self.queue.close()


def picture(chance: random.Random) -> bytes:
    """Two colours beside each other, in random parts."""
    made = Image.new("RGB", (24, 16), _colour(chance))
    made.paste(Image.new("RGB", (chance.randrange(4, 20), 16), _colour(chance)))
    file = io.BytesIO()
    made.save(file, "JPEG", quality=90)
    return file.getvalue()


def _colour(chance: random.Random) -> tuple[int, ...]:
    return tuple(chance.randrange(256) for _ in range(3))


def older(image: IndexedImage) -> IndexedImage:
    """The point of an earlier version of the same picture."""
    return replace(image, etag="earlier", sha256="0" * 64, bytes=1)
