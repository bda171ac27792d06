"""A shop whose truth is known: how alike pictures are, and which places people look at."""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np

from lookalike.catalogue import image_id_of
from lookalike.interaction_log import Row, stamp

START = datetime(2026, 11, 1, tzinfo=UTC)
UNTIL = "2026-11-22T00:00:00Z"
PIXEL = b"not read by anything here"


def key(number: int) -> str:
    return f"cloth/{number:04}.jpg"


def catalogue(root: Path, pictures: int) -> Path:
    """Files whose names alone matter."""
    for number in range(pictures):
        path = root / key(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PIXEL)
    return root


def write(root: Path, rows: Iterable[Row], name: str = "interactions.jsonl") -> Path:
    """As a laptop's log lies: by the day they came."""
    days: dict[str, list[str]] = {}
    for row in rows:
        days.setdefault(row["received_at"][:10], []).append(json.dumps(row))
    for day, those in days.items():
        file = root / f"dt={day}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(those) + "\n")
    return root


@dataclass
class Telling:
    """Writes down answers and what people did with them, one row each."""

    seed: int = 0
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def answer(
        self,
        session: str,
        anchor: int | None,
        shown: Sequence[int],
        clicked: Sequence[int] = (),
        *,
        at: datetime = START,
        seen: int | None = None,
        explore: dict[int, float] | None = None,
        sponsored: Sequence[int] = (),
        address: str | None = None,
        source: str = "edge",
        policy: str = "ranked",
    ) -> UUID:
        """shown: pictures by place. clicked: pictures. seen: how many of the first places were in
        view; all. explore: propensity by place. sponsored: places. address: the session's own.
        """
        query = UUID(int=self.chance.getrandbits(128), version=4)
        for place, picture in enumerate(shown, 1):
            chance = (explore or {}).get(place, 1.0)
            slot = "explore" if place in (explore or {}) else "organic"
            kinds = ["impression"] if place <= (len(shown) if seen is None else seen) else []
            kinds += ["click"] if picture in clicked else []
            for kind in kinds:
                happened = at + timedelta(seconds=5 * place)
                self.rows.append(
                    {
                        "event_id": str(UUID(int=self.chance.getrandbits(128), version=4)),
                        "type": kind,
                        "query_id": str(query),
                        "session_id": session,
                        "anchor_image_id": None if anchor is None else image_id_of(key(anchor)),
                        "image_id": image_id_of(key(picture)),
                        "position": place,
                        "slot": "sponsored" if place in sponsored else slot,
                        "propensity": chance,
                        "model": "m1",
                        "policy": policy,
                        "dwell_ms": None,
                        "issued_at": stamp(at),
                        "occurred_at": stamp(happened),
                        "received_at": stamp(happened + timedelta(seconds=3)),
                        "source": source,
                        "viewer": address or f"at {session}",
                    }
                )
        return query


@dataclass(frozen=True)
class Shop:
    """Clicks as the position-based model has them, on answers of a ranking that is half right.

    One place of every answer, drawn among all, shows a picture drawn among those that are left.
    alike: (pictures, pictures). examined: (places,).
    """

    seed: int
    pictures: int = 40
    places: int = 12
    steepness: float = 0.7
    drawn: bool = True

    @property
    def examined(self) -> np.ndarray:
        return np.arange(1, self.places + 1) ** -self.steepness

    @property
    def alike(self) -> np.ndarray:
        of = np.random.default_rng(self.seed).beta(0.4, 1.2, (self.pictures, self.pictures))
        return np.triu(of, 1) + np.triu(of, 1).T

    def visited(self, answers: int) -> list[Row]:
        chance = np.random.default_rng(self.seed + 1_000)
        alike, examined, telling = self.alike, self.examined, Telling(self.seed)
        liking = alike + chance.normal(0, 0.6, alike.shape)
        np.fill_diagonal(liking, -np.inf)
        order = np.argsort(-liking, axis=1)[:, :-1]
        step = timedelta(days=20) / answers
        for number in range(answers):
            anchor = int(chance.integers(self.pictures))
            shown, explore = order[anchor, : self.places].tolist(), {}
            if self.drawn:
                left = order[anchor, self.places - 1 :]
                place = int(chance.integers(self.places))
                shown = shown[:-1]
                shown.insert(place, int(chance.choice(left)))
                explore = {place + 1: 1 / len(left) / self.places}
            tempted = examined * alike[anchor, shown]
            clicked = [p for p, t in zip(shown, tempted, strict=True) if chance.random() < t]
            reached = min(self.places, 3 + int(chance.geometric(0.08)))
            telling.answer(
                f"session-{number // 3}",
                anchor,
                shown,
                [p for p in clicked if p in shown[:reached]],
                at=START + number * step,
                seen=reached,
                explore=explore,
            )
        return telling.rows
