"""Dependencies as an actor meets them: each operation is told in words, and waits for its fate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from botocore.exceptions import EndpointConnectionError
from PIL import Image

from lookalike.catalogue import IndexedImage
from lookalike.errors import (
    IndexUnavailable,
    ModelUnavailable,
    ModerationUnavailable,
    QueueUnavailable,
    StoreUnavailable,
)
from lookalike.index import Candidate, Only, PointId, Vector, Wanted
from lookalike.moderation import Verdict
from lookalike.stores import Head, UploadGrant
from tests.simulator.encoders import Opinion, TinyEncoder
from tests.simulator.memory import MemoryIndex, MemoryStore
from tests.simulator.pictures import NAMES
from tests.simulator.queue import MemoryQueue, Message
from tests.simulator.stage import Stage

Name = Callable[[str], str]  # what a person would call this key, or this image id


def _read(answer: tuple[bytes, str]) -> str:
    return f" ({NAMES[answer[0]]})" if answer[0] in NAMES else ""


class AskedStore:
    """changed: told after each write to an object, by its key."""

    def __init__(
        self,
        stage: Stage,
        store: MemoryStore,
        name: Name,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.stage = stage
        self.store = store
        self.name = name
        self.changed = changed

    def head(self, key: str) -> Head | None:
        def seen(head: Head | None) -> str:
            return _read(self.store.get(key)) if head else " (nothing)"

        words = f"looks at {self.name(key)}"
        return self.stage.ask(words, lambda: self.store.head(key), StoreUnavailable, seen)

    def get(self, key: str, max_bytes: int | None = None) -> tuple[bytes, str]:
        words = f"reads {self.name(key)}"
        return self.stage.ask(
            words, lambda: self.store.get(key, max_bytes), StoreUnavailable, _read
        )

    def put(self, key: str, data: bytes, content_type: str, if_match: str | None = None) -> str:
        def act() -> str:
            etag = self.store.put(key, data, content_type, if_match)
            self.changed(key)
            return etag

        return self.stage.ask(f"writes {self.name(key)}", act, StoreUnavailable)

    def delete(self, key: str) -> None:
        words = f"deletes {self.name(key)}"
        self.stage.ask(words, lambda: self.store.delete(key), StoreUnavailable)

    def keys(self, prefix: str = "") -> Iterator[tuple[str, Head]]:
        listing = self.store.keys(prefix)

        def seen(entry: tuple[str, Head] | None) -> str:
            return f": {self.name(entry[0])}" if entry else ", and that was all"

        while entry := self.stage.ask(
            f"lists {prefix or 'pictures'}", lambda: next(listing, None), StoreUnavailable, seen
        ):
            yield entry

    def url(self, key: str) -> str:
        return self.store.url(key)

    def grant_upload(self, key: str, content_type: str, max_bytes: int) -> UploadGrant:
        return self.store.grant_upload(key, content_type, max_bytes)


class AskedIndex:
    """dropped: told after a collection went, by its model. put: of each vector, with its model."""

    def __init__(
        self,
        stage: Stage,
        index: MemoryIndex,
        name: Name,
        dropped: Callable[[str], None],
        put: Callable[[str, Vector], None],
    ) -> None:
        self.stage = stage
        self.index = index
        self.name = name
        self.dropped = dropped
        self.was_put = put

    def open(self, model: str, dimension: int) -> None:
        words = f"opens the collection of {model}"
        self.stage.ask(words, lambda: self.index.open(model, dimension), IndexUnavailable)

    def drop(self, model: str) -> None:
        def act() -> None:
            self.index.drop(model)
            self.dropped(model)

        self.stage.ask(f"drops the collection of {model}", act, IndexUnavailable)

    def models(self) -> list[str]:
        return self.stage.ask("lists the collections", self.index.models, IndexUnavailable)

    def put(self, model: str, image: IndexedImage, vector: Vector) -> None:
        def act() -> None:
            self.index.put(model, image, vector)
            self.was_put(model, vector)

        self.stage.ask(f"puts the point of {image.key} in {model}", act, IndexUnavailable)

    def delete(self, model: str, image_id: str) -> None:
        words = f"deletes the point of {self.name(image_id)} from {model}"
        self.stage.ask(words, lambda: self.index.delete(model, image_id), IndexUnavailable)

    def get(self, model: str, image_id: str) -> IndexedImage | None:
        words = f"looks at the point of {self.name(image_id)} in {model}"
        return self.stage.ask(
            words,
            lambda: self.index.get(model, image_id),
            IndexUnavailable,
            lambda image: "" if image else " (nothing)",
        )

    def vector(self, model: str, image_id: str) -> Vector | None:
        words = f"reads the vector of {self.name(image_id)} in {model}"
        return self.stage.ask(words, lambda: self.index.vector(model, image_id), IndexUnavailable)

    def nearest(
        self,
        model: str,
        wanted: Wanted,
        limit: int,
        only: Only,
        offset: int = 0,
        exact: bool = False,
    ) -> list[Candidate]:
        def act() -> list[Candidate]:
            return self.index.nearest(model, wanted, limit, only, offset, exact)

        return self.stage.ask(f"searches in {model}", act, IndexUnavailable)

    def similar(
        self, model: str, image_id: str, limit: int, only: Only, offset: int = 0
    ) -> tuple[IndexedImage, list[Candidate]]:
        return self.index.similar(model, image_id, limit, only, offset)

    def browse(
        self, model: str, only: Only, limit: int, cursor: str | None
    ) -> tuple[list[IndexedImage], str | None]:
        return self.index.browse(model, only, limit, cursor)

    def count(self, model: str, only: Only | None = None) -> int:
        words = f"counts the points in {model}"
        return self.stage.ask(words, lambda: self.index.count(model, only), IndexUnavailable)

    def scan(self, model: str) -> Iterator[IndexedImage]:
        points = self.index.scan(model)

        def seen(image: IndexedImage | None) -> str:
            return f": {image.key}" if image else ", and that was all"

        while image := self.stage.ask(
            f"scans {model}", lambda: next(points, None), IndexUnavailable, seen
        ):
            yield image

    def strangers(self, model: str) -> Iterator[PointId]:
        return self.index.strangers(model)

    def expel(self, model: str, points: Sequence[PointId]) -> None:
        self.index.expel(model, points)

    def optimize(self, model: str) -> None:
        self.index.optimize(model)

    def close(self) -> None:
        self.index.close()


class AskedModels:
    """The model store, of which each model is a name and a space of its own."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def encoder(self, model: str) -> TinyEncoder:
        return self.stage.ask(f"loads {model}", lambda: TinyEncoder(model), ModelUnavailable)

    def keep(self, models: tuple[str, ...]) -> None:
        """What is loaded costs nothing here."""


class AskedModerator:
    def __init__(self, stage: Stage, opinion: Opinion) -> None:
        self.stage = stage
        self.opinion = opinion

    def review(self, picture: Image.Image) -> Verdict:
        return self.stage.ask(
            "asks the moderator",
            lambda: self.opinion.review(picture),
            ModerationUnavailable,
            lambda verdict: f", who says {verdict.status}",
        )


def _no_connection(words: str) -> Exception:
    return EndpointConnectionError(endpoint_url=words)


class AskedQueue:
    def __init__(self, stage: Stage, queue: MemoryQueue) -> None:
        self.stage = stage
        self.queue = queue

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        words = f"sends {len(request['Entries'])} events"
        return self.stage.ask(
            words, lambda: self.queue.send_message_batch(**request), _no_connection
        )

    def delete(self, message: Message) -> None:
        words = f"acknowledges its message about {message.subject}"
        self.stage.ask(words, lambda: self.queue.delete(message), QueueUnavailable)
