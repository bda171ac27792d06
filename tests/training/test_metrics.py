"""Scores against cases worked by hand."""

import numpy as np
import pytest

from training import metrics


def at(*degrees: float) -> np.ndarray:
    """Unit vectors on a circle, so that similarity is visible."""
    turn = np.radians(degrees)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)


def test_the_nearest_come_in_the_order_of_their_angle() -> None:
    assert metrics.nearest(at(0), at(90, 10, 40), 3).tolist() == [[1, 2, 0]]


def test_a_pair_that_is_not_allowed_is_never_found() -> None:
    allowed = np.array([[True, False, True]])

    assert metrics.nearest(at(0), at(90, 10, 40), 3, allowed).tolist() == [[2, 0, -1]]


def test_more_queries_than_a_block_are_answered_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, gallery = at(*range(0, 90, 7)), at(*range(3, 90, 11))
    whole = metrics.nearest(queries, gallery, 4)

    monkeypatch.setattr(metrics, "BLOCK", 3)

    assert metrics.nearest(queries, gallery, 4).tolist() == whole.tolist()


def test_hit_rate_asks_only_whether_anything_was_found() -> None:
    relevant = np.array([[False, True, True], [False, False, False], [True, False, False]])

    assert metrics.hit_rate(relevant, 1).tolist() == [0, 0, 1]
    assert metrics.hit_rate(relevant, 3).tolist() == [1, 0, 1]


def test_average_precision_is_the_mean_of_the_precision_at_each_right_answer() -> None:
    # Right at ranks 1 and 3 of three right ones: (1/1 + 2/3 + 0) / 3.
    relevant = np.array([[True, False, True, False]])

    assert metrics.average_precision(relevant, np.array([3])) == pytest.approx([5 / 9])


def test_average_precision_is_perfect_when_the_first_ten_are_right_however_many_there_are() -> None:
    relevant = np.ones((1, 10), bool)

    assert metrics.average_precision(relevant, np.array([500])) == pytest.approx([1.0])


def test_an_interval_holds_the_mean_and_narrows_with_more_queries() -> None:
    few, many = np.tile([0.0, 1.0], 20), np.tile([0.0, 1.0], 2000)

    low, high = metrics.interval(few)
    narrow_low, narrow_high = metrics.interval(many)

    assert low < 0.5 < high
    assert narrow_high - narrow_low < (high - low) / 5


def test_a_paired_interval_sees_a_small_gain_that_every_query_shares() -> None:
    theirs = np.tile([0.0, 0.5], 50)

    low, high = metrics.paired_interval(theirs + 0.01, theirs)

    assert low == pytest.approx(0.01)
    assert high == pytest.approx(0.01)
