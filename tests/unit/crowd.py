"""Interactions of people that chance made up, as rows of the log."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from lookalike.interaction_log import EventType, FolderLog, Row, stamp
from lookalike.placement import Slot

START = datetime(2026, 11, 2)  # noqa: DTZ001 — the log's times are UTC without a zone
SLOTS: tuple[Slot, ...] = ("organic", "sponsored", "organic", "explore", "organic", "organic")


def row(kind: EventType, session: str, query: str, image: str, place: int, **more: object) -> Row:
    made = {
        "event_id": f"{kind}-{session}-{query}-{image}-{place}",
        "type": kind,
        "query_id": query,
        "session_id": session,
        "anchor_image_id": None,
        "image_id": image,
        "position": place,
        "slot": SLOTS[(place - 1) % len(SLOTS)],
        "propensity": 1.0,
        "model": "m1",
        "policy": "ranked",
        "dwell_ms": None,
        "issued_at": stamp(START),
        "occurred_at": stamp(START),
        "received_at": stamp(START),
        "source": "0" * 16,
        "viewer": "0" * 16,
    }
    return {**made, **more}  # type: ignore[typeddict-item]


def rows(sessions: int, seed: int, days: int = 9) -> Iterator[Row]:
    """Sessions of one to six answers in a row; each session clicks by a rate of its own."""
    chance = random.Random(seed)
    for number in range(sessions):
        session, rate = f"session-{number:04}", chance.betavariate(1, 4)
        at = START + timedelta(seconds=chance.randrange(days * 86_400))
        for _ in range(chance.randrange(1, 7)):
            query = str(UUID(int=chance.getrandbits(128), version=4))
            at += timedelta(hours=chance.random() * 5)
            told = {"model": chance.choice(["m1", "m2"]), "issued_at": stamp(at)}
            images = {int(chance.expovariate(0.03)) for _ in range(chance.randrange(2, 9))}
            for place, image in enumerate((f"image-{one:04}" for one in images), start=1):
                when = at + timedelta(seconds=place)
                told |= {"occurred_at": stamp(when), "received_at": stamp(when)}
                yield row("impression", session, query, image, place, **told)
                if chance.random() < rate:
                    yield row("click", session, query, image, place, **told)
                    spent = {**told, "dwell_ms": chance.randrange(60_000)}
                    yield row("dwell", session, query, image, place, **spent)


def written(root: Path, people: list[Row]) -> Path:
    FolderLog(root).write(people)
    return root
