"""Where Lookalike keeps what it knows of one folder of pictures."""

import fcntl
import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local.trouble import USAGE, Trouble

CATALOGUE = "catalogue.json"
LAST = "last"


@dataclass(frozen=True, slots=True)
class Running:
    """The process that has the data folder open. url: "" until its server listens."""

    pid: int
    url: str


class DataFolder:
    """A folder that belongs to one folder of pictures, and to one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: IO[str] | None = None

    @property
    def queue(self) -> Path:
        return self.path / "queue.sqlite"

    @property
    def log(self) -> Path:
        return self.path / "lookalike.log"

    @property
    def pictures(self) -> Path:
        """The pictures that the data is about. Raises Trouble when this is no data folder."""
        try:
            return Path(json.loads((self.path / CATALOGUE).read_text())["pictures"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Trouble(
                f"{self.path} is not a Lookalike data folder; index a folder of pictures first: "
                "lookalike index DIR"
            ) from error

    def claim(self, pictures: Path) -> None:
        """Make this the data folder of these pictures. Raises Trouble if it is something else's."""
        _refuse_nesting(self.path, pictures)
        if (self.path / CATALOGUE).exists():
            if self.pictures != pictures:
                raise Trouble(
                    f"{self.path} belongs to the pictures in {self.pictures}; choose another "
                    "folder with --data, or remove that one with: lookalike clean --data "
                    f"{self.path}",
                    USAGE,
                )
        else:
            self._found(pictures)
        self._remember()

    def environment(self) -> dict[str, str]:
        """The settings that make the functions work on this folder."""
        return {
            "LOOKALIKE_IMAGES": str(self.pictures),
            "LOOKALIKE_WRITTEN": str(self.path / "written"),
            "LOOKALIKE_DERIVED": str(self.path / "derived"),
            "LOOKALIKE_MODELS": str(self.path / "models"),
            "LOOKALIKE_QDRANT": str(self.path / "index"),
            "LOOKALIKE_SIGNING_KEYS": str(self.path / "signing.json"),
            "LOOKALIKE_INTERACTIONS": str(self.path / "interactions"),
            "LOOKALIKE_IMAGES_URL": "/pictures",
            "OPENBLAS_NUM_THREADS": "1",  # more of them spin on cores that the workers need
            "POWERTOOLS_SERVICE_NAME": "lookalike",
            "POWERTOOLS_TRACE_DISABLED": "1",
            "POWERTOOLS_METRICS_DISABLED": "1",
            "POWERTOOLS_METRICS_NAMESPACE": "Lookalike",
        }

    def lock(self) -> None:
        """Become the one process that works here. Raises Trouble when another one is.

        The lock is the kernel's: it goes when the process does, however it ends.
        """
        lock = (self.path / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise self.taken() from error
        self._lock = lock
        self.announce("")

    def announce(self, url: str) -> None:
        """Tell other processes where this one listens. Only with the lock held."""
        if self._lock is not None:
            self._lock.seek(0)
            self._lock.truncate()
            self._lock.write(json.dumps({"pid": os.getpid(), "url": url}))
            self._lock.flush()

    def taken(self) -> Trouble:
        """What to say when another process has the folder."""
        holder = self._holder()
        where = f" at {holder.url}" if holder.url else ""
        return Trouble(
            f"Another Lookalike (process {holder.pid}) works on {self.path}{where}; use that one, "
            "or stop it first."
        )

    def unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def running(self) -> Running | None:
        """Who holds the lock, if anybody does."""
        try:
            with (self.path / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except OSError:
            return self._holder()
        return None

    def remove(self) -> None:
        """Delete the folder and all in it. Call only after `pictures` proved that it is ours."""
        shutil.rmtree(self.path)
        if last() == self.path:
            (_home() / LAST).unlink(missing_ok=True)

    def _holder(self) -> Running:
        try:
            found: dict[str, Any] = json.loads((self.path / "lock").read_text())
            return Running(int(found["pid"]), str(found["url"]))
        except (OSError, ValueError, KeyError):
            return Running(0, "")  # it took the lock a moment ago

    def _found(self, pictures: Path) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if any(self.path.iterdir()):
                raise Trouble(
                    f"{self.path} holds something else; give --data an empty or a new folder.",
                    USAGE,
                )
            draft = self.path / f"{CATALOGUE}.draft"
            draft.write_text(json.dumps({"pictures": str(pictures)}))
            draft.replace(self.path / CATALOGUE)
        except OSError as error:
            raise Trouble(
                f"Cannot write to {self.path} ({error.strerror}); choose a folder with --data."
            ) from error

    def _remember(self) -> None:
        """A convenience only: a home that cannot be written costs typing --data, nothing else."""
        home = _home()
        with suppress(OSError):
            home.mkdir(parents=True, exist_ok=True)
            (home / LAST).write_bytes(os.fsencode(self.path))


def data_folder_of(pictures: Path) -> DataFolder:
    """Where a folder's data goes unless a person says otherwise."""
    short = hashlib.sha256(os.fsencode(pictures)).hexdigest()[:8]
    return DataFolder(_home() / f"{pictures.name or 'pictures'}-{short}")


def last() -> Path | None:
    """The data folder that was used last, if it is still there."""
    try:
        path = Path(os.fsdecode((_home() / LAST).read_bytes()))
    except OSError:
        return None
    return path if (path / CATALOGUE).exists() else None


def _home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "lookalike"


def _refuse_nesting(data: Path, pictures: Path) -> None:
    """Thumbnails among the pictures would be indexed, and thumbnailed, for ever."""
    if data.is_relative_to(pictures):
        below = data.relative_to(pictures).parts
        if not any(part.startswith(".") for part in below):
            raise Trouble(
                f"{data} lies among the pictures, where thumbnails would be taken for pictures; "
                f"choose a folder elsewhere, or a hidden one: --data {pictures / '.lookalike'}",
                USAGE,
            )
    if pictures.is_relative_to(data):
        raise Trouble(f"{data} holds the pictures; give --data a folder of its own.", USAGE)
