"""`lookalike reconcile`: say what differs between the folder and every index, and mend it."""

import argparse
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from local import client, console
from local.console import as_json, say, tell
from local.data_folder import DataFolder
from local.opening import functions_of, named_or_last, stop_on_sigterm, taken_or_locked

if TYPE_CHECKING:
    from local.laptop import Laptop

SHOWN = 10  # names of each kind; --json has them all
WORDS = {
    "missing": "not indexed",
    "stale": "indexed from another version",
    "wrong_model": "vectors of another model",
    "thumbnail": "without their thumbnail",
    "orphaned": "indexed and gone from the folder",
    "strangers": "points that are no picture of ours",
}
Found = dict[str, Any]


def reconcile(asked: argparse.Namespace) -> int:
    """0: nothing differs, or nothing of it does any more. 1: something still does."""
    data = named_or_last(asked.data)
    stop_on_sigterm()
    other = taken_or_locked(data)
    url = f"{other.url}local/" if other is not None else None
    found, left = _there(url, asked.dry_run) if url else _here(data, asked.dry_run)
    if asked.json:
        print(as_json({**found, "mended": len(found["differ"]) - len(left), "left": left}))
    else:
        _print(found, left, asked.dry_run)
    return 1 if left else 0


def _here(data: DataFolder, dry_run: bool) -> tuple[Found, list[str]]:
    with _laptop(data) as laptop:
        if dry_run:
            found = laptop.drift()
            return found, found["differ"]
        laptop.resume()
        found = laptop.reconcile()
        console.follow(laptop.progress, laptop.queue.is_idle, threading.Event())
        return found, _left(found, laptop.drift())


def _there(url: str, dry_run: bool) -> tuple[Found, list[str]]:
    """Through the Lookalike that has the folder open; it goes on answering."""
    if dry_run:
        found: Found = client.get(f"{url}drift")
        return found, found["differ"]
    found = client.post(f"{url}reconcile", b"", "application/json")
    progress: console.Progress = client.get(f"{url}progress")

    def ended() -> bool:
        nonlocal progress
        progress = client.get(f"{url}progress")
        return not progress["pending"]

    console.follow(lambda: progress, ended, threading.Event())
    return found, _left(found, client.get(f"{url}drift"))


def _left(before: Found, after: Found) -> list[str]:
    """What changed in the folder meanwhile is no failure of ours."""
    return sorted(set(before["differ"]) & set(after["differ"]))


@contextmanager
def _laptop(data: DataFolder) -> Iterator["Laptop"]:
    """Without its keeper, which would mend what is only to be told."""
    with functions_of(data):
        from local.laptop import Laptop

        laptop = Laptop(data, watching=False)
        try:
            yield laptop
        finally:
            laptop.stop()


def _print(found: Found, left: list[str], dry_run: bool) -> None:
    if not found["differ"]:
        say("Nothing differs.")
        return
    for one in found["collections"]:
        for kind, words in WORDS.items():
            _list(f"{one['role']} {one['model']}: {len(one[kind])} {words}", one[kind])
    rejects, strays = found["rejects"], found["strays"]
    _list(f"{len(rejects)} rejects of what is fine, or gone", rejects)
    _list(f"{len(strays)} thumbnails of pictures that are gone", strays)
    if dry_run:
        say(f"{len(left)} differ; nothing was changed")
        return
    say(f"{len(found['differ']) - len(left)} mended, {len(left)} left")
    if left:
        _list("Still different:", left)
        tell("What was given up can be tried again: lookalike doctor --redrive")


def _list(title: str, names: list[str]) -> None:
    if not names:
        return
    say(title)
    for name in names[:SHOWN]:
        say(f"  {name}")
    if len(names) > SHOWN:
        say(f"  and {len(names) - SHOWN} more")
