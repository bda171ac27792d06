"""How a command gets at a data folder: alone, or through the process that has it open."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TextIO

from local.console import tell
from local.data_folder import DataFolder, Running, data_folder_of, last
from local.trouble import USAGE, Trouble

BRIEFLY_SECONDS = 60.0  # how long another command may keep the folder before we give up on it


def for_pictures(folder: Path, data: Path | None) -> DataFolder:
    """The data folder of these pictures, claimed for them."""
    pictures = folder.expanduser().resolve()
    if not pictures.is_dir():
        raise Trouble(f"{folder} is not a folder; give the folder that holds your pictures.", USAGE)
    if not os.access(pictures, os.R_OK | os.X_OK):
        raise Trouble(f"{folder} may not be read by you; change its permissions.", USAGE)
    chosen = DataFolder(data.expanduser()) if data else data_folder_of(pictures)
    chosen.claim(pictures)
    return chosen


def named_or_last(data: Path | None) -> DataFolder:
    """The data folder a person named, or the one used last, which is then said."""
    if data is not None:
        return DataFolder(data.expanduser())
    recent = last()
    if recent is None:
        raise Trouble("Nothing has been indexed yet; begin with: lookalike index DIR")
    folder = DataFolder(recent)
    tell(f"About the pictures in {folder.pictures}")
    return folder


def taken_or_locked(data: DataFolder) -> Running | None:
    """Who serves this folder; or None, and it is locked for us.

    A process without a server keeps the folder only for a moment: that moment is waited for.
    """
    _ = data.pictures  # proves that it is a data folder, before anything is written there
    deadline = time.monotonic() + BRIEFLY_SECONDS
    while True:
        running = data.running()
        if running is not None and running.url:
            return running
        try:
            data.lock()
        except Trouble:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return None


@contextmanager
def functions_of(data: DataFolder) -> Iterator[TextIO]:
    """Settings and log of the functions, while the block runs; gives the terminal's stdout.

    Needs the folder's lock, and lets go of it. What was built in the block is forgotten with it,
    so that another block of this process begins as a fresh one would.
    """
    from local.function_log import diverted

    os.environ.update(data.environment())
    try:
        with diverted(data.log) as terminal:
            yield terminal
    finally:
        _forget_functions()
        data.unlock()


def _forget_functions() -> None:
    """Closes the index, and lets the next import of a handler be a cold start."""
    if "lookalike.wiring" not in sys.modules:
        return
    from lookalike import wiring

    wiring.forget()
    for name in [name for name in sys.modules if fnmatch(name, "functions.*.handler")]:
        del sys.modules[name]


def stop_on_sigterm() -> None:
    """Leave as on Ctrl-C, with the exit code that says it was SIGTERM."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
