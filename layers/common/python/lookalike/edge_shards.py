"""The folders of Qdrant Edge: each is complete whenever it bears its name, whatever crashed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from threading import RLock

import qdrant_edge as engine

from lookalike.errors import IndexUnavailable
from lookalike.index import BROWSE_ORDER, COLLECTION_PREFIX, KEYWORD_FIELDS, collection_of

UNFINISHED = ".unfinished-"  # being created, rebuilt or removed: rubbish after a crash
REBUILT = ".rebuilt-"  # complete, about to take the place of the one that bears the name
WORTH_A_GRAPH = 5_000  # points; the engine compares fewer than these one by one in under 2 ms
FLUSH_EVERY = 1_000  # updates: a flush takes 15 ms, replaying them at the next start 50 ms

# The engine holds the GIL for as long as it works, so minutes of work belong in another process.
REBUILD = """
import os, sys, qdrant_edge
os.nice(10)
shard = qdrant_edge.EdgeShard.load(sys.argv[1])
shard.optimize()
shard.flush()
shard.close()
"""


class Shards:
    """Open shards by model. Reads need no lock: the engine serialises calls by holding the GIL."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, engine.EdgeShard] = {}
        self._changed: dict[str, set[str]] = {}  # by model being rebuilt: ids written meanwhile
        self._rebuilding: dict[str, subprocess.Popen[bytes]] = {}
        self._updates = 0
        self._closed = False
        self._lock = RLock()

    def models(self) -> list[str]:
        folders = self._folder.glob(f"{COLLECTION_PREFIX}*/")
        return sorted(folder.name.removeprefix(COLLECTION_PREFIX) for folder in folders)

    def open(self, model: str, dimension: int) -> None:
        """Create or load; refuses a shard of another dimension."""
        with self._lock:
            if model not in self._open:
                self._heal(model)
                if not self._path(model).exists():
                    self._create(model, dimension)
                self._load(model, _config(dimension))
                self._sweep(model)

    def get(self, model: str) -> engine.EdgeShard:
        shard = self._open.get(model)
        if shard is not None:
            return shard
        with self._lock:
            if model not in self._open:
                self._heal(model)
                self._load(model)
            return self._open[model]

    def update(self, model: str, point_id: str, operation: engine.UpdateOperation) -> None:
        """Apply to one point; in the write-ahead log when it returns."""
        with self._lock:
            shard = self.get(model)
            shard.update(operation)
            if model in self._changed:
                self._changed[model].add(point_id)
            self._updates += 1
            if self._updates % FLUSH_EVERY == 0:
                shard.flush()

    def drop(self, model: str) -> None:
        with self._lock:
            self._stop_rebuilding(model)
            shard = self._open.pop(model, None)
            if shard is not None:
                shard.close()
            self._sweep(model)
            if self._path(model).exists():
                self._path(model).rename(self._path(model, UNFINISHED))
            self._sweep(model)

    def rebuild(self, model: str) -> bool:
        """Build the graph in a copy, in another process, and put the copy in place.

        Reads and writes go on; only the copying and the swap hold up writes, for well under a
        second. False: not worth it, or somebody is at it already.
        """
        with self._lock:
            info = self.get(model).info()
            unindexed = info.points_count - info.indexed_vectors_count
            if unindexed < WORTH_A_GRAPH or model in self._changed:
                return False
            copy = self._copy(model)
            self._rebuilding[model] = _start_rebuilding(copy)
            self._changed[model] = set()
        try:
            _, trouble = self._rebuilding[model].communicate()
            if self._rebuilding[model].returncode != 0:
                raise IndexUnavailable(f"The index was not rebuilt: {trouble.decode()[-500:]}")
            return self._adopt(model, copy)
        finally:
            with self._lock:
                del self._changed[model], self._rebuilding[model]
                self._sweep(model)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for model in list(self._open):
                self._stop_rebuilding(model)
                shard = self._open.pop(model)
                shard.flush()
                shard.close()

    def _path(self, model: str, stage: str = "") -> Path:
        return self._folder / (stage + collection_of(model))

    def _load(self, model: str, config: engine.EdgeConfig | None = None) -> None:
        if self._closed:  # a late reader must not lock the folder again
            raise IndexUnavailable("The index was closed.")
        self._open[model] = engine.EdgeShard.load(str(self._path(model)), config)

    def _heal(self, model: str) -> None:
        """Finish the one swap that a crash can leave half done."""
        if not self._path(model).exists() and self._path(model, REBUILT).exists():
            self._path(model, REBUILT).rename(self._path(model))

    def _sweep(self, model: str) -> None:
        for stage in (UNFINISHED, REBUILT):
            shutil.rmtree(self._path(model, stage), ignore_errors=True)

    def _create(self, model: str, dimension: int) -> None:
        """Payload indexes come before the first point: filters are slow without them."""
        self._sweep(model)
        path = self._path(model, UNFINISHED)
        path.mkdir(parents=True)
        shard = engine.EdgeShard.create(str(path), _config(dimension))
        create_index = engine.UpdateOperation.create_field_index
        for field in KEYWORD_FIELDS:
            shard.update(create_index(field, engine.KeywordIndexParams()))
        shard.update(create_index("key", engine.KeywordIndexParams(prefix=True)))
        by_value = engine.IntegerIndexParams(lookup=False, range=True)
        shard.update(create_index(BROWSE_ORDER, by_value))
        shard.flush()
        shard.close()
        path.rename(self._path(model))

    def _copy(self, model: str) -> Path:
        self._sweep(model)
        self.get(model).flush()
        return Path(shutil.copytree(self._path(model), self._path(model, UNFINISHED)))

    def _adopt(self, model: str, copy: Path) -> bool:
        """Bring the rebuilt copy up to date and let it take the live shard's place and name.

        A reader still in the old shard finishes there: it is closed with its last reference.
        """
        with self._lock:
            live = self._open.get(model)
            if live is None:
                return False
            _replay(self._changed[model], live, copy)
            copy.rename(self._path(model, REBUILT))
            self._path(model).rename(self._path(model, UNFINISHED))
            self._path(model, REBUILT).rename(self._path(model))
            del live, self._open[model]  # before the load: two of them would be in memory
            self._load(model)
            return True

    def _stop_rebuilding(self, model: str) -> None:
        if model in self._rebuilding:
            self._rebuilding[model].kill()


def _config(dimension: int) -> engine.EdgeConfig:
    threshold = WORTH_A_GRAPH * dimension * 4 // 1024  # the engine counts KB of float32
    return engine.EdgeConfig(
        vectors=engine.EdgeVectorParams(size=dimension, distance=engine.Distance.Cosine),
        optimizers=engine.EdgeOptimizersConfig(
            indexing_threshold=max(1, threshold),
            default_segment_number=1,  # one graph answers faster than several
        ),
    )


def _start_rebuilding(copy: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", REBUILD, os.fspath(copy)]
    return subprocess.Popen(command, stderr=subprocess.PIPE)  # noqa: S603 (our own program)


def _replay(point_ids: set[str], live: engine.EdgeShard, copy: Path) -> None:
    if not point_ids:
        return
    rebuilt = engine.EdgeShard.load(str(copy))
    for point_id in point_ids:
        for operation in _operations(point_id, live.retrieve([point_id], True, True)):
            rebuilt.update(operation)
    rebuilt.flush()
    rebuilt.close()


def _operations(point_id: str, records: list[engine.Record]) -> list[engine.UpdateOperation]:
    if not records:
        return [engine.UpdateOperation.delete_points([point_id])]
    points = [engine.Point(point_id, record.vector or [], record.payload) for record in records]
    return [engine.UpdateOperation.upsert_points(points)]
