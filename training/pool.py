"""Pictures decoded once into squares of one size, in a file that every process maps into memory.

In the cache folder `<hash>.json` says what is in `<hash>.pixels`; the hash is of the files, the
side and this code, not of the labels. A pool that is no longer wanted may simply be deleted.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Self

import numpy as np
import PIL
from numpy.typing import NDArray

from lookalike.errors import CallerError
from training.decoding import decoded
from training.pictures import Labelled, Skipped

VERSION = 1  # of what this code makes of a file; another number makes every pool anew
FULL = (errno.ENOSPC, errno.EDQUOT)

Progress = Callable[[int, int], None]


class NoPictures(CallerError):
    """There is nothing to learn from."""


class CacheUnusable(CallerError):
    """The folder for decoded pictures is full, or cannot be written to."""


@dataclass(frozen=True, eq=False)
class Pool:
    """parts: arrays (n_i, side, side, 3) uint8 whose rows follow one another; files: one a row."""

    parts: tuple[NDArray[np.uint8], ...]
    files: tuple[Labelled, ...]
    skipped: tuple[Skipped, ...] = ()

    @classmethod
    def of_arrays(cls, pixels: NDArray[np.uint8], files: Sequence[Labelled]) -> Self:
        """Pictures that are in memory already, such as drawn ones."""
        if len(pixels) != len(files):
            raise ValueError(f"{len(pixels)} pictures for {len(files)} files")
        return cls((pixels,), tuple(files))

    def __len__(self) -> int:
        return len(self.files)

    @property
    def side(self) -> int:
        return int(self.parts[0].shape[1])

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """(n, side, side, 3). A joined pool is copied into memory for it: prefer `gather`."""
        return self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The first row of every part."""
        return np.array([0, *accumulate(len(part) for part in self.parts[:-1])], np.int64)


def joined(pools: Sequence[Pool]) -> Pool:
    """One pool after the other, without copying a pixel."""
    if len({pool.side for pool in pools}) != 1:
        raise ValueError(f"pools of one side are joined, not of {[pool.side for pool in pools]}")
    return Pool(
        tuple(part for pool in pools for part in pool.parts),
        tuple(file for pool in pools for file in pool.files),
        tuple(one for pool in pools for one in pool.skipped),
    )


def gather(
    pool: Pool, rows: NDArray[np.int64], out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """(m, side, side, 3): these rows in this order, writable. Raises IndexError.

    Reading them in the order of the file, or announcing them to the system, gained nothing.
    """
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(pool):
        raise IndexError(f"rows {rows.min()} to {rows.max()} of a pool of {len(pool)}")
    if out is None:
        out = np.empty((len(rows), *pool.parts[0].shape[1:]), np.uint8)
    part_of = np.searchsorted(pool.starts, rows, side="right") - 1
    within = rows - pool.starts[part_of]
    for place, (part, row) in enumerate(zip(part_of.tolist(), within.tolist(), strict=True)):
        out[place] = pool.parts[part][row]
    return out


def prepare(
    files: Sequence[Labelled],
    side: int,
    cache: Path,
    *,
    processes: int | None = None,
    progress: Progress | None = None,
) -> Pool:
    """The files as squares of `side` pixels, as the encoder is given them; from `cache` if there.

    processes: how many decode; None is one a core. progress: called with pictures done and in all.
    Several processes may ask for the same pool at once: one decodes, the others wait for it. One
    that is killed leaves nothing that is taken for a pool. Unreadable files are in `skipped`.
    Raises NoPictures and CacheUnusable.
    """
    if not files:
        raise NoPictures("There is no picture to learn from: the list of files is empty.")
    name = _name([file.path for file in files], side)
    pool = _opened(cache, name, files, side)
    if pool is None:
        with _alone(cache):
            if _opened(cache, name, files, side) is None:  # no other process was faster
                _write(files, side, cache / name, processes or os.cpu_count() or 1, progress)
        pool = _opened(cache, name, files, side)
    if pool is None:
        raise CacheUnusable(f"What was written to {cache} is no longer there; run again.")
    if not len(pool):
        path, reason = pool.skipped[0]
        raise NoPictures(f"None of the {len(files):,} pictures can be read; {path}: {reason}.")
    return pool


def _name(paths: Sequence[Path], side: int) -> str:
    """The pool's name: as long as no file changes its path, size or time, neither does the name."""
    digest = hashlib.sha256(f"{VERSION} {PIL.__version__} {side}\n".encode())
    for path in paths:
        try:
            found = path.stat()
            state = f"{found.st_size} {found.st_mtime_ns}"
        except OSError:
            state = "absent"
        digest.update(os.fsencode(path.absolute()) + f"\0{state}\n".encode())
    return digest.hexdigest()[:32]


def _opened(cache: Path, name: str, files: Sequence[Labelled], side: int) -> Pool | None:
    """The pool of this name, or None if there is none, or not all of it."""
    pixels = cache / f"{name}.pixels"
    try:
        index = json.loads((cache / f"{name}.json").read_bytes())
        refusals = {int(position): str(why) for position, why in index["skipped"].items()}
        whole = pixels.stat().st_size == (len(files) - len(refusals)) * side * side * 3
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not whole:
        return None
    kept = tuple(file for position, file in enumerate(files) if position not in refusals)
    shape = (len(kept), side, side, 3)
    squares = np.memmap(pixels, np.uint8, "r", shape=shape) if kept else np.zeros(shape, np.uint8)
    skipped = tuple(Skipped(files[position].path, why) for position, why in refusals.items())
    return Pool((np.asarray(squares),), kept, skipped)  # rows of a plain array are had sooner


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Only one process at a time writes; the system frees the lock of one that is killed."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        why = error.strerror or error
        raise CacheUnusable(
            f"Decoded pictures cannot be kept in {cache} ({why}); choose another folder for them."
        ) from error


def _write(
    files: Sequence[Labelled], side: int, place: Path, processes: int, progress: Progress | None
) -> None:
    """Decode into `place`.pixels and `place`.json, the index last: without it there is no pool."""
    for left in place.parent.glob("*.part"):  # by a process that was killed
        left.unlink()
    needed = len(files) * side * side * 3
    if needed > shutil.disk_usage(place.parent).free:
        raise _full(place.parent, needed)
    unfinished = place.with_suffix(".part")
    try:
        refusals = _write_pixels(
            [file.path for file in files], side, unfinished, processes, progress
        )
        unfinished.replace(place.with_suffix(".pixels"))
        unfinished.write_text(json.dumps({"side": side, "skipped": refusals}), encoding="utf-8")
        unfinished.replace(place.with_suffix(".json"))
    except OSError as error:
        if error.errno in FULL:
            unfinished.unlink(missing_ok=True)
            raise _full(place.parent, needed) from error
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def _write_pixels(
    paths: Sequence[Path], side: int, target: Path, processes: int, progress: Progress | None
) -> dict[int, str]:
    """Returns why each unreadable file was left out, by its position."""
    refusals: dict[int, str] = {}
    with target.open("wb") as file, closing(decoded(paths, side, processes)) as parts:
        done = 0
        for squares in parts:
            file.write(squares.pixels.data)
            refusals |= {done + position: why for position, why in squares.refusals.items()}
            done += len(squares.pixels) + len(squares.refusals)
            if progress is not None:
                progress(done, len(paths))
        file.flush()
        os.fsync(file.fileno())
    return refusals


def _full(cache: Path, needed: int) -> CacheUnusable:
    free = shutil.disk_usage(cache).free
    held = sum(file.stat().st_size for file in cache.glob("*.pixels"))
    earlier = f" Earlier runs left {held / 1e9:,.2f} GB there, which may be deleted." * (held > 0)
    return CacheUnusable(
        f"The decoded pictures need {needed / 1e9:,.2f} GB in {cache}, where {free / 1e9:,.2f} GB"
        f" are free: make room, or choose another folder for them.{earlier}"
    )
