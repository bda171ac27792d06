"""All that runs on a laptop, put together: folder → events → queue → functions → server."""

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local import drift, fates
from local.bridge import Handler
from local.changes import Changes
from local.data_folder import DataFolder
from local.keeper import Keeper
from local.queue import FAILED, Queue
from local.trouble import Trouble
from local.watcher import Watcher
from local.workers import Workers
from lookalike import wiring
from lookalike.errors import ModelUnavailable
from lookalike.folder import Folder
from lookalike.images import MAX_BYTES
from lookalike.ingest import thumbnail_of
from lookalike.models import SHIPPED
from lookalike.stores import MissingObject

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
}


def function(name: str) -> Handler:
    """The real handler; importing it starts its sandbox, as a cold start does."""
    handler: Handler = importlib.import_module(f"functions.{name}.handler").lambda_handler
    return handler


def prepare() -> None:
    """Make the data folder servable: a model that serves, and a collection for each that does."""
    serving = wiring.serving()
    try:
        state, _ = serving.read()
    except ModelUnavailable:
        if not SHIPPED.exists():
            raise
        serving.start(wiring.models().add(SHIPPED).model)
        state, _ = serving.read()
    for model in state.models():
        try:
            wiring.index().open(model, wiring.models().encoder(model).card.dimension)
        except ModelUnavailable as error:
            if model != state.next or state.trial is None:
                raise
            raise ModelUnavailable(f"{error} To do without it: lookalike trial --stop") from error


def folder_of_pictures() -> Folder:
    store = wiring.image_store()
    if not isinstance(store, Folder):
        raise Trouble("LOOKALIKE_IMAGES names a bucket; unset it to work on a folder.")
    return store


class Laptop:
    """The running whole. Needs the data folder's lock and its settings in the environment."""

    max_upload_bytes = MAX_BYTES

    def __init__(self, data: DataFolder, watching: bool) -> None:
        prepare()
        self.store = folder_of_pictures()
        self.store.written.mkdir(parents=True, exist_ok=True)
        self.queue = Queue(data.queue)
        names = ("search", "catalogue", "interactions", "metrics")
        self.functions = {name: function(name) for name in names}
        # One more than cores: while one waits for the disk or the interpreter, another computes.
        self.workers = Workers(self.queue, function("embed"), (os.cpu_count() or 1) + 1)
        self.changes = changes = Changes(self.store, self.queue)
        self.keeper = Keeper(changes, self.queue)
        self.watcher: Watcher | None = None
        if watching:
            urgent = lambda keys: changes.report(keys, urgent=True)  # noqa: E731
            self.watcher = Watcher(self.store, urgent, self.keeper.compare)

    def start(self) -> None:
        """Resume: what was in flight comes first, then what differs between folder and index."""
        self.resume()
        if self.watcher is not None:
            self.watcher.start()
            self.watcher.established.wait(5)  # a change is either watched or compared
        self.keeper.start()

    def resume(self) -> None:
        """Work on what was queued, and look for nothing else."""
        self.queue.release_in_flight()
        self.queue.redrive(FAILED)  # what failed may work now; what ended the process stays put
        self.workers.start()

    def stop(self) -> None:
        """Finish the pictures being worked on; the rest waits in the queue for next time."""
        if self.watcher is not None:
            self.watcher.stop()
        self.keeper.stop()
        self.workers.stop()
        wiring.index().close()
        self.queue.close()

    def original(self, image_id: str) -> tuple[Path, str] | None:
        image = fates.indexed_image(image_id)
        path = self.store.path_of(image.key) if image else None
        if image is None or path is None or not path.is_file() or self._leads_out(path):
            return None
        return path, MEDIA_TYPES[image.format]

    def thumbnail(self, image_id: str) -> bytes | None:
        try:
            return wiring.derived_store().get(thumbnail_of(image_id))[0]
        except MissingObject:
            return None

    def accept_upload(self, fields: Mapping[str, str], data: bytes) -> None:
        self.store.accept_upload(fields, data)

    def promote(self, model: str) -> None:
        """Name the next model; the keeper fills it and lets it serve."""
        wiring.reindex().nominate(model)

    def trial(self, model: str, share: float) -> None:
        """The same for a trial: the keeper fills it and lets it answer its share."""
        wiring.reindex().nominate(model, share)

    def stop_trial(self) -> dict[str, Any]:
        wiring.reindex().stop_trial()
        return wiring.serving().read()[0].as_json()

    def rollback(self) -> dict[str, Any]:
        """Let the previous model serve; it was kept up to date, so this is done when it returns."""
        return wiring.reindex().rollback().as_json()

    def drift(self) -> dict[str, Any]:
        """What differs between the folder and every index that may serve."""
        return drift.find().as_json()

    def reconcile(self) -> dict[str, Any]:
        """The same, and each of it queued: mended when nothing is pending."""
        found = drift.find()
        drift.mend(found, self.changes)
        return found.as_json()

    def progress(self) -> dict[str, Any]:
        state = wiring.serving().recent()
        counts = self.queue.counts()
        rate = self.workers.rate() if counts.pending else None
        return {
            "indexed": wiring.index().count(state.live),
            "rejected": self._rejected(),
            "pending": counts.pending,
            "rate": round(rate, 1) if rate else None,
            "seconds_left": round(counts.pending / rate) if rate else None,
            "model": state.live,
            "next": state.next,
            "trial": state.as_json().get("trial"),
            "filling": self.keeper.as_json(),
            "trouble": self.keeper.trouble,
            "pictures": str(self.store.root),
            "dead_letters": counts.dead,
        }

    def status(self) -> dict[str, Any]:
        return fates.fates(self.queue)

    def _rejected(self) -> int:
        """Counted, not read: one file each."""
        try:
            return sum(1 for _ in os.scandir(Path(wiring.settings().derived, "rejects")))
        except FileNotFoundError:
            return 0

    def _leads_out(self, path: Path) -> bool:
        """Whether a folder on the way has become a link to elsewhere since it was listed."""
        parent = path.parent.resolve()
        roots = (self.store.root.resolve(), self.store.written.resolve())
        return not any(parent.is_relative_to(root) for root in roots)
