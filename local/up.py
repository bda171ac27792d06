"""`lookalike up` and `lookalike index`: the same laptop, followed for ever or until it is done."""

import argparse
import os
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from local import client, console
from local.commands import DEFAULT_PORT
from local.console import tell
from local.data_folder import DataFolder, Running
from local.opening import for_pictures, functions_of, stop_on_sigterm, taken_or_locked
from local.trouble import SOME_REJECTED, Trouble

if TYPE_CHECKING:
    from local.laptop import Laptop

NEARBY_PORTS = 10
ANY_PORT = 0
POLL_SECONDS = 0.2


def up(asked: argparse.Namespace) -> int:
    """Serve until told to stop."""
    data = for_pictures(asked.folder, asked.data)
    if taken_or_locked(data) is not None:
        raise data.taken()
    with running(data, asked.port, watching=True) as (laptop, url, terminal):
        print(f"Lookalike is at {url}", file=terminal, flush=True)
        if not asked.no_browser:
            _open_browser(url)
        _follow_for_ever(laptop)
    return 0


def index(asked: argparse.Namespace) -> int:
    """Index what there is to index, print the outcome, exit."""
    data = for_pictures(asked.folder, asked.data)
    other = taken_or_locked(data)
    if other is not None:
        status = _index_there(other)
        return _report(status, asked.strict, sys.stdout)
    with running(data, ANY_PORT, watching=False) as (laptop, _, terminal):
        console.follow(laptop.progress, lambda: ended(laptop), threading.Event())
        return _report(laptop.status(), asked.strict, terminal)


@contextmanager
def running(
    data: DataFolder, port: int | None, watching: bool
) -> Iterator[tuple["Laptop", str, Any]]:
    """The whole laptop at work while the block runs; it also answers other commands.

    Needs the folder's lock, and lets go of it.
    """
    stop_on_sigterm()
    with functions_of(data) as terminal, _listen(port) as listening:
        taken = listening.getsockname()[1]
        url = f"http://127.0.0.1:{taken}/"
        from local.bridge import Bridge
        from local.laptop import Laptop
        from local.server import application, serving

        laptop = Laptop(data, watching)
        bridge = Bridge(laptop.functions)
        try:
            with serving(application(laptop, bridge, taken), listening):
                data.announce(url)
                laptop.start()
                yield laptop, url, terminal
        finally:
            bridge.close()
            laptop.stop()


def _listen(port: int | None) -> socket.socket:
    from local.server import listen

    if port is not None:
        try:
            return listen(port)
        except OSError as error:
            raise Trouble(
                f"Port {port} cannot be used ({error.strerror}); leave --port out to get another."
            ) from error
    for near in range(DEFAULT_PORT, DEFAULT_PORT + NEARBY_PORTS):
        try:
            return listen(near)
        except OSError:
            continue
    return listen(0)


def _follow_for_ever(laptop: "Laptop") -> None:
    """A bar whenever there is work; a line when it is done."""
    never = threading.Event()
    while True:
        console.follow(laptop.progress, laptop.keeper.settled, never)
        tell(f"{console.summary(laptop.progress())}; following {laptop.store.root} (Ctrl-C stops)")
        if laptop.watcher and laptop.watcher.polling:
            tell(
                f"The system cannot tell us about changes ({laptop.watcher.polling}), so "
                "the folder is looked through every few seconds; see: lookalike doctor"
            )
        while laptop.keeper.settled():
            time.sleep(POLL_SECONDS)


def ended(laptop: "Laptop") -> bool:
    """Done; or stuck, which is an error: nothing pends, and what is left to do keeps failing."""
    if laptop.keeper.trouble and laptop.queue.is_idle():
        raise Trouble(f"{laptop.keeper.trouble} See: lookalike doctor")
    return laptop.keeper.settled()


def _index_there(other: Running) -> dict[str, Any]:
    """Wait for the Lookalike that follows the folder already."""
    tell(f"The Lookalike at {other.url} indexes this folder; waiting for it.")
    progress: dict[str, Any] = client.get(f"{other.url}local/progress")

    def read() -> dict[str, Any]:
        nonlocal progress
        progress = client.get(f"{other.url}local/progress")
        return progress

    def ended() -> bool:
        return not progress["pending"] and progress["filling"] is None

    console.follow(read, ended, threading.Event())
    found: dict[str, Any] = client.get(f"{other.url}local/status")
    return found


def _report(status: dict[str, Any], strict: bool, terminal: Any) -> int:
    for reject in status["rejected"]:
        tell(f"rejected {reject['key']}: {reject['reason']}")
    console.say(console.summary(status), terminal)
    if not (status["indexed"] or status["rejected"] or status["pending"]):
        tell(
            f"No file in {status['pictures']} is named like a picture (.jpg, .png, .webp …); "
            "folders behind links are not entered."
        )
    return SOME_REJECTED if strict and status["rejected"] else 0


def _open_browser(url: str) -> None:
    """Where there is a screen; on a machine without one a text browser would take the terminal."""
    screen = (
        sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if screen:
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
