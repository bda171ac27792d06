"""Where Lookalike runs, in the words that the promises are told in: a laptop or a deployment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

from .asking import Reply

# How a request is let in: as the place lets readers in, as nobody, or as somebody who may edit.
Entry = Literal["reader", "nobody", "editor"]


class Place(Protocol):
    """name: for people. page: its address, without a slash at its end.

    patience: seconds within which a change must be seen. pause: seconds between two looks.
    settling: seconds after which every function goes by a changed serving state.
    private: whether only this machine gets there. key: what readers show, where they show one.
    """

    name: str
    page: str
    patience: float
    pause: float
    settling: float
    private: bool
    key: str

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        kind: str = "",
        entry: Entry = "reader",
    ) -> Reply:
        """path: from /v1 on. kind: the body's media type."""

    def put(self, key: str, data: bytes) -> None:
        """Put a picture, or a sidecar, where pictures are; there may be one already."""

    def delete(self, key: str) -> None: ...

    def has(self, key: str) -> bool: ...

    def purge(self, prefix: str) -> None:
        """Remove everything below, earlier versions too. Harmless where there is nothing."""

    def logged(self, event_id: str) -> dict[str, Any] | None:
        """The row of an interaction, once it is where reports and training read it."""

    def serving(self) -> dict[str, str | None]:
        """The serving state itself: live, next, previous."""

    def add_model(self, folder: Path) -> None:
        """Put model.onnx and card.json into the model store."""

    def begin(self, entry: Literal["promote", "rollback"], model: str = "") -> Callable[[], bool]:
        """Begin to let another model serve; what is returned says whether that is over.

        It fails the test where it ended badly.
        """

    def restore(self, serving: dict[str, str | None], model: str) -> None:
        """Let serve what served before; forget `model`, its collection and its files."""
