"""Answers and what people did with them, written by the code that writes the real log."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from lookalike.interaction_log import FolderLog
from lookalike.interactions import Interactions
from lookalike.naming import LIFETIME, Naming
from lookalike.requests import NewInteractions
from lookalike.senders import Sender
from lookalike.signing import Keyring, SigningKeys
from lookalike.tokens import Shown, SignedAnswer, sign

KEY = b"k" * 64


def image(number: int) -> str:
    return str(UUID(int=number, version=4))


class Shop:
    """Answers given and what people did with them, written by the code that writes the real log."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tokens: dict[str, tuple[str, datetime]] = {}

    def answer(self, name: str, model: str, at: str, *slots: str) -> None:
        """Shows image 1, 2, … in these slots."""
        issued_at = datetime.fromisoformat(at).replace(tzinfo=UTC)
        shown = tuple(
            Shown(image(place), place, slot, 0.25 if slot == "explore" else 1.0)
            for place, slot in enumerate(slots, start=1)
        )
        made = SignedAnswer(str(uuid4()), None, model, "ranked", issued_at, LIFETIME, shown)
        self.tokens[name] = sign(made, "k1", KEY), issued_at

    def tell(
        self, session: str, name: str, *events: tuple[Any, ...], at: str | None = None
    ) -> None:
        """events: type, image, dwell_ms. Half a minute after the answer, if at is not given."""
        token, issued_at = self.tokens[name]
        moment = datetime.fromisoformat(at).replace(tzinfo=UTC) if at else None
        occurred_at = moment or issued_at + timedelta(seconds=30)
        sent = [
            {
                "event_id": str(uuid4()),
                "type": event[0],
                "image_id": image(event[1]),
                "occurred_at": occurred_at.isoformat(),
                **({"dwell_ms": event[2]} if event[0] == "dwell" else {}),
            }
            for event in events
        ]
        keys = SigningKeys(lambda: Keyring("k1", {"k1": KEY}))
        received_at = occurred_at + timedelta(seconds=2)
        now = lambda: received_at  # noqa: E731 - one clock for both
        interactions = Interactions(Naming(keys, now), FolderLog(self.root), now)
        body = {"session_id": f"session-{session}", "query_id": token, "events": sent}
        recorded = interactions.record(NewInteractions.model_validate(body), Sender("::1", "::1"))
        assert len(recorded.rows) == len(sent), recorded.rejected

    def lines(self) -> list[tuple[str, str]]:
        """Day and row of all that was written."""
        return [
            (file.parent.name.removeprefix("dt="), line)
            for file in sorted(self.root.rglob("*.jsonl"))
            for line in file.read_text().splitlines()
        ]

    def rewrite(self, lines: list[tuple[str, str]]) -> None:
        for file in self.root.rglob("*.jsonl"):
            file.unlink()
        for day, line in lines:
            folder = self.root / f"dt={day}"
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "interactions.jsonl").open("a") as file:
                file.write(line + "\n")
