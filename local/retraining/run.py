"""One retraining as its folder remembers it: what is done, so that it goes on after any end."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self

from local.trouble import Trouble

RECORD, LOCK = "run.json", "lock"
KEPT = 5  # ended runs whose verdict and page stay
PATIENCE_SECONDS = 60.0  # what a killed run left behind ends within seconds
# What only an unfinished run needs; of one that ended, verdict, page and data set stay, and the
# model if it is nowhere else.
HEAVY = ("checkpoints", "pictures", "models", "tmp", ".gate-*")
TRAINED = "trained"


@dataclass(frozen=True)
class Run:
    """folder: DATA/learning/<model>. live: who served when it began. settings: that it began with.

    done: the steps that need not be done again. ended: "", or how.
    """

    folder: Path
    live: str
    started_at: datetime
    settings: Mapping[str, Any]
    done: tuple[str, ...] = ()
    ended: str = ""

    @property
    def model(self) -> str:
        return self.folder.name

    @classmethod
    def begun(cls, learning: Path, live: str, settings: Mapping[str, Any]) -> Self:
        """A new one, under a name that no run of this folder has had."""
        while True:
            started_at = datetime.now(UTC)
            folder = learning / f"clicks-{started_at:%Y%m%d-%H%M%S}"
            with suppress(FileExistsError):
                folder.mkdir(parents=True)
                run = cls(folder, live, started_at, settings)
                run.write()
                return run
            time.sleep(0.1)

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """None for a folder without a record that can be read: nothing of it is worth going on."""
        try:
            told = json.loads((folder / RECORD).read_bytes())
            return cls(
                folder,
                str(told["live"]),
                datetime.fromisoformat(told["started_at"]),
                dict(told["settings"]),
                tuple(map(str, told["done"])),
                str(told["ended"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def having(self, step: str) -> Self:
        """With this step done, which the record says from now on."""
        return self._now(replace(self, done=(*self.done, step)))

    def over(self, how: str) -> Self:
        """Ended; what took space and is of no use any more is removed."""
        ended = self._now(replace(self, ended=how))
        for name in HEAVY if how == "refused" else (*HEAVY, TRAINED):
            for folder in self.folder.glob(name):
                shutil.rmtree(folder, ignore_errors=True)
        return ended

    def write(self) -> None:
        """Whole or not at all, whatever ends the process."""
        told = asdict(self) | {"started_at": self.started_at.isoformat()}
        del told["folder"]
        beside = self.folder / f"{RECORD}.part"
        with beside.open("w", encoding="utf-8") as file:
            json.dump(told, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.folder / RECORD)

    def _now(self, changed: Self) -> Self:
        changed.write()
        return changed


def all_runs(learning: Path) -> list[Run]:
    """Those whose record can be read, the latest last."""
    found = (Run.read(path.parent) for path in sorted(learning.glob(f"*/{RECORD}")))
    return [run for run in found if run is not None]


def prune(learning: Path) -> None:
    """Keep the last few that ended. A folder without a readable record is nobody's work."""
    known = all_runs(learning)
    ended = [run for run in known if run.ended]
    spare = {run.folder for run in known} - {run.folder for run in ended[:-KEPT]}
    for folder in learning.glob("clicks-*"):
        if folder not in spare:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def alone(learning: Path) -> Iterator[IO[str]]:
    """Hold the lock of learning here while the block runs; gives the file, for processes that
    work for us to inherit. Raises Trouble when another retraining is at work.

    The lock is the kernel's. What a killed run left behind holds it for the moment that it needs
    to end, which is waited for.
    """
    learning.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + PATIENCE_SECONDS
    with (learning / LOCK).open("a+") as lock:
        while not _taken(lock):
            holder = _holder(learning)
            if _lives(holder) or time.monotonic() > deadline:
                raise Trouble(
                    f"Another retraining (process {holder}) is at work on {learning.parent}; wait "
                    "for it, or stop it first: this command then goes on with what it has done."
                )
            time.sleep(0.1)
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock


def _taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _holder(learning: Path) -> int:
    try:
        return int((learning / LOCK).read_text())
    except (OSError, ValueError):
        return 0  # it took the lock a moment ago


def _lives(process: int) -> bool:
    if not process:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
