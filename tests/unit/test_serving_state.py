"""Who answers which session, and which serving states there cannot be."""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lookalike.errors import ModelUnavailable
from lookalike.folder import Folder
from lookalike.models import Serving, ServingState, Trial

SINCE = "2026-11-23T01:00:00+00:00"
SESSIONS = [f"session-{number}" for number in range(20_000)]


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    return Serving(Folder(tmp_path))


def on_trial(challenger: str = "b", share: float = 0.5) -> ServingState:
    return ServingState("a", next=challenger, trial=Trial(share, SINCE))


def challenged(state: ServingState) -> set[str]:
    return {session for session in SESSIONS if state.answering(session) == state.next}


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_the_challenger_answers_its_share_of_the_sessions(share: float) -> None:
    answered = len(challenged(on_trial(share=share)))

    expected = share * len(SESSIONS)
    deviation = math.sqrt(expected * (1 - share))
    assert abs(answered - expected) < 5 * deviation


def test_sessions_are_spread_evenly_over_every_part_of_the_range() -> None:
    """Each tenth more of a share takes in a tenth of the sessions: chi-square, 9 degrees."""
    counts = [len(challenged(on_trial(share=tenth / 10))) for tenth in range(11)]

    tenths = [after - before for before, after in pairwise(counts)]
    expected = len(SESSIONS) / 10
    assert sum(tenths) == len(SESSIONS)
    assert sum((found - expected) ** 2 / expected for found in tenths) < 40  # p = 0.00001


def test_a_session_keeps_its_side_whichever_process_answers_and_as_the_share_grows() -> None:
    state = on_trial(share=0.3)
    read_elsewhere = ServingState.of(json.loads(json.dumps(state.as_json())))

    assert challenged(state) == challenged(read_elsewhere)
    assert challenged(state) < challenged(on_trial(share=0.4))


def test_the_side_of_one_trial_says_nothing_about_the_next() -> None:
    first, second = challenged(on_trial("b")), challenged(on_trial("c"))

    deviation = math.sqrt(len(SESSIONS) * 0.25 * 0.75)
    assert abs(len(first & second) - len(SESSIONS) / 4) < 5 * deviation


@pytest.mark.parametrize(
    "state",
    [
        ServingState("a"),
        ServingState("a", next="b"),
        ServingState("a", next="b", trial=Trial(1.0)),  # wanted, and not verified yet
        on_trial(share=0),
    ],
)
def test_without_a_trial_that_answers_everybody_is_answered_by_the_live_model(
    state: ServingState,
) -> None:
    assert challenged(state) == set()


def test_who_names_no_session_is_answered_by_the_live_model() -> None:
    assert on_trial(share=1).answering(None) == "a"
    assert on_trial(share=1).answering("any-session") == "b"


def test_what_is_filled_and_what_is_tried_are_two_things() -> None:
    wanted = ServingState("a", next="b", trial=Trial(0.5))

    assert (wanted.filling, wanted.challenger) == ("b", None)
    assert (on_trial().filling, on_trial().challenger) == (None, "b")
    assert on_trial().models() == ("a", "b")


def test_a_state_of_before_there_were_trials_reads_as_ever(serving: Serving) -> None:
    old = b'{"live": "a", "next": null, "previous": "c"}'
    serving.store.put("serving.json", old, "application/json")

    state, etag = serving.read()
    serving.swap(etag, state)

    assert state == ServingState("a", previous="c")
    written = json.loads(serving.store.get("serving.json")[0])
    assert {**json.loads(old), "change": written["change"]} == written


def test_a_state_that_went_and_came_back_is_another_one(tmp_path: Path) -> None:
    """S3's etag is a hash of the bytes: what was counted for one must not decide the other."""
    store = Folder(tmp_path)
    serving = Serving(store)
    serving.start("a")
    before = store.get("serving.json")[0]

    for state in (ServingState("a", next="b"), ServingState("a")):
        serving.swap(serving.read()[1], state)

    assert serving.read()[0] == ServingState("a")
    assert store.get("serving.json")[0] != before


def test_a_trial_is_read_as_it_was_written(serving: Serving) -> None:
    serving.start("a")
    for state in (ServingState("a", next="b", trial=Trial(0.25)), on_trial()):
        serving.swap(serving.read()[1], state)

        assert Serving(serving.store).read()[0] == state


GOOD = {"live": "a", "next": "b", "trial": {"share": 0.5, "since": SINCE}}


@pytest.mark.parametrize(
    "document",
    [
        {**GOOD, "next": None},
        {**GOOD, "next": "a"},
        {**GOOD, "live": None},
        {**GOOD, "live": "../a"},
        {**GOOD, "previous": ["c"]},
        {**GOOD, "champion": "c"},
        {**GOOD, "trial": {}},
        {**GOOD, "trial": []},
        {**GOOD, "trial": "half"},
        {**GOOD, "trial": {"since": SINCE}},
        {**GOOD, "trial": {"share": 0.5, "since": SINCE, "until": SINCE}},
        *({**GOOD, "trial": {"share": share}} for share in (-0.1, 1.1, True, "0.5", None)),
        *({**GOOD, "trial": {"share": value}} for value in (math.nan, math.inf)),
        *({**GOOD, "trial": {"share": 0.5, "since": since}} for since in ("", "now", 5)),
        {**GOOD, "trial": {"share": 0.5, "since": "2026-11-23T01:00:00"}},
        "a",
        7,
        None,
    ],
)
def test_a_state_that_nothing_of_ours_writes_is_one_clear_sentence(
    serving: Serving, document: Any
) -> None:
    serving.store.put("serving.json", json.dumps(document).encode(), "application/json")

    with pytest.raises(ModelUnavailable) as refused:
        serving.read()

    assert str(refused.value).startswith("serving.json cannot be read (")
    assert str(refused.value).endswith("); restore an earlier version of it.")
    assert "\n" not in str(refused.value)


def test_a_state_cut_off_anywhere_is_refused(serving: Serving) -> None:
    whole = json.dumps(GOOD).encode()

    for end in range(len(whole)):
        serving.store.put("serving.json", whole[:end], "application/json")
        with pytest.raises(ModelUnavailable):
            serving.read()
