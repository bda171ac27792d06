"""Forged tokens at the very door that clicks come in by: none may be believed."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, get_args
from uuid import UUID

from lookalike.fields import MAX_EVENTS
from lookalike.interaction_log import Row
from lookalike.interactions import Interactions
from lookalike.naming import LIFETIME, Naming
from lookalike.requests import NewInteractions, parse
from lookalike.senders import Sender
from lookalike.signing import Keyring, SigningKeys
from lookalike.tokens import Shown, SignedAnswer, TokenReason, sign
from tests.cheats.forger import Forger
from tests.cheats.forgeries import forged

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEYS = {
    "k1": "the key that signs, in thirty-two letters",
    "k0": "the key before, in as many letters",
}
GONE = b"a key that was taken away a day after it was replaced"
ONE_VALID_IN = 1_000
# A field that is no text at all makes the whole event malformed, before any token is looked at.
CLOSED = {*get_args(TokenReason), "malformed_event"}


@dataclass
class Book:
    """A log in memory."""

    rows: list[Row] = field(default_factory=list)

    def write(self, rows: Sequence[Row]) -> None:
        self.rows += rows


@dataclass
class Tried:
    """reasons: by kind, how often each. believed: kinds of what was accepted and should not be.
    valid: how many valid ones were among them, and how many of those were accepted.
    """

    reasons: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    believed: list[str] = field(default_factory=list)
    valid: int = 0
    accepted: int = 0

    @property
    def forged(self) -> int:
        return sum(counts.total() for counts in self.reasons.values()) + len(self.believed)

    @property
    def broken(self) -> list[str]:
        """Every promise that did not hold, in words."""
        open_ = {reason for counts in self.reasons.values() for reason in counts} - CLOSED
        found = [f"a forged token was believed: {kind}" for kind in self.believed]
        found += [f"a reason that is not in the list: {reason}" for reason in sorted(open_)]
        if self.accepted != self.valid:
            found.append(f"{self.valid - self.accepted} valid tokens were refused")
        return found


def tried(count: int, seed: int) -> Tried:
    """Forged tokens and a valid one among a thousand, each as the click of an event."""
    chance, found, book = random.Random(seed), Tried(), Book()
    naming = Naming(SigningKeys(lambda: Keyring.of({"current": "k1", **KEYS})), lambda: NOW)
    interactions = Interactions(naming, book, lambda: NOW)
    given = [_token(chance, NOW - timedelta(minutes=5), results) for results in (1, 3, 8, 24, 100)]
    sent = _mixed(Forger(given, "k1", chance), chance, count)
    for number, some in enumerate(iter(lambda: list(islice(sent, MAX_EVENTS)), [])):
        events = [_click(chance, token) for _, token in some]
        asked = parse(NewInteractions, {"session_id": f"session-{number}", "events": events})
        said = interactions.record(asked, Sender("203.0.113.7", "203.0.113.7")).body
        refused = {one["index"]: one["reason"] for one in said["rejected"]}
        for index, (kind, _) in enumerate(some):
            _count(found, kind, refused.get(index))
    assert len(book.rows) == found.accepted + len(found.believed)
    return found


def _count(found: Tried, kind: str, reason: str | None) -> None:
    if kind == "valid":
        found.valid += 1
        found.accepted += reason is None
    elif reason is None:
        found.believed.append(kind)
    else:
        found.reasons[kind][reason] += 1


def _mixed(by: Forger, chance: random.Random, count: int) -> Iterator[tuple[str, Any]]:
    """Also what we did sign, and that is past or whose key is gone."""
    for number, one in enumerate(forged(by, count)):
        if number % ONE_VALID_IN == 0:
            yield "valid", _token(chance, NOW - timedelta(hours=chance.randrange(24)), 3)
        if number % 16 == 7:
            yield "signed, and past", _token(chance, NOW - LIFETIME * chance.uniform(1, 400), 3)
        elif number % 16 == 11:
            yield "signed with a key that is gone", _token(chance, NOW, 3, "k9", GONE)
        else:
            yield one


def _token(
    chance: random.Random, at: datetime, results: int, key_id: str = "k1", key: bytes = b""
) -> str:
    """Of an answer that shows WANTED first."""
    shown = [WANTED, *(str(UUID(int=chance.getrandbits(128))) for _ in range(results - 1))]
    answer = SignedAnswer(
        str(UUID(int=chance.getrandbits(128), version=4)),
        str(UUID(int=chance.getrandbits(128))),
        "clicks-1",
        "baseline-1",
        at,
        LIFETIME,
        tuple(Shown(image, place) for place, image in enumerate(shown, 1)),
    )
    return sign(answer, key_id, key or KEYS[key_id].encode())


WANTED = str(UUID(int=1))


def _click(chance: random.Random, token: Any) -> dict[str, Any]:
    return {
        "event_id": str(UUID(int=chance.getrandbits(128), version=4)),
        "type": "click",
        "query_id": token,
        "image_id": WANTED,
        "occurred_at": NOW.isoformat(),
    }


def table(found: Tried) -> str:
    lines = [
        f"| {kind} | {counts.total():,} | "
        + ", ".join(f"{reason} {n:,}" for reason, n in counts.most_common())
        + " |"
        for kind, counts in found.reasons.items()
    ]
    return "\n".join(["| kind | tried | refused as |", "|---|---|---|", *lines])
