"""An event is believed as far as its answer's token goes, and not a step further."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import InteractionsUnavailable, InvalidRequest
from lookalike.interaction_log import Row
from lookalike.interactions import CLOCK_SKEW, MAX_DWELL, Interactions
from lookalike.naming import LIFETIME, Naming
from lookalike.recent import MAX_EVENTS as REMEMBERED
from lookalike.recent import (
    MAX_SESSION_EVENTS,
    MAX_SESSIONS,
    WINDOW_SECONDS,
    RecentEvents,
    SessionMeter,
)
from lookalike.requests import MAX_EVENTS, NewInteractions, parse
from lookalike.senders import Sender, pseudonym
from lookalike.signing import Keyring, SigningKeys
from lookalike.tokens import Shown, SignedAnswer, sign

KEY = "a key for tests of thirty-two characters or more"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
READER = Sender("203.0.113.7", "203.0.113.7")
ANCHOR, FIRST, SECOND, ELSEWHERE = (str(UUID(int=number)) for number in (1, 2, 3, 4))
ANSWER = SignedAnswer(
    query_id=str(UUID(int=99)),
    anchor_image_id=ANCHOR,
    model="clicks-1",
    policy="baseline-1",
    issued_at=NOON,
    lifetime=LIFETIME,
    results=(Shown(FIRST, 1), Shown(SECOND, 2, "explore", 0.05)),
)
TOKEN = sign(ANSWER, "k1", KEY.encode())


class Book:
    """A log in memory, that can be out of reach."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.reachable = True

    def write(self, rows: Sequence[Row]) -> None:
        if not self.reachable:
            raise InteractionsUnavailable("out of reach")
        self.rows += rows


class Desk:
    """Interactions at a time of the test's choosing: ten minutes after the answer."""

    def __init__(self) -> None:
        self.book = Book()
        self.now = NOON + timedelta(minutes=10)
        keys = SigningKeys(lambda: Keyring.of({"current": "k1", "k1": KEY}))
        self.naming = Naming(keys, lambda: self.now)
        self.interactions = Interactions(self.naming, self.book, lambda: self.now)

    def send(self, *events: Any, session_id: str = "session-1", sender: Sender = READER) -> Any:
        sent = {"session_id": session_id, "events": list(events)}
        return self.interactions.record(parse(NewInteractions, sent), sender).body

    def reason(self, **changes: Any) -> str:
        said = self.send(click(**changes))
        assert said["accepted"] == 0
        return str(said["rejected"][0]["reason"])


@pytest.fixture
def desk() -> Desk:
    return Desk()


def click(**changes: Any) -> dict[str, Any]:
    event = {
        "event_id": str(uuid4()),
        "type": "click",
        "query_id": TOKEN,
        "image_id": FIRST,
        "position": 1,
        "occurred_at": "2026-11-22T12:01:00.5Z",
    }
    return {name: value for name, value in {**event, **changes}.items() if value is not None}


def dwell(milliseconds: int, **changes: Any) -> dict[str, Any]:
    return click(type="dwell", dwell_ms=milliseconds, position=None, **changes)


def test_a_row_says_what_the_token_says(desk: Desk) -> None:
    sent = click(image_id=SECOND, position=2)

    assert desk.send(sent) == {"accepted": 1, "duplicate": 0, "rejected": []}
    assert desk.book.rows == [
        {
            "event_id": sent["event_id"],
            "type": "click",
            "query_id": ANSWER.query_id,
            "session_id": "session-1",
            "anchor_image_id": ANCHOR,
            "image_id": SECOND,
            "position": 2,
            "slot": "explore",
            "propensity": 0.05,
            "model": "clicks-1",
            "policy": "baseline-1",
            "dwell_ms": None,
            "issued_at": "2026-11-22 12:00:00.000",
            "occurred_at": "2026-11-22 12:01:00.500",
            "received_at": "2026-11-22 12:10:00.000",
            "source": pseudonym("203.0.113.7", NOON, KEY.encode()),
            "viewer": pseudonym("203.0.113.7", NOON, KEY.encode()),
        }
    ]


def test_one_bad_event_is_refused_alone_and_by_its_place(desk: Desk) -> None:
    said = desk.send(
        click(), click(image_id=ELSEWHERE), "no event", click(image_id=SECOND, position=2)
    )

    assert said == {
        "accepted": 2,
        "duplicate": 0,
        "rejected": [
            {"index": 1, "reason": "not_in_answer"},
            {"index": 2, "reason": "malformed_event"},
        ],
    }


def test_one_query_id_can_stand_for_all_events(desk: Desk) -> None:
    sent = {
        "session_id": "session-1",
        "query_id": TOKEN,
        "events": [click(query_id=None), click(query_id="AAAA")],
    }

    said = desk.interactions.record(parse(NewInteractions, sent), READER).body

    assert said["accepted"] == 1
    assert said["rejected"] == [{"index": 1, "reason": "malformed_query"}]


def test_a_position_may_be_left_out_and_is_then_the_answers(desk: Desk) -> None:
    desk.send(click(image_id=SECOND, position=None))

    assert desk.book.rows[0]["position"] == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"query_id": None}, "malformed_query"),
        ({"query_id": str(uuid4())}, "malformed_query"),
        ({"query_id": sign(ANSWER, "k1", b"x" * 32)}, "forged_query"),
        ({"query_id": sign(ANSWER, "theirs", KEY.encode())}, "unknown_key"),
        ({"image_id": ELSEWHERE}, "not_in_answer"),
        ({"image_id": ANCHOR}, "not_in_answer"),
        ({"position": 2}, "wrong_position"),
        ({"occurred_at": "2026-11-22T11:54:59Z"}, "impossible_time"),
        ({"occurred_at": "2026-11-22T12:15:01Z"}, "impossible_time"),
        ({"occurred_at": "1969-12-31T23:59:59Z"}, "impossible_time"),
        ({"occurred_at": "0001-01-01T00:00:00+23:59"}, "impossible_time"),
        ({"occurred_at": "9999-12-31T23:59:59-23:59"}, "impossible_time"),
        ({"occurred_at": "2026-11-22T12:01:00"}, "impossible_time"),  # no zone
        ({"occurred_at": "yesterday"}, "impossible_time"),
        ({"occurred_at": 1795348860}, "impossible_time"),
        ({"occurred_at": float("nan")}, "impossible_time"),
        ({"position": float("nan")}, "malformed_event"),
        ({"position": 0}, "malformed_event"),
        ({"position": 10**30}, "malformed_event"),
        ({"type": "purchase"}, "malformed_event"),
        ({"type": "dwell"}, "malformed_event"),
        ({"dwell_ms": 10}, "malformed_event"),
        ({"type": "dwell", "dwell_ms": -1}, "malformed_event"),
        ({"type": "dwell", "dwell_ms": float("inf")}, "malformed_event"),
        ({"event_id": "1"}, "malformed_event"),
        ({"event_id": "019aab7e-6c1a-1c3d-8e4f-5a6b7c8d9e01"}, "malformed_event"),  # version 1
        ({"image_id": FIRST + "\n"}, "malformed_event"),
        ({"price": 3}, "malformed_event"),
        ({"query_id": "A" * 20_000}, "malformed_event"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(
    desk: Desk, changes: dict[str, Any], reason: str
) -> None:
    event = {**click(), **changes}
    if event["query_id"] is None:
        del event["query_id"]

    said = desk.send(event)

    assert said == {"accepted": 0, "duplicate": 0, "rejected": [{"index": 0, "reason": reason}]}
    assert desk.book.rows == []


def test_an_answer_of_yesterday_is_past(desk: Desk) -> None:
    desk.now = NOON + LIFETIME - timedelta(seconds=1)
    assert desk.send(click())["accepted"] == 1

    desk.now = NOON + LIFETIME
    assert desk.reason() == "expired_query"


def test_a_clock_that_is_a_little_off_is_corrected(desk: Desk) -> None:
    before, after = NOON - CLOCK_SKEW, desk.now + CLOCK_SKEW

    desk.send(click(occurred_at=before.isoformat()), click(occurred_at=after.isoformat()))

    times = [one["occurred_at"] for one in desk.book.rows]
    assert times == ["2026-11-22 12:00:00.000", "2026-11-22 12:10:00.000"]


def test_another_zone_is_the_same_time(desk: Desk) -> None:
    desk.send(click(occurred_at="2026-11-22T17:31:00+05:30"))

    assert desk.book.rows[0]["occurred_at"] == "2026-11-22 12:01:00.000"


def test_nobody_dwells_longer_than_the_answer_is_there(desk: Desk) -> None:
    desk.send(dwell(8_412), dwell(700_000), dwell(10**30))
    desk.now = NOON + timedelta(hours=5)
    desk.send(dwell(10**30))

    ten_minutes = 600_000
    longest = MAX_DWELL // timedelta(milliseconds=1)
    assert [one["dwell_ms"] for one in desk.book.rows] == [8_412, ten_minutes, ten_minutes, longest]


def test_the_same_event_counts_once_in_a_request_and_in_the_next(desk: Desk) -> None:
    sent = click()

    assert desk.send(sent, sent) == {"accepted": 1, "duplicate": 1, "rejected": []}
    assert desk.send(sent) == {"accepted": 0, "duplicate": 1, "rejected": []}
    assert len(desk.book.rows) == 1


def test_what_the_log_did_not_take_is_welcome_when_it_comes_again(desk: Desk) -> None:
    sent = click()
    desk.book.reachable = False
    with pytest.raises(InteractionsUnavailable):
        desk.send(sent)

    desk.book.reachable = True

    assert desk.send(sent)["accepted"] == 1


def test_one_session_cannot_fill_the_log(desk: Desk) -> None:
    whole, rest = divmod(MAX_SESSION_EVENTS, MAX_EVENTS)
    for _ in range(whole):
        desk.send(*[click() for _ in range(MAX_EVENTS)])

    said = desk.send(*[click() for _ in range(rest + 2)])

    assert said["accepted"] == rest
    assert [one["reason"] for one in said["rejected"]] == ["too_many_events"] * 2
    assert desk.send(click(), session_id="session-2")["accepted"] == 1
    desk.now += timedelta(seconds=WINDOW_SECONDS)
    assert desk.send(click())["accepted"] == 1


def test_one_token_is_verified_once_for_all_its_events(desk: Desk) -> None:
    looked_up = []
    find = desk.naming.keys.find
    desk.naming.keys.find = lambda key_id: (looked_up.append(key_id), find(key_id))[1]  # type: ignore[method-assign]

    desk.send(*[click() for _ in range(100)], *[click(query_id="AQJrMQ" * 20) for _ in range(100)])

    assert len(looked_up) == 2


def test_what_an_instance_remembers_is_bounded() -> None:
    recent, meter = RecentEvents(), SessionMeter()

    recent.add(str(number) for number in range(REMEMBERED + 10))
    for number in range(MAX_SESSIONS + 10):
        meter.count(str(number), 5, now=0)

    assert "9" not in recent
    assert str(REMEMBERED + 9) in recent
    assert meter.room("9", now=1) == MAX_SESSION_EVENTS
    assert meter.room("10", now=1) == MAX_SESSION_EVENTS - 5


@pytest.mark.parametrize(
    "sent",
    [
        None,
        [],
        {},
        {"session_id": "session-1"},
        {"session_id": "session-1", "events": []},
        {"session_id": "session-1", "events": {}},
        {"session_id": "session-1", "events": [click()] * (MAX_EVENTS + 1)},
        {"session_id": "short", "events": [click()]},
        {"session_id": "s" * 65, "events": [click()]},
        {"session_id": "<script>", "events": [click()]},
        {"session_id": 12345678, "events": [click()]},
        {"session_id": "session-1", "events": [click()], "user": "me"},
    ],
)
def test_an_envelope_of_another_form_is_refused_whole(sent: Any) -> None:
    with pytest.raises(InvalidRequest):
        parse(NewInteractions, sent)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from(sorted(click() | {"dwell_ms": 1}))


@given(st.lists(values | st.dictionaries(fields, values).map(lambda wrong: click() | wrong)))
def test_no_event_whatever_is_an_error_of_ours(events: list[Any]) -> None:
    """Each is accepted, a duplicate or refused with a reason of the closed set."""
    if not events:
        return
    desk = Desk()

    said = desk.send(*events)

    assert said["accepted"] + said["duplicate"] + len(said["rejected"]) == len(events)
    assert len(desk.book.rows) == said["accepted"]
    json.dumps(desk.book.rows, allow_nan=False)


def test_an_address_has_one_pseudonym_a_day_and_no_way_back() -> None:
    key = KEY.encode()
    same = pseudonym("203.0.113.7", NOON, key)

    assert pseudonym("203.0.113.7", NOON + timedelta(hours=11), key) == same
    assert pseudonym("203.0.113.7", NOON + timedelta(hours=12), key) != same
    assert pseudonym("203.0.113.8", NOON, key) != same
    assert pseudonym("203.0.113.7", NOON, b"another") != same
    assert len(same) == 16


def test_a_home_is_one_sender_whichever_address_its_devices_choose() -> None:
    key = KEY.encode()
    home = pseudonym("2001:db8:1:2:aaaa::1", NOON, key)

    assert pseudonym("2001:0db8:0001:0002::9", NOON, key) == home
    assert pseudonym("2001:db8:1:3::1", NOON, key) != home
    assert pseudonym("no address\ud800", NOON, key) != home


@pytest.mark.parametrize(
    ("source", "forwarded_for", "viewer"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "203.0.113.7", "203.0.113.7"),
        ("130.176.0.1", "198.51.100.23, 130.176.0.1", "198.51.100.23"),
        ("130.176.0.1", "10.0.0.1, 198.51.100.23, 130.176.0.1", "198.51.100.23"),
        ("203.0.113.7", " , ,", "203.0.113.7"),
    ],
)
def test_the_viewer_is_who_called_the_caller(source: str, forwarded_for: str, viewer: str) -> None:
    assert Sender.of(source, forwarded_for) == Sender(source, viewer)


def test_a_propensity_comes_back_to_the_last_bit(desk: Desk) -> None:
    odd = replace(ANSWER, results=(Shown(FIRST, 1, "explore", 0.1 + 0.2),))

    desk.send(click(query_id=sign(odd, "k1", KEY.encode())))

    assert desk.book.rows[0]["propensity"] == 0.1 + 0.2
