"""A trial is read from the log: who was on which side, what they clicked, and by how much it is."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lookalike.duckdb_log import DuckDBLog
from lookalike.interaction_log import Row, stamp
from lookalike.metrics import EstimateBody
from lookalike.reports import text
from lookalike.sides import difference, p_value
from tests.unit.crowd import START, row, written

BEGAN = f"timestamp '{stamp(START)}'"


def trial(folder: Path, people: list[Row]) -> dict[str | None, dict[str, Any]]:
    log = DuckDBLog(written(folder, people))
    found = log.rows(text("trial", live="live", challenger="next", since=BEGAN))
    return {one["model"]: one for one in found}


def seen(who: str, model: str, query: str, minutes: float = 1, click: bool = False) -> list[Row]:
    """minutes: after the trial began, when the answer was given."""
    at = START + timedelta(minutes=minutes)
    told = {"model": model, "issued_at": stamp(at), "occurred_at": stamp(at)}
    made = [row("impression", who, query, "image-1", 1, **told)]
    return [*made, row("click", who, query, "image-1", 1, **told)] if click else made


def test_each_side_is_counted_by_the_model_that_answered(tmp_path: Path) -> None:
    people = [
        *seen("anna-0001", "live", "q1"),
        *seen("anna-0001", "live", "q2", click=True),
        *seen("bert-0001", "next", "q3", click=True),
        *seen("carla-001", "next", "q4", click=True),
    ]

    found = trial(tmp_path, people)

    sides = {
        model: tuple(one[name] for name in ("events", "total", "sessions", "assigned"))
        for model, one in found.items()
    }
    assert sides == {None: (3, 4, 3, 3), "live": (1, 2, 1, 1), "next": (2, 2, 2, 2)}


def test_answers_of_before_count_for_nobody_however_late_they_were_clicked(tmp_path: Path) -> None:
    before = seen("anna-0001", "live", "q1", minutes=-5, click=True)
    late = [{**one, "occurred_at": stamp(START + timedelta(hours=1))} for one in before]

    found = trial(tmp_path, [*late, *seen("bert-0001", "next", "q2")])  # type: ignore[list-item]

    assert (found[None]["total"], found[None]["sessions"]) == (1, 1)
    assert "live" not in found


def test_a_session_that_the_challenger_ever_answered_is_its_own(tmp_path: Path) -> None:
    """An instance hears of the trial some seconds late."""
    first = seen("anna-0001", "live", "q1", minutes=0.01)

    found = trial(tmp_path, [*first, *seen("anna-0001", "next", "q2")])

    assert {model: one["assigned"] for model, one in found.items()} == {
        None: 1,
        "live": 0,
        "next": 1,
    }
    assert found["live"]["total"] == 1


def test_a_third_model_is_on_no_side(tmp_path: Path) -> None:
    found = trial(tmp_path, [*seen("anna-0001", "other", "q1"), *seen("bert-0001", "live", "q2")])

    assert found.keys() == {None, "live"}
    assert found[None]["total"] == 1


@pytest.mark.parametrize(
    ("live", "challenger", "share", "expected"),
    [
        (50, 50, 0.5, 1.0),
        (60, 40, 0.5, 0.0455),  # χ² = 4
        (420, 580, 0.6, 0.1967),  # χ² = 20² / 400 + 20² / 600 = 1.667
        (900, 100, 0.1, 1.0),
        (530, 470, 0.5, 0.0578),  # χ² = 3.6
    ],
)
def test_the_odds_of_a_split_are_those_of_chi_square(
    live: int, challenger: int, share: float, expected: float
) -> None:
    assert p_value(live, challenger, share) == pytest.approx(expected, abs=5e-4)


def test_a_split_that_nobody_asked_for_is_past_belief() -> None:
    odds = p_value(1000, 800, 0.5)

    assert odds is not None
    assert odds < 1e-5


def test_without_sessions_there_are_no_odds() -> None:
    assert p_value(0, 0, 0.5) is None


@pytest.mark.parametrize(("share", "of_live", "of_challenger"), [(0, 1, 0), (1, 0, 1)])
def test_a_side_that_is_to_have_nobody_has_nobody(
    share: float, of_live: float, of_challenger: float
) -> None:
    assert p_value(9, 0, share) == of_live
    assert p_value(0, 9, share) == of_challenger
    assert p_value(5, 4, share) == 0


def estimate(value: float | None, low: float | None, high: float | None) -> EstimateBody:
    return {"value": value, "low": low, "high": high}


def test_independent_errors_add_up_by_their_squares() -> None:
    found = difference(estimate(0.2, 0.17, 0.23), estimate(0.3, 0.26, 0.34))

    assert found == estimate(0.1, 0.05, 0.15)  # 3-4-5


def test_what_is_not_known_of_one_side_is_not_known_of_the_difference() -> None:
    nothing, known = estimate(None, None, None), estimate(0.3, 0.2, 0.4)
    lone = estimate(0.5, None, None)

    assert difference(nothing, known) == difference(known, nothing) == nothing
    assert difference(known, lone) == estimate(0.2, None, None)


def test_shares_differ_by_one_at_most() -> None:
    assert difference(estimate(0, 0, 0.9), estimate(1, 0.1, 1)) == estimate(1, -0.272792, 1)
