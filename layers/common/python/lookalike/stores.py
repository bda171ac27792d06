"""Objects by key, in a bucket or in a folder: what both can do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lookalike.errors import LookalikeError

ABSENT = ""  # as `if_match`: the object must not exist yet
UPLOAD_SECONDS = 300  # how long an upload grant is good for


class MissingObject(LookalikeError):
    """No object has this key (any more)."""


class PreconditionFailed(LookalikeError):
    """The object is not the one that `if_match` names: somebody wrote in between."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a store knows of an object without reading it. etag: changes whenever the bytes do."""

    etag: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class UploadGrant:
    """Permission to upload one object: POST `fields`, then `file`, as a form to `url`."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


class Store(Protocol):
    """Object storage by key. Any method raises StoreUnavailable if the store does not answer."""

    def head(self, key: str) -> Head | None:
        """The object's version, or None when there is none."""

    def get(self, key: str, max_bytes: int | None = None) -> tuple[bytes, str]:
        """The bytes and their etag.

        Raises MissingObject, and UnreadableImage (too_many_bytes, permission_denied) with the
        etag before reading anything larger than max_bytes.
        """

    def put(self, key: str, data: bytes, content_type: str, if_match: str | None = None) -> str:
        """Write the whole object at once; readers see the old one or the new one.

        if_match: the etag it must have now, ABSENT for none at all; else PreconditionFailed.
        Returns the new etag.
        """

    def delete(self, key: str) -> None:
        """Remove the object; deleting what is absent is fine."""

    def keys(self, prefix: str = "") -> Iterator[tuple[str, Head]]:
        """Every object whose key starts with the prefix."""

    def url(self, key: str) -> str:
        """A link that reads the object, for an hour at least."""

    def grant_upload(self, key: str, content_type: str, max_bytes: int) -> UploadGrant:
        """Let a client upload exactly this key and type, up to max_bytes, for UPLOAD_SECONDS."""
