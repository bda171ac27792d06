"""Where the processor time of one picture goes, from the event to the index."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from local import events
from local.queue import Message, Queue
from lookalike import fingerprints, images, wiring
from lookalike.catalogue import image_id_of
from lookalike.images import Picture
from lookalike.index import Vector
from tests.bench.bench import Bench
from tests.bench.clocks import alternately
from tests.bench.pictures import gathered
from tests.bench.tables import Row, Table, ms, percent
from tests.bench.worlds import handler, world

Works = Mapping[str, Callable[[str], Any]]

WHOLE = "the whole embed function"
REST = "the rest: event, looking twice, serving state, log"
QUEUE = "the queue around it: send, receive, delete"


class Pieces:
    """The steps of Ingest, one at a time, each on what the step before left behind."""

    def __init__(self, bench: Bench) -> None:
        self.encoder = bench.encoder
        self.model = bench.card.model
        self.enough = images.enough_for(bench.card.preprocessing.size)
        self.data = b""
        self.picture: Picture
        self.vector: Vector

    def works(self) -> Works:
        """In the order in which they depend on each other."""
        return {
            "read": self.read,
            "decode": self.decode,
            "fit and encode": self.encode,
            "hashes, colour": self.fingerprint,
            "thumbnail, written": self.thumbnail,
            "put into the index": self.put,
        }

    def read(self, key: str) -> None:
        self.data = wiring.image_store().get(key)[0]

    def decode(self, key: str) -> None:
        self.picture = images.decode(self.data, self.enough)

    def encode(self, key: str) -> None:
        self.vector = self.encoder.encode([self.picture.pixels])[0]

    def fingerprint(self, key: str) -> None:
        hashlib.sha256(self.data).hexdigest()
        fingerprints.perceptual_hash(self.picture.pixels)
        fingerprints.mean_colour(self.picture.pixels)

    def thumbnail(self, key: str) -> None:
        data = images.thumbnail(self.picture.pixels)
        wiring.derived_store().put(f"thumbnails/{image_id_of(key)}.webp", data, "image/webp")

    def put(self, key: str) -> None:
        """Over the point that the function put there, under another etag."""
        image = wiring.index().get(self.model, image_id_of(key))
        if image is None:
            raise RuntimeError(f"{key} was not indexed")
        wiring.index().put(self.model, replace(image, etag="another"), self.vector)


def table(bench: Bench, collections: Mapping[str, Sequence[Path]]) -> Table:
    """collections: three of them, one a column."""
    small, web, phone = (
        _seconds(bench, files[: bench.sizes.staged], bench.folder / f"stages of {name}")
        for name, files in collections.items()
    )
    rows = [
        Row(stage, _share(small, stage), _share(web, stage), _share(phone, stage))
        for stage in small
    ]
    notes = ("Median processor time of one picture on one core, and its share of the whole.",)
    headings = ("what", *collections, "", "")
    return Table("Indexing: what one picture costs", rows, notes, headings)


def _share(seconds: Mapping[str, float], stage: str) -> str:
    return f"{ms(seconds[stage])} ({percent(seconds[stage] / seconds[WHOLE])})"


def _seconds(bench: Bench, files: Sequence[Path], folder: Path) -> dict[str, float]:
    """Seconds by stage; the rest is what the whole costs more than its steps."""
    pictures = gathered(files, folder / "pictures")
    keys = [path.relative_to(pictures).as_posix() for path in sorted(pictures.rglob("*.*"))]
    with world(folder / "data", pictures):
        embed = handler("embed")
        works = Pieces(bench).works()
        queue = Queue(folder / "queue.sqlite")
        taken = alternately(
            keys,
            lambda key: embed(_event(key)),
            *works.values(),
            lambda key: _through(queue, key),
            clock=time.thread_time,
        )
        queue.close()
    whole, *steps, queueing = map(median, taken)
    stages = dict(zip(works, steps, strict=True))
    return {**stages, REST: max(0.0, whole - sum(steps)), WHOLE: whole, QUEUE: queueing}


def _event(key: str) -> dict[str, Any]:
    return events.to_lambda(Message(1, key, events.created(key, 1, "etag"), "receipt", 1))


def _through(queue: Queue, key: str) -> None:
    queue.send([(key, events.created(key, 1, "etag"))])
    message = queue.receive()
    if message is not None:
        queue.delete(message.receipt)
