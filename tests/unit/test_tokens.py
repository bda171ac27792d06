"""The name of an answer comes back whole, or not at all."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.tokens import MAX_RESULTS, RefusedToken, Shown, SignedAnswer, sign, verify
from tests.conftest import event

KEY = b"an example key that signs nothing real"
KEYS = {"k1": KEY, "k2": b"another example key, longer than 32 characters"}

names = st.text(min_size=1, max_size=40)
image_ids = st.uuids(allow_nil=False).map(str)


@st.composite
def answers(draw: st.DrawFn) -> SignedAnswer:
    placed = st.tuples(
        image_ids,
        st.sampled_from(["organic", "sponsored", "explore"]),
        st.floats(0, 1, exclude_min=True) | st.just(1.0),
    )
    milliseconds = draw(st.integers(0, 4_000_000_000_000))
    return SignedAnswer(
        query_id=draw(image_ids),
        anchor_image_id=draw(st.none() | image_ids),
        model=draw(names),
        policy=draw(names),
        issued_at=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds),
        lifetime=timedelta(seconds=draw(st.integers(0, 10**6))),
        results=tuple(
            Shown(image_id, place, slot, propensity)
            for place, (image_id, slot, propensity) in enumerate(draw(st.lists(placed)), 1)
        ),
    )


def an_answer(results: int = 3) -> SignedAnswer:
    return SignedAnswer(
        query_id="0f6c2a4e-3b1d-4c5e-8f70-91a2b3c4d5e6",
        anchor_image_id=None,
        model="clicks-20261122-101530",
        policy="baseline-1",
        issued_at=datetime(2026, 11, 22, 10, 15, 30, 123000, tzinfo=UTC),
        lifetime=timedelta(hours=24),
        results=tuple(Shown(str(UUID(int=place)), place) for place in range(1, results + 1)),
    )


def reason(token: str, keys: dict[str, bytes] = KEYS) -> str:
    with pytest.raises(RefusedToken) as refused:
        verify(token, keys.get)
    return refused.value.reason


@given(answers(), st.sampled_from(sorted(KEYS)))
def test_what_was_signed_comes_back(answer: SignedAnswer, key_id: str) -> None:
    assert verify(sign(answer, key_id, KEYS[key_id]), KEYS.get) == answer


@given(answers(), st.data())
def test_no_byte_can_be_changed(answer: SignedAnswer, data: st.DataObject) -> None:
    """Not even where the change keeps the meaning, or only another spelling is tried."""
    token = sign(answer, "k1", KEY)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="latin-1").filter(lambda c: c != token[place]))

    reason(token[:place] + other + token[place + 1 :])


def test_no_single_bit_can_be_changed() -> None:
    token = sign(an_answer(2), "k1", KEY)
    data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))

    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            reason(base64.urlsafe_b64encode(changed).rstrip(b"=").decode())


@pytest.mark.parametrize("results", [0, 1, 2, 3])  # every remainder that base64 can leave
def test_a_token_has_one_spelling(results: int) -> None:
    token = sign(replace(an_answer(results), model="m" * (1 + results)), "k1", KEY)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    verify(token, KEYS.get)
    for other in [f"{token}=", f"{token}==", f" {token}", f"{token}\n", f"{token}A", token[:-1]]:
        assert reason(other) in ("malformed_query", "forged_query")
    for last in alphabet:
        if last != token[-1]:
            assert reason(token[:-1] + last) in ("malformed_query", "forged_query")


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda b: base64.b64encode(b).decode()))
def test_anything_else_is_refused_with_a_reason(token: str) -> None:
    assert reason(token) in ("malformed_query", "unknown_key", "forged_query")


@pytest.mark.parametrize("token", ["", "A", "é", "\ud800", "A" * 10_001, "AQ" * 40])
def test_what_has_not_our_form_is_malformed(token: str) -> None:
    assert reason(token) in ("malformed_query", "unknown_key")


def test_another_key_under_the_same_name_is_a_forgery() -> None:
    assert reason(sign(an_answer(), "k1", KEYS["k2"])) == "forged_query"


def test_a_key_of_another_deployment_is_unknown() -> None:
    assert reason(sign(an_answer(), "theirs", KEY)) == "unknown_key"


def test_the_name_of_the_key_is_signed_too() -> None:
    keys = {"k1": KEY, "k2": KEY}
    token = sign(an_answer(), "k1", KEY)
    data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).replace(b"k1", b"k2", 1)

    assert reason(base64.urlsafe_b64encode(data).rstrip(b"=").decode(), keys) == "forged_query"


def test_another_version_of_the_format_is_malformed() -> None:
    token = sign(an_answer(), "k1", KEY)

    assert token.startswith("AQ")  # version 1
    assert reason("Ag" + token[2:]) == "malformed_query"


def test_the_committed_events_hold_a_token_of_version_1() -> None:
    """Answers given before an update are clicked after it: what was signed stays readable."""
    token = json.loads(event("interactions_beacon")["body"])["query_id"]

    answer = verify(token, KEYS.get)

    assert answer.model == "fabrics-1"
    assert answer.expires_at == datetime(2026, 11, 23, 10, 15, 30, 123000, tzinfo=UTC)
    assert [(one.position, one.slot, one.propensity) for one in answer.results] == [
        (1, "organic", 1.0),
        (2, "sponsored", 1.0),
        (3, "explore", 0.05),
    ]


def test_a_page_of_a_hundred_results_fits_a_beacon_with_all_its_events() -> None:
    """Browsers take 64 KB; each event is at most 250 characters beside the one token."""
    token = sign(an_answer(100), "k1", KEY)

    assert len(token) < 2_400
    assert len(sign(an_answer(24), "k1", KEY)) < 700
    assert len(token) + 200 * 250 < 65_536


def test_what_the_format_cannot_hold_is_an_error_before_it_is_signed() -> None:
    with pytest.raises(ValueError, match="results"):
        sign(an_answer(MAX_RESULTS + 1), "k1", KEY)
    with pytest.raises(ValueError, match="255 bytes"):
        sign(replace(an_answer(), model="é" * 200), "k1", KEY)
    with pytest.raises(ValueError, match="UUID"):
        sign(replace(an_answer(), results=(Shown("abcd", 1),)), "k1", KEY)
