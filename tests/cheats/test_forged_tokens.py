"""Nobody writes a token but us, whatever is tried; and what we wrote is believed."""

import hashlib
from typing import get_args

import pytest

from lookalike.tokens import TokenReason
from tests.cheats.extended import extended
from tests.cheats.forgeries import KINDS
from tests.cheats.tokens import CLOSED, Tried, tried

FORGED, SEED = 3_000, 1


@pytest.fixture(scope="module")
def found() -> Tried:
    return tried(FORGED, SEED)


def test_no_forged_token_is_believed(found: Tried) -> None:
    assert found.forged == FORGED
    assert found.believed == []


def test_every_refusal_has_a_reason_of_the_list(found: Tried) -> None:
    assert found.broken == []
    assert {reason for counts in found.reasons.values() for reason in counts} == CLOSED
    assert set(get_args(TokenReason)) < CLOSED


def test_every_kind_of_forgery_is_among_them(found: Tried) -> None:
    assert KINDS.keys() < found.reasons.keys()


def test_valid_tokens_among_them_are_believed(found: Tried) -> None:
    assert found.accepted == found.valid == FORGED // 1_000


def test_what_we_signed_is_refused_once_it_is_past_or_its_key_is_gone(found: Tried) -> None:
    assert set(found.reasons["signed, and past"]) == {"expired_query"}
    assert set(found.reasons["signed with a key that is gone"]) == {"unknown_key"}


def test_length_extension_would_open_a_plain_hash() -> None:
    """So that its failure here says something about our signature."""
    secret, body = b"sixteen letters!", b"what was signed"

    more, digest = extended(hashlib.sha256(secret + body).digest(), len(secret + body), b"and more")

    assert hashlib.sha256(secret + body + more).digest() == digest
