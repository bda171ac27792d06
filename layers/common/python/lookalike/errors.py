"""What can go wrong, by whose fault it is.

LookalikeError
├── CallerError               the request cannot be served as asked: 4xx, never retried
│   ├── InvalidRequest        422  a field has the wrong value; `fields` names each by its pointer
│   ├── UnreadableImage       422  the bytes are not a picture we accept; `reason` says why
│   ├── UnknownImage          404
│   ├── ReadOnlyCatalogue     403  the picture lies where Lookalike never writes
│   ├── RunInProgress         409  another learning run has the lease
│   ├── UploadRefused         403  the form is not the one that was granted
│   ├── TooLarge              413
│   └── UnsupportedMediaType  415
└── DependencyError           something we rely on failed: 5xx, safe to retry
    ├── IndexUnavailable
    ├── StoreUnavailable
    ├── ModerationUnavailable
    ├── QueueUnavailable
    ├── SecretUnavailable     a secret cannot be read; the words say what to do, never its value
    ├── SigningKeysUnavailable
    ├── InteractionsUnavailable  the log did not take them; sending them again is harmless
    ├── ReportsUnavailable    the log cannot be counted, or not in time
    ├── OutOfTime             all of them together took longer than whoever called waits
    └── ModelUnavailable      no model serves, or its file differs from its card
"""

from typing import Literal, NamedTuple, Self

RejectReason = Literal[
    "empty",  # zero bytes
    "too_many_bytes",
    "too_many_pixels",
    "unsupported_format",  # not one of images.ACCEPTED_FORMATS
    "corrupt",  # the right format, broken inside: truncated, bad checksum, impossible header
    "permission_denied",  # on a laptop: the file may not be read by us
]


class LookalikeError(Exception):
    """Anything this package raises on purpose."""

    status = 500
    title = "Internal error"


class CallerError(LookalikeError):
    """The request cannot be served as asked; asking again changes nothing."""

    status = 400
    title = "Bad request"


class FieldError(NamedTuple):
    """One wrong field. pointer: JSON pointer, RFC 6901; "" is the whole document."""

    pointer: str
    detail: str


class InvalidRequest(CallerError):
    """One field is wrong, or several (see `of`)."""

    status = 422
    title = "Invalid request"

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(f"{pointer}: {detail}" if pointer else detail)
        self.fields = [FieldError(pointer, detail)]

    @classmethod
    def of(cls, fields: list[FieldError]) -> Self:
        error = cls(*fields[0])
        error.fields = fields
        return error


class UnreadableImage(CallerError):
    """The bytes are not a picture we accept. etag: theirs, where a store refused to read them."""

    status = 422
    title = "Unreadable image"

    def __init__(self, reason: RejectReason, detail: str = "", etag: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: RejectReason = reason
        self.detail = detail
        self.etag = etag


class UnknownImage(CallerError):
    """No image has this id."""

    status = 404
    title = "Unknown image"

    def __init__(self, image_id: str) -> None:
        super().__init__(f"No image has the id {image_id}.")
        self.image_id = image_id


class ReadOnlyCatalogue(CallerError):
    """The picture lies in a folder that Lookalike never changes."""

    status = 403
    title = "Read-only catalogue"


class RunInProgress(CallerError):
    """Another learning run has the lease; it must end first."""

    status = 409
    title = "Run in progress"


class UploadRefused(CallerError):
    """The form does not match the grant it was given."""

    status = 403
    title = "Upload refused"


class TooLarge(CallerError):
    """The request body is larger than we accept."""

    status = 413
    title = "Too large"


class UnsupportedMediaType(CallerError):
    """The request body is of a type we do not read."""

    status = 415
    title = "Unsupported media type"


class DependencyError(LookalikeError):
    """Something we rely on failed; the same request may succeed later."""

    status = 503
    title = "Temporarily unavailable"


class IndexUnavailable(DependencyError):
    """The vector index did not answer."""


class StoreUnavailable(DependencyError):
    """The object store did not answer."""


class ModerationUnavailable(DependencyError):
    """The moderation service did not answer."""


class SecretUnavailable(DependencyError):
    """A secret is missing, has the wrong form, or may not be read."""


class QueueUnavailable(DependencyError):
    """The queue of changes did not take a message."""


class ModelUnavailable(DependencyError):
    """No model serves, or a model's file differs from its card."""


class SigningKeysUnavailable(DependencyError):
    """The keys that answers are signed with cannot be read."""


class InteractionsUnavailable(DependencyError):
    """The interaction log did not take what was sent."""


class OutOfTime(DependencyError):
    """What we rely on answers, but too slowly for this request."""


class ReportsUnavailable(DependencyError):
    """The interaction log cannot be counted now, or not in time."""
