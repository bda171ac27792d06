"""A click told again, in every way there is: what counts clicks counts it once."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from lookalike.catalogue import image_id_of
from lookalike.duckdb_log import DuckDBLog
from lookalike.fields import MAX_EVENTS
from lookalike.interaction_log import FolderLog
from lookalike.interactions import Interactions
from lookalike.naming import LIFETIME, Naming
from lookalike.reports import text
from lookalike.requests import NewInteractions, parse
from lookalike.senders import Sender
from lookalike.signing import Keyring, SigningKeys
from lookalike.tokens import Shown, SignedAnswer, sign
from tests.cheats.quiet import quiet
from tests.training.clicks.shop import catalogue, key
from training import clicks

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = "a key for tests of thirty-two characters or more"
ANCHOR, SHOWN, CLICKED = 0, (1, 2, 3), 2
PEOPLE = 3
VICTIM = "person-0"  # whose click is told again


@dataclass(frozen=True)
class Counted:
    """clicks, seen: of the report. learnt: bytes of the pairs. rows: lines of the log."""

    clicks: int
    seen: int
    learnt: bytes
    rows: int


@dataclass(frozen=True)
class Replay:
    """duplicate: how many the door knew again. rows: how many it wrote once more all the same."""

    way: str
    sent: int
    duplicate: int
    rows: int
    once: bool


class Desk:
    """Where clicks come in: a laptop's, with its log in a folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.now = root, NOON + timedelta(minutes=10)
        self.restart()

    def restart(self) -> None:
        """What the process remembered is gone."""
        keys = SigningKeys(lambda: Keyring.of({"current": "k1", "k1": KEY}))
        naming = Naming(keys, lambda: self.now)
        self.interactions = Interactions(naming, FolderLog(self.root / "log"), lambda: self.now)

    def send(self, session: str, address: str, *events: dict[str, Any]) -> Any:
        sent = {"session_id": session, "events": list(events)}
        asked = parse(NewInteractions, sent)
        return self.interactions.record(asked, Sender(address, address)).body

    def visited(self) -> dict[str, Any]:
        """Three people see an answer each and click the same picture; the first one's click."""
        clicked = []
        for person in range(PEOPLE):
            token = answer(person)
            seen = [event(100 * person + n, "impression", n, token) for n in SHOWN]
            clicked.append(event(100 * person + 50, "click", CLICKED, token))
            said = self.send(f"person-{person}", f"203.0.113.{person}", *seen, clicked[-1])
            assert said["accepted"] == len(SHOWN) + 1
        return clicked[0]

    def counted(self) -> Counted:
        since = f"date '{NOON - timedelta(days=30):%Y-%m-%d}'"
        found = DuckDBLog(self.root / "log").rows(text("ctr", interval="day", since=since))
        whole = next(row for row in found if row["period"] is None and row["model"] is None)
        rows = sum(len(p.read_text().splitlines()) for p in (self.root / "log").glob("dt=*/*"))
        return Counted(int(whole["events"]), int(whole["total"]), self._learnt(), rows)

    def _learnt(self) -> bytes:
        pictures = catalogue(self.root / "pictures", 4)
        out = self.root / "dataset"
        named = {
            "--interactions": self.root / "log",
            "--images": pictures,
            "--out": out,
            "--until": (NOON + timedelta(days=2)).isoformat(),
            "--held-out": 0,
        }
        with quiet():
            assert clicks.main([str(word) for pair in named.items() for word in pair]) == 0
        return (out / "clicks.jsonl").read_bytes()


def answer(person: int) -> str:
    return sign(
        SignedAnswer(
            str(UUID(int=1_000 + person, version=4)),
            image_id_of(key(ANCHOR)),
            "clicks-1",
            "baseline-1",
            NOON,
            LIFETIME,
            tuple(Shown(image_id_of(key(n)), place) for place, n in enumerate(SHOWN, 1)),
        ),
        "k1",
        KEY.encode(),
    )


def event(number: int, kind: str, picture: int, token: str) -> dict[str, Any]:
    return {
        "event_id": str(UUID(int=number + 1, version=4)),
        "type": kind,
        "query_id": token,
        "image_id": image_id_of(key(picture)),
        "occurred_at": (NOON + timedelta(minutes=1)).isoformat(),
    }


def in_one_request(desk: Desk, click: dict[str, Any], count: int) -> int:
    """As few as a request's limit allows."""
    found, left = 0, count
    while left:
        some = min(left, MAX_EVENTS)
        found += desk.send(VICTIM, "203.0.113.0", *[click] * some)["duplicate"]
        left -= some
    return found


def in_many_requests(desk: Desk, click: dict[str, Any], count: int) -> int:
    return sum(desk.send(VICTIM, "203.0.113.0", click)["duplicate"] for _ in range(count))


def after_restarts(desk: Desk, click: dict[str, Any], count: int) -> int:
    """Each process forgets what the one before it knew."""
    found = 0
    for _ in range(count):
        desk.restart()
        found += desk.send(VICTIM, "203.0.113.0", click)["duplicate"]
    return found


def under_other_ids(desk: Desk, click: dict[str, Any], count: int) -> int:
    """And at other times."""
    return _again(desk, click, count, lambda n: (VICTIM, "203.0.113.0"))


def from_other_sessions(desk: Desk, click: dict[str, Any], count: int) -> int:
    """With the victim's token, each from an address of its own."""
    return _again(desk, click, count, lambda n: (f"thief-{n:04}", f"198.51.{n // 250}.{n % 250}"))


def named_before_all(desk: Desk, click: dict[str, Any], count: int) -> int:
    """By sessions whose names come first in the alphabet, should somebody take the first."""
    return _again(desk, click, count, lambda n: (f"-{n:07}", "198.51.100.7"))


def written_again(desk: Desk, click: dict[str, Any], count: int) -> int:
    """By the log itself, as Firehose may."""
    files = list((desk.root / "log").glob("dt=*/*.jsonl"))
    for path in files:
        rows = path.read_bytes()
        path.write_bytes(rows * (count + 1))
    return 0


def _again(
    desk: Desk, click: dict[str, Any], count: int, who: Callable[[int], tuple[str, str]]
) -> int:
    found = 0
    for n in range(count):
        at = NOON + timedelta(minutes=2, seconds=n % 300)
        changed = {"occurred_at": at.isoformat()}
        events = [
            {
                **click,
                **changed,
                "type": kind,
                "event_id": str(UUID(int=10**6 + 2 * n + i, version=4)),
            }
            for i, kind in enumerate(("impression", "click"))
        ]
        found += desk.send(*who(n), *events)["duplicate"]
    return found


WAYS: dict[str, Callable[[Desk, dict[str, Any], int], int]] = {
    way.__name__.replace("_", " "): way
    for way in (
        in_one_request,
        in_many_requests,
        after_restarts,
        under_other_ids,
        from_other_sessions,
        named_before_all,
        written_again,
    )
}


def replayed(count: int) -> Iterator[Replay]:
    """Each way by itself, in a log of its own."""
    for name, way in WAYS.items():
        with tempfile.TemporaryDirectory(prefix="replays-") as folder:
            desk = Desk(Path(folder))
            click = desk.visited()
            before = desk.counted()
            assert before.clicks == PEOPLE
            desk.now += timedelta(minutes=5)
            duplicate = way(desk, click, count)
            after = desk.counted()
            once = replace(after, rows=before.rows) == before
            yield Replay(name, count, duplicate, after.rows - before.rows, once)
