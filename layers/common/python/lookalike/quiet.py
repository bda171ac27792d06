"""Keeps a library's warnings in, from several threads at once."""

import threading
import warnings
from types import TracebackType


class Quiet:
    """A context in which no warning is shown or raised: the first thread in silences, the last
    one out restores. `warnings.catch_warnings` alone restores in the wrong order between threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(kind, error, at)
