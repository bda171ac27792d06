"""What people did with answers: each event is believed only as far as its answer's token goes."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from lookalike.bodies import EventReason, RecordedBody, RefusedEventBody
from lookalike.interaction_log import EventType, InteractionLog, Row, stamp
from lookalike.naming import Naming
from lookalike.recent import RecentEvents, SessionMeter
from lookalike.requests import Event, NewInteractions
from lookalike.senders import Sender, pseudonym
from lookalike.tokens import RefusedToken, SignedAnswer

MAX_BODY_BYTES = 2_000_000  # 500 events, each with the token of another answer of 100 results
# Most clocks are right to the second; one that is further off than this says nothing about when.
CLOCK_SKEW = timedelta(minutes=5)
MAX_DWELL = timedelta(minutes=30)  # for longer nobody looks at one picture


class RefusedEvent(Exception):
    """One event that is not believed."""

    def __init__(self, reason: EventReason) -> None:
        super().__init__(reason)
        self.reason: EventReason = reason


@dataclass(frozen=True, slots=True)
class Reception:
    """What the events of one request share. source and viewer: pseudonyms of addresses."""

    session_id: str
    received_at: datetime
    source: str
    viewer: str


@dataclass(slots=True)
class Recorded:
    """What became of the events of one request. rows: the ones believed, by event id."""

    rows: dict[str, Row] = field(default_factory=dict)
    duplicate: int = 0
    rejected: list[RefusedEventBody] = field(default_factory=list)

    @property
    def body(self) -> RecordedBody:
        return {
            "accepted": len(self.rows),
            "duplicate": self.duplicate,
            "rejected": self.rejected,
        }

    def by_type(self) -> Counter[EventType]:
        return Counter(row["type"] for row in self.rows.values())


class Interactions:
    """Checks events one by one, and writes the ones that are believed to the log."""

    def __init__(
        self,
        naming: Naming,
        log: InteractionLog,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.naming = naming
        self.log = log
        self.now = now
        self._recent = RecentEvents()
        self._meter = SessionMeter()

    def record(self, sent: NewInteractions, sender: Sender) -> Recorded:
        """Sending the same again is harmless, also after an error.

        Raises DependencyError, with any part written, when keys or log do not answer.
        """
        reception = self._reception(sent.session_id, sender)
        seconds = reception.received_at.timestamp()
        recorded = self._judged(sent, reception, self._meter.room(sent.session_id, seconds))
        if recorded.rows:
            self.log.write(list(recorded.rows.values()))
            # Not before: what the log did not take must be welcome when it comes again.
            self._recent.add(recorded.rows)
            self._meter.count(sent.session_id, len(recorded.rows), seconds)
        return recorded

    def _reception(self, session_id: str, sender: Sender) -> Reception:
        now = self.now()
        _, key = self.naming.keys.current()
        source, viewer = (pseudonym(one, now, key) for one in (sender.source, sender.viewer))
        return Reception(session_id, now, source, viewer)

    def _judged(self, sent: NewInteractions, reception: Reception, room: int) -> Recorded:
        answers = _Answers(self.naming)
        recorded = Recorded()
        for index, raw in enumerate(sent.events):
            try:
                event = _event(raw)
                if event.event_id in recorded.rows or event.event_id in self._recent:
                    recorded.duplicate += 1
                    continue
                row = _row(event, answers.read(event.query_id or sent.query_id), reception)
                if len(recorded.rows) >= room:
                    raise RefusedEvent("too_many_events")
                recorded.rows[event.event_id] = row
            except (RefusedEvent, RefusedToken) as refused:
                recorded.rejected.append({"index": index, "reason": refused.reason})
        return recorded


class _Answers:
    """The answers that the events of one request are about, each token verified once."""

    def __init__(self, naming: Naming) -> None:
        self.naming = naming
        self._read: dict[str, SignedAnswer | RefusedToken] = {}

    def read(self, token: str | None) -> SignedAnswer:
        """Raises RefusedToken."""
        if token is None:
            raise RefusedToken("malformed_query")
        if token not in self._read:
            try:
                self._read[token] = self.naming.read(token)
            except RefusedToken as refused:
                self._read[token] = refused
        found = self._read[token]
        if isinstance(found, RefusedToken):
            raise RefusedToken(found.reason)
        return found


def _event(raw: Any) -> Event:
    try:
        return Event.model_validate(raw)
    except ValidationError as error:
        wrong = {one["loc"] for one in error.errors(include_url=False, include_input=False)}
        raise RefusedEvent(
            "impossible_time" if wrong == {("occurred_at",)} else "malformed_event"
        ) from error


def _row(event: Event, answer: SignedAnswer, reception: Reception) -> Row:
    """Only type, dwell and time are taken from the event, the latter two within what can be."""
    shown = answer.find(event.image_id)
    if shown is None:
        raise RefusedEvent("not_in_answer")
    if event.position not in (None, shown.position):
        raise RefusedEvent("wrong_position")
    return {
        "event_id": event.event_id,
        "type": event.type,
        "query_id": answer.query_id,
        "session_id": reception.session_id,
        "anchor_image_id": answer.anchor_image_id,
        "image_id": shown.image_id,
        "position": shown.position,
        "slot": shown.slot,
        "propensity": shown.propensity,
        "model": answer.model,
        "policy": answer.policy,
        "dwell_ms": _dwell_ms(event, answer, reception),
        "issued_at": stamp(answer.issued_at),
        "occurred_at": stamp(_occurred_at(event, answer, reception)),
        "received_at": stamp(reception.received_at),
        "source": reception.source,
        "viewer": reception.viewer,
    }


def _occurred_at(event: Event, answer: SignedAnswer, reception: Reception) -> datetime:
    """Between the answer and now, however the client's clock differs."""
    earliest, latest = answer.issued_at - CLOCK_SKEW, reception.received_at + CLOCK_SKEW
    if not earliest <= event.occurred_at <= latest:
        raise RefusedEvent("impossible_time")
    occurred_at = event.occurred_at.astimezone(UTC)
    return max(answer.issued_at, min(occurred_at, reception.received_at))


def _dwell_ms(event: Event, answer: SignedAnswer, reception: Reception) -> int | None:
    """No longer than the answer has been there."""
    if event.dwell_ms is None:
        return None
    there = reception.received_at - answer.issued_at
    longest = max(timedelta(), min(there, MAX_DWELL))
    return min(event.dwell_ms, longest // timedelta(milliseconds=1))
