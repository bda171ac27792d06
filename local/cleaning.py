"""`lookalike clean`: forget a folder. The pictures themselves are never touched."""

import argparse
import os
import sys
from pathlib import Path

from local.console import tell
from local.data_folder import DataFolder
from local.opening import named_or_last
from local.trouble import USAGE, Trouble

MEGABYTE = 1_000_000


def clean(asked: argparse.Namespace) -> int:
    """Remove a data folder, if it is one and nobody works on it."""
    data = named_or_last(asked.data)
    pictures = data.pictures
    tell(f"{data.path} ({_size(data) / MEGABYTE:.1f} MB) holds what is known of {pictures}.")
    if uploads := _uploads(data):
        tell(f"{uploads} files that were uploaded or edited here exist nowhere else and go too.")
    if not (asked.yes or _agreed()):
        tell("Nothing was removed.")
        return 1
    data.lock()
    data.remove()
    data.unlock()
    tell(f"Removed {data.path}; the pictures in {pictures} are as they were.")
    return 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise Trouble("Nobody is here to ask; say --yes to remove it.", USAGE)
    print("Remove it? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _size(data: DataFolder) -> int:
    return sum(
        Path(folder, name).lstat().st_size
        for folder, _, names in os.walk(data.path)
        for name in names
    )


def _uploads(data: DataFolder) -> int:
    return sum(
        not name.startswith(".") for _, _, names in os.walk(data.path / "written") for name in names
    )
