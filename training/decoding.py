"""Picture files to squares of pixels, in several processes."""

import multiprocessing as mp
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike import images
from lookalike.cards import Preprocessing
from lookalike.errors import UnreadableImage

CHUNK = 32  # pictures of one task: at 224 pixels 5 MB travel back from another process
FEW = 2000  # pictures that threads decode before other processes have started and imported torch
AHEAD = 3  # tasks a process has waiting; what is decoded and not yet written is bounded by it


class Squares(NamedTuple):
    """What became of some files. pixels: (n, side, side, 3) of the readable ones, in order;
    refusals: the position of each other file, and why."""

    pixels: NDArray[np.uint8]
    refusals: dict[int, str]


def decoded(paths: Sequence[Path], side: int, processes: int) -> Generator[Squares, None, None]:
    """All files, chunk by chunk, in order; few of them in as many threads instead."""
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    workers = _workers(processes, few=len(paths) <= FEW)
    waiting: deque[Future[Squares]] = deque()
    try:
        for chunk in chunks:
            waiting.append(workers.submit(decode, chunk, side))
            if len(waiting) == processes * AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        workers.shutdown(cancel_futures=True)


def _workers(processes: int, few: bool) -> Executor:
    """Spawned, not forked: a fork copies the locks of torch's threads in whatever state."""
    if few or processes == 1:
        return ThreadPoolExecutor(processes)
    return ProcessPoolExecutor(processes, mp.get_context("spawn"), initializer=_begin)


def _begin() -> None:
    """A worker leaves an interrupt to its parent, and ends with it even if that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := mp.parent_process()) is not None:
        parent.join()
        os._exit(1)


def decode(paths: Sequence[Path], side: int) -> Squares:
    squares: list[NDArray[np.uint8]] = []
    refusals: dict[int, str] = {}
    for position, path in enumerate(paths):
        try:
            squares.append(square(path, side))
        except UnreadableImage as error:
            refusals[position] = str(error)
        except OSError as error:
            refusals[position] = error.strerror or str(error)
    none = np.zeros((0, side, side, 3), np.uint8)
    return Squares(np.stack(squares) if squares else none, refusals)


def square(path: Path, side: int) -> NDArray[np.uint8]:
    """(side, side, 3): exactly what an encoder of this size is given. Raises UnreadableImage."""
    with path.open("rb") as file:
        data = file.read(images.MAX_BYTES + 1)  # a film may be called .jpg, too
    picture = images.decode(data, at_least=images.enough_for(side))
    return images.fit(picture.pixels, Preprocessing(size=side))
