"""A folder as a store: the pictures stay where they are."""

import errno
import fcntl
import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lookalike.catalogue import image_id_of
from lookalike.errors import ReadOnlyCatalogue, StoreUnavailable, UnreadableImage, UploadRefused
from lookalike.stores import (
    ABSENT,
    UPLOAD_SECONDS,
    Head,
    MissingObject,
    PreconditionFailed,
    UploadGrant,
)

# A file name is bytes; Python shows the ones that are not UTF-8 as lone surrogates, which no JSON
# document may hold. They travel as private-use characters instead, one for one.
UNDECODABLE = {0xDC00 + byte: 0x10FF00 + byte for byte in range(0x80, 0x100)}
DECODABLE = {private: surrogate for surrogate, private in UNDECODABLE.items()}

NO_NAMES = frozenset(["", ".", ".."])
SIGNED_FIELDS = ("key", "Content-Type", "max-bytes", "expires")


class Folder:
    """A folder whose files are objects; a key is the path below it.

    written: where everything is written, with `root` left untouched. Reads see both, and what was
        written wins. The default writes into `root` itself.
    accepts: which keys exist at all: a folder of pictures also holds other files.

    Hidden files and links to folders are passed over; links to files are followed. An etag is made
    of modification time, size and inode: no file is read to find out whether it changed.
    """

    def __init__(
        self,
        root: Path,
        written: Path | None = None,
        accepts: Callable[[str], bool] = lambda key: True,
    ) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 — links stay as they are named
        self.written = Path(os.path.abspath(written)) if written else self.root  # noqa: PTH100
        self.accepts = accepts

    def head(self, key: str) -> Head | None:
        return _head(self._find(key))

    def get(self, key: str, max_bytes: int | None = None) -> tuple[bytes, str]:
        path = self._find(key)
        head = _head(path)
        if path is None or head is None:
            raise MissingObject(key)
        if max_bytes is not None and head.size > max_bytes:
            raise UnreadableImage("too_many_bytes", f"{head.size} bytes", head.etag)
        try:
            return Path(path).read_bytes(), head.etag
        except PermissionError as error:
            raise UnreadableImage("permission_denied", etag=head.etag) from error
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingObject(key) from error
        except OSError as error:
            raise StoreUnavailable(f"Cannot read {key!r}: {error.strerror}") from error

    def put(self, key: str, data: bytes, content_type: str, if_match: str | None = None) -> str:
        """As Store.put. content_type is not kept: a file has none."""
        path = _below(str(self.written), key)
        if path is None:
            raise ReadOnlyCatalogue(f"{key!r} is not a path below the folder.")
        try:
            if if_match is None:
                return _replace(path, data)
            with self._one_writer():
                head = self.head(key)
                if if_match != (head.etag if head else ABSENT):
                    raise PreconditionFailed(key)
                return _replace(path, data)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise ReadOnlyCatalogue(
                    f"{key!r} is a longer name than a file may have."
                ) from error
            raise StoreUnavailable(f"Cannot write {key!r}: {error.strerror}") from error

    def delete(self, key: str) -> None:
        path = _below(str(self.written), key)
        if path is not None:
            try:
                Path(path).unlink(missing_ok=True)
            except OSError as error:
                raise StoreUnavailable(f"Cannot delete {key!r}: {error.strerror}") from error
        if self.head(key) is not None:
            raise ReadOnlyCatalogue(
                f"{key!r} lies in a folder that Lookalike never changes: delete the file there, "
                "or block it here."
            )

    def keys(self, prefix: str = "") -> Iterator[tuple[str, Head]]:
        seen: set[str] = set()
        inside = prefix.rpartition("/")[0]
        for root in dict.fromkeys([str(self.written), str(self.root)]):
            start = _below(root, inside) if inside else root
            for path in _files(start) if start else ():
                key = self.key_of(path)
                if key is None or key in seen or not key.startswith(prefix):
                    continue
                seen.add(key)
                head = _head(str(path))
                if head is not None:
                    yield key, head

    def url(self, key: str) -> str:
        return f"/pictures/{image_id_of(key)}"

    def path_of(self, key: str) -> Path | None:
        """The file at this key, or None for a key that no file below the folder can have."""
        path = self._find(key)
        return Path(path) if path else None

    def _find(self, key: str) -> str | None:
        """As path_of; as text, for paths are looked at a dozen times for each picture."""
        written = _below(str(self.written), key)
        if self.written == self.root or (written and os.path.isfile(written)):  # noqa: PTH113
            return written
        return _below(str(self.root), key)

    def key_of(self, path: Path) -> str | None:
        """The key of a file, or None when it is not one of our objects."""
        for root in (self.written, self.root):
            if path.is_relative_to(root):
                parts = path.relative_to(root).parts
                key = "/".join(parts).translate(UNDECODABLE)
                hidden = any(part.startswith(".") for part in parts)
                return key if parts and not hidden and self.accepts(key) else None
        return None

    def grant_upload(self, key: str, content_type: str, max_bytes: int) -> UploadGrant:
        expires_at = datetime.now(UTC) + timedelta(seconds=UPLOAD_SECONDS)
        fields = {
            "key": key,
            "Content-Type": content_type,
            "max-bytes": str(max_bytes),
            "expires": str(int(expires_at.timestamp())),
        }
        return UploadGrant("/uploads", {**fields, "signature": self._sign(fields)}, expires_at)

    def accept_upload(self, fields: Mapping[str, str], data: bytes) -> str:
        """Store what a granted form brings; returns its key.

        Raises UploadRefused for a form that was altered, has expired or carries too much.
        """
        signed = {name: fields.get(name, "") for name in SIGNED_FIELDS}
        given = fields.get("signature", "").encode(errors="replace")
        if not hmac.compare_digest(self._sign(signed).encode(), given):
            raise UploadRefused("The form is not the one that was granted; ask for a new grant.")
        if int(signed["expires"]) < datetime.now(UTC).timestamp():
            raise UploadRefused("The grant has expired; ask for a new one.")
        if not 1 <= len(data) <= int(signed["max-bytes"]):
            raise UploadRefused(f"A file of 1 to {signed['max-bytes']} bytes is expected.")
        self.put(signed["key"], data, signed["Content-Type"])
        return signed["key"]

    def _sign(self, fields: Mapping[str, str]) -> str:
        message = "\n".join(f"{name}={value}" for name, value in sorted(fields.items()))
        return hmac.new(
            self._secret(), message.encode(errors="replace"), hashlib.sha256
        ).hexdigest()

    def _secret(self) -> bytes:
        path = self.written / ".upload-secret"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            self.written.mkdir(parents=True, exist_ok=True)
            with self._one_writer():
                if not path.exists():
                    _replace(str(path), secrets.token_bytes(32))
            return path.read_bytes()

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        """Compare and set need to be one step, for every thread and process on this folder."""
        self.written.mkdir(parents=True, exist_ok=True)
        with (self.written / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _below(root: str, key: str) -> str | None:
    if "\0" in key or not NO_NAMES.isdisjoint(key.split("/")):
        return None
    return f"{root}/{key if key.isascii() else key.translate(DECODABLE)}"


def _head(path: str | None) -> Head | None:
    if path is None:
        return None
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):  # absent, a link to itself, a name too long, not encodable
        return None
    if not stat.S_ISREG(found.st_mode):  # opening a FIFO named .jpg would wait for ever
        return None
    return Head(_etag(found), found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _etag(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"


def _files(root: str) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(folder, name)


def _replace(path: str, data: bytes) -> str:
    """Put the file there whole; returns its etag. Raises OSError."""
    folder = os.path.dirname(path)  # noqa: PTH120
    beside = f"{folder}/.{secrets.token_hex(8)}.part"
    try:
        written = _write(beside, data)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        written = _write(beside, data)
    try:
        os.replace(beside, path)  # noqa: PTH105
    except OSError:
        os.unlink(beside)  # noqa: PTH108
        raise
    return _etag(written)


def _write(path: str, data: bytes) -> os.stat_result:
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(data)
        file.flush()
        return os.fstat(file.fileno())
