"""What the laptop's server shows and does besides the API."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


class Album(Protocol):
    """What the server shows besides the API."""

    max_upload_bytes: int

    def original(self, image_id: str) -> tuple[Path, str] | None:
        """File and media type of an indexed image, or None."""

    def thumbnail(self, image_id: str) -> bytes | None:
        """WebP bytes, or None."""

    def accept_upload(self, fields: Mapping[str, str], data: bytes) -> None:
        """Raises CallerError for a form that was not granted."""

    def promote(self, model: str) -> None:
        """Begin to let another model serve. Raises LookalikeError when it cannot."""

    def trial(self, model: str, share: float) -> None:
        """Begin to let another model answer some sessions. Raises LookalikeError."""

    def stop_trial(self) -> dict[str, Any]:
        """Let the model on trial go. Raises LookalikeError when there is none."""

    def rollback(self) -> dict[str, Any]:
        """Let the previous model serve again. Raises LookalikeError when it cannot."""

    def drift(self) -> dict[str, Any]:
        """What differs between folder and index; reads the whole of both. Raises LookalikeError."""

    def reconcile(self) -> dict[str, Any]:
        """The same, and begins to mend it. Raises LookalikeError."""

    def progress(self) -> dict[str, Any]:
        """Cheap: asked every second."""

    def status(self) -> dict[str, Any]:
        """The fate of every picture; reads the whole folder and index."""
