"""The folder as a source of events: what changed, found out while it changes."""

import logging
import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from watchfiles import Change, watch
from watchfiles._rust_notify import WatchfilesRustInternalError

from lookalike.folder import Folder

DEBOUNCE_MS = 400  # a file being written changes many times; one burst is one report
HEARTBEAT_MS = 250
POLL_SECONDS = 5.0  # between looks at the whole folder when the system does not tell us
RESTART_SECONDS = 1.0

Report = Callable[[Iterable[str]], object]
Watch = Callable[..., Generator[set[tuple[Change, str]], None, None]]

logger = logging.getLogger("lookalike.watcher")


class Watcher:
    """Reports keys that may have changed, and asks for a full comparison when it cannot tell.

    It cannot tell when a folder went (the system names the folder, not the files that were in it),
    when watching begins or begins again, when a name is not UTF-8 (the watching library stops at
    those), and when the system's watches run out: then it asks every POLL_SECONDS.

    While a root is missing, an unplugged disk for one, it reports nothing: the pictures are not
    deleted, they are elsewhere.
    """

    def __init__(
        self, store: Folder, report: Report, compare: Callable[[], object], watching: Watch = watch
    ) -> None:
        self.store = store
        self.report = report
        self.compare = compare
        self.watching = watching
        self.polling = ""  # why, when the system cannot tell us
        self.established = threading.Event()
        self._stopping = threading.Event()
        self._folders: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def roots(self) -> list[Path]:
        return [self.store.root, self.store.written]

    def _run(self) -> None:
        while not self._stopping.is_set():
            if all(root.is_dir() for root in self.roots()):
                self._watch()
            self._stopping.wait(POLL_SECONDS if self.polling else RESTART_SECONDS)

    def _watch(self) -> None:
        """Until told to stop, or until it breaks."""
        begun = False
        try:
            identity = self._identity()
            self._folders = set(self._folders_now())
            for changes in self._heartbeats():
                if not begun:
                    begun = True
                    self._begin()
                if self._identity() != identity:
                    return
                self._follow(changes)
        except (OSError, WatchfilesRustInternalError) as error:
            self._broke(error, begun)

    def _heartbeats(self) -> Iterator[set[tuple[Change, str]]]:
        yield from self.watching(
            *self.roots(),
            watch_filter=None,
            debounce=DEBOUNCE_MS,
            rust_timeout=HEARTBEAT_MS,
            yield_on_timeout=True,
            stop_event=self._stopping,
            raise_interrupt=False,
            force_polling=False,
            ignore_permission_denied=True,
        )

    def _begin(self) -> None:
        if self.polling:
            logger.warning("watching again")
        self.polling = ""
        self.established.set()
        self.compare()

    def _broke(self, error: Exception, begun: bool) -> None:
        undecodable = "decode" in str(error)
        if not (begun or undecodable) and not self.polling:
            self.polling = str(error)
            logger.warning("the folder cannot be watched (%s): looking at all of it instead", error)
        self.established.set()
        self.compare()

    def _identity(self) -> list[Any]:
        """Which folders the roots are: another disk may be mounted where one was."""
        try:
            return [(found.st_dev, found.st_ino) for found in map(os.stat, self.roots())]
        except OSError:
            return []

    def _folders_now(self) -> Iterator[str]:
        for root in self.roots():
            yield from (folder for folder, _, _ in os.walk(root))

    def _follow(self, changes: set[tuple[Change, str]]) -> None:
        keys: set[str] = set()
        for change, name in changes:
            if change == Change.deleted and name in self._folders:
                self._folders = {f for f in self._folders if f != name and not _lies_in(f, name)}
                self.compare()
            else:
                keys.update(self._keys_of(Path(name)))
        if keys:
            self.report(keys)

    def _keys_of(self, path: Path) -> Iterator[str]:
        if self._behind_link(path):
            return
        if path.is_dir() and not path.is_symlink():
            for folder, folders, files in os.walk(path):
                self._folders.update([folder, *(str(Path(folder, name)) for name in folders)])
                yield from filter(None, (self.store.key_of(Path(folder, name)) for name in files))
        elif key := self.store.key_of(path):
            yield key

    def _behind_link(self, path: Path) -> bool:
        """Whether a link to a folder leads there: such folders are not ours to list."""
        return any(
            parent.is_symlink()
            for root in self.roots()
            if path.is_relative_to(root)
            for parent in path.parents
            if parent.is_relative_to(root) and parent != root
        )


def _lies_in(folder: str, other: str) -> bool:
    return folder.startswith(other + os.sep)
