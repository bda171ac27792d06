"""Where the functions' output goes on a laptop: what they print is their log, as in Lambda."""

import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO

from local.console import plain

MAX_BYTES = 5_000_000  # of one file; one older file is kept


class FunctionLog(io.TextIOBase):
    """A text stream into a file that never grows beyond MAX_BYTES by much."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._file = self._opened()

    def write(self, text: str) -> int:
        """Written at once. After `close`, what a straggling thread still says is dropped.

        Lines stay lines; whatever else a terminal would obey is escaped, for a log is read there.
        """
        shown = "\n".join(map(plain, text.split("\n")))
        with self._lock:
            if not self._file.closed:
                self._file.write(shown)
                if self._file.tell() > self.max_bytes:
                    self._turn_over()
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        with self._lock:
            self._file.close()
        super().close()

    def writable(self) -> bool:
        return True

    def _opened(self) -> IO[str]:
        file = self.path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
        file.seek(0, os.SEEK_END)
        return file

    def _turn_over(self) -> None:
        self._file.close()
        self.path.replace(self.path.with_suffix(".old.log"))
        self._file = self._opened()


@contextmanager
def diverted(path: Path) -> Iterator[TextIO]:
    """Send what functions print, log and warn to a file; gives the terminal's own stdout.

    To be entered before any function is imported: their loggers keep the stdout they find.
    """
    terminal = sys.stdout
    log = FunctionLog(path)
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(True)
    sys.stdout = log
    try:
        yield terminal
    finally:
        sys.stdout = terminal
        logging.captureWarnings(False)
        logging.getLogger().removeHandler(handler)
        log.close()
