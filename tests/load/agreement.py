"""Whether an index says what the folder holds, by the comparison and by making it anew."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local.data_folder import DataFolder
from lookalike import wiring
from lookalike.ingest import thumbnail_of
from lookalike.reconcile import census
from lookalike.stores import MissingObject

WHEN_AND_WHERE = ("indexed_at", "thumbnail")  # of a point: other in every index, and rightly so


@dataclass(frozen=True, slots=True)
class Difference:
    key: str
    indexed: Any
    made_anew: Any


@contextmanager
def opened(data: DataFolder, index: Path | None = None) -> Iterator[None]:
    """Domain objects over this data folder while the block runs; index: one instead of its own."""
    before = dict(os.environ)
    os.environ.update(data.environment())
    os.environ["LOOKALIKE_QDRANT"] = str(index or data.path / "index")
    wiring.forget()
    try:
        yield
    finally:
        wiring.forget()
        os.environ.clear()
        os.environ.update(before)


def drift(data: DataFolder) -> set[str]:
    """The pictures of which folder and index differ. Changes nothing: the index is copied."""
    copy = data.path.with_name("index-copy")
    shutil.copytree(data.path / "index", copy)
    try:
        with opened(data, copy):
            live = wiring.serving().read()[0].live
            found = census(wiring.image_store(), wiring.index(), wiring.rejects(), live)
            return {*found.drift}
    finally:
        shutil.rmtree(copy)


def differences(data: DataFolder, anew: Path) -> list[Difference]:
    """Each picture of which this index and one made from nothing say different things."""
    with opened(data):
        indexed = dict(_said())
    fresh = DataFolder(anew)
    fresh.claim(data.pictures)
    with opened(fresh):
        index_all()
        made_anew = dict(_said())
    keys = sorted(indexed.keys() | made_anew.keys())
    return [
        Difference(key, indexed.get(key), made_anew.get(key))
        for key in keys
        if indexed.get(key) != made_anew.get(key)
    ]


def index_all() -> None:
    from local.laptop import prepare

    prepare()
    for key, _ in wiring.image_store().keys():
        wiring.ingest().sync(key)


def _said() -> Iterator[tuple[str, Any]]:
    """Everything known of each picture: payload, vector and thumbnail, or why it was refused."""
    model = wiring.serving().read()[0].live
    for image in wiring.index().scan(model):
        payload = {k: v for k, v in asdict(image).items() if k not in WHEN_AND_WHERE}
        vector = wiring.index().vector(model, image.image_id)
        told = [] if vector is None else vector.tolist()
        yield image.key, (payload, told, _thumbnail(image.image_id))
    for reject in wiring.rejects().all():
        yield f"rejected: {reject.key}", (reject.etag, reject.reason, reject.detail)
    for key, _ in wiring.derived_store().keys("thumbnails/"):
        yield key, "a thumbnail"


def _thumbnail(image_id: str) -> bytes | None:
    try:
        return wiring.derived_store().get(thumbnail_of(image_id))[0]
    except MissingObject:
        return None
