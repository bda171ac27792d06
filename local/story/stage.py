"""The laptop that a story is about: `lookalike up`, started and stopped as a person does."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Any

from local import client
from local.data_folder import DataFolder
from local.trouble import Trouble

LISTENS = "Lookalike is at "  # how `lookalike up` begins
POLL_SECONDS = 0.2
STILL_SECONDS = 60.0  # without another picture indexed: something is wrong
STOPS_SECONDS = 30.0


@contextmanager
def laptop(data: DataFolder, *options: str) -> Iterator[str]:
    """Its address, while the block runs; of the one that is up already, if there is one."""
    other = data.running()
    if other is not None and other.url:
        yield other.url
        return
    command = [sys.executable, "-m", "local.cli", "up", str(data.pictures)]
    with TemporaryFile("w+") as said:
        process = subprocess.Popen(  # noqa: S603 — our own command line
            [*command, "--data", str(data.path), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        try:
            first = process.stdout.readline() if process.stdout else ""
            if not first.startswith(LISTENS):
                process.wait()
                said.seek(0)
                raise Trouble(said.read().strip() or "Lookalike did not start.")
            yield first.removeprefix(LISTENS).strip()
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=STOPS_SECONDS)


def indexing(url: str, pictures: int) -> Iterator[int]:
    """How many are indexed, until there are so many and nothing is left to do.

    Raises Trouble when nothing moves any more.
    """
    before, moved = -1, time.monotonic()
    while True:
        progress: dict[str, Any] = client.get(f"{url}local/progress")
        indexed = int(progress["indexed"])
        yield indexed
        if indexed >= pictures and not progress["pending"]:
            return
        if indexed != before:
            before, moved = indexed, time.monotonic()
        if time.monotonic() - moved > STILL_SECONDS:
            raise Trouble(
                f"Only {indexed} of {pictures} pictures were indexed; see: lookalike doctor"
            )
        time.sleep(POLL_SECONDS)
