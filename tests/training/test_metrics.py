"""Scores against cases worked by hand, against ir-measures, and as properties."""

from collections.abc import Iterator

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from ir_measures import AP, RR, P, R, Success, nDCG
from numpy.typing import NDArray

from training import metrics

Relevance = NDArray[np.bool_]
QUERIES, RANKED = 300, 40  # of the random rankings
ABOUT = 1e-9


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
    allowed = np.random.default_rng(0).random((len(queries), len(gallery))) < 0.8
    whole = metrics.nearest(queries, gallery, 4, allowed)

    monkeypatch.setattr(metrics, "CELLS", 3 * len(gallery))

    assert metrics.nearest(queries, gallery, 4, allowed).tolist() == whole.tolist()


def test_where_there_are_too_few_to_find_row_and_cosine_say_so() -> None:
    found, similar = metrics.search(at(0), at(60), 3)

    assert found.tolist() == [[0, -1, -1]]
    assert similar[0, 0] == pytest.approx(0.5)
    assert np.isnan(similar[0, 1:]).all()


def test_of_equal_cosines_the_first_of_the_gallery_comes_first() -> None:
    twice = at(50, 20, 50, 20, 20)

    assert metrics.nearest(at(20), twice, 5).tolist() == [[1, 3, 4, 0, 2]]
    assert metrics.nearest(at(20), twice, 2).tolist() == [[1, 3]]


@settings(deadline=None)
@given(
    arrays.arrays(np.float32, (5, 12), elements=st.sampled_from([-np.inf, -1, 0, 0.5, 1])),
    st.integers(1, 14),
)
def test_the_nearest_are_the_beginning_of_a_stable_sort_however_many_are_equal(
    similar: NDArray[np.float32], k: int
) -> None:
    whole = np.argsort(-similar, axis=1, kind="stable")

    assert metrics.nearest_of(similar, k).tolist() == whole[:, :k].tolist()


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("recall@1", 0),  # rank 1 is wrong
        ("recall@5", 1),  # rank 2 is right
        ("recall@10", 1),
        ("precision@10", 3 / 10),
        ("ir_recall@10", 3 / 4),
        ("mrr@10", 1 / 2),
        ("map@10", (1 / 2 + 2 / 4 + 3 / 10) / 4),
        (
            "ndcg@10",
            (1 / np.log2(3) + 1 / np.log2(5) + 1 / np.log2(11))
            / (1 / np.log2(2) + 1 / np.log2(3) + 1 / np.log2(4) + 1 / np.log2(5)),
        ),
    ],
)
def test_right_at_ranks_2_4_and_10_of_four_right_ones(name: str, score: float) -> None:
    relevant = np.zeros((1, 10), bool)
    relevant[0, [1, 3, 9]] = True

    assert metrics.summary(relevant, np.array([4]))[name].tolist() == pytest.approx([score])


def test_average_precision_is_perfect_when_the_first_ten_are_right_however_many_there_are() -> None:
    relevant = np.ones((1, 10), bool)

    assert metrics.average_precision(relevant, np.array([500])) == pytest.approx([1.0])


@pytest.fixture(scope="module")
def ranked() -> tuple[Relevance, NDArray[np.int64]]:
    """(QUERIES, RANKED) random rankings, some with more right ones than are ranked, none empty."""
    draw = np.random.default_rng(7)
    relevant = draw.random((QUERIES, RANKED)) < draw.random((QUERIES, 1)) ** 3
    total = relevant.sum(axis=1) + draw.integers(0, 5, QUERIES) * draw.integers(0, 2, QUERIES)
    return relevant, np.maximum(total, 1)


def by_ir_measures(
    measure: ir_measures.Measure, relevant: Relevance, total: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Every query's score, from judgements and a run with falling scores."""

    def judged() -> Iterator[ir_measures.Qrel]:
        for query, count in enumerate(total):
            right = np.flatnonzero(relevant[query])
            names = [f"ranked{rank}" for rank in right]
            names += [f"never{i}" for i in range(count - len(right))]
            yield from (ir_measures.Qrel(f"{query:04}", name, 1) for name in names)

    run = [
        ir_measures.ScoredDoc(f"{query:04}", f"ranked{rank}", float(RANKED - rank))
        for query in range(len(relevant))
        for rank in range(relevant.shape[1])
    ]
    found = {one.query_id: one.value for one in ir_measures.iter_calc([measure], judged(), run)}
    return np.array([found[f"{query:04}"] for query in range(len(relevant))])


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("recall@1", Success @ 1),
        ("recall@5", Success @ 5),
        ("recall@10", Success @ 10),
        ("precision@10", P @ 10),
        ("ir_recall@10", R @ 10),
        ("mrr@10", RR @ 10),
        ("ndcg@10", nDCG @ 10),
    ],
)
def test_every_query_scores_as_in_ir_measures(
    name: str, measure: ir_measures.Measure, ranked: tuple[Relevance, NDArray[np.int64]]
) -> None:
    ours = metrics.summary(ranked[0][:, :10], ranked[1])[name]

    assert ours.tolist() == pytest.approx(by_ir_measures(measure, *ranked).tolist(), abs=ABOUT)


def test_average_precision_is_that_of_ir_measures_up_to_what_both_divide_by(
    ranked: tuple[Relevance, NDArray[np.int64]],
) -> None:
    relevant, total = ranked
    theirs = by_ir_measures(AP @ 10, relevant, total)
    few = total <= 10

    ours = metrics.average_precision(relevant, total, 10)

    assert 0 < few.sum() < QUERIES
    assert ours[few].tolist() == pytest.approx(theirs[few].tolist(), abs=ABOUT)
    assert (ours * 10 / total)[~few].tolist() == pytest.approx(theirs[~few].tolist(), abs=ABOUT)


@settings(deadline=None)
@given(arrays.arrays(np.bool_, (6, 10)), st.integers(0, 30))
def test_scores_lie_between_0_and_1_and_never_fall_when_a_result_becomes_right(
    relevant: Relevance, more: int
) -> None:
    total = np.maximum(relevant.sum(axis=1) + more, 10)
    better = relevant.copy()
    better[np.arange(6), (~relevant).argmax(axis=1)] = True

    before, after = metrics.summary(relevant, total), metrics.summary(better, total)

    assert all(((scores >= 0) & (scores <= 1 + ABOUT)).all() for scores in after.values())
    assert all((after[name] >= before[name] - ABOUT).all() for name in before)


@settings(deadline=None)
@given(st.integers(1, 30))
def test_a_perfect_ranking_scores_1_wherever_the_number_of_right_ones_allows_it(right: int) -> None:
    relevant = np.arange(10)[None, :] < right

    scores = metrics.summary(relevant, np.array([right]))

    assert scores["precision@10"] == pytest.approx(min(right, 10) / 10)
    assert scores["ir_recall@10"] == pytest.approx(min(right, 10) / right)
    for name in ("recall@1", "recall@5", "recall@10", "mrr@10", "map@10", "ndcg@10"):
        assert scores[name] == pytest.approx(1)


def test_an_interval_holds_the_mean_and_narrows_with_more_queries() -> None:
    few, many = np.tile([0.0, 1.0], 20), np.tile([0.0, 1.0], 2000)

    low, high = metrics.interval(few)
    narrow_low, narrow_high = metrics.interval(many)

    assert low < 0.5 < high
    assert narrow_high - narrow_low < (high - low) / 5


def test_an_interval_holds_the_truth_19_times_of_20() -> None:
    draw = np.random.default_rng(1)
    samples = (draw.random((200, 150)) < 0.3).astype(np.float64)

    held = [low <= 0.3 <= high for low, high in map(metrics.interval, samples)]

    assert 0.9 < np.mean(held) < 0.985


def test_the_same_is_drawn_in_many_portions_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(2).random(101)
    whole = metrics.interval(scores), metrics.paired_p(scores, scores[::-1])

    monkeypatch.setattr(metrics, "DRAWN", 1000)

    assert (metrics.interval(scores), metrics.paired_p(scores, scores[::-1])) == whole


def test_a_paired_interval_sees_a_small_gain_that_every_query_shares() -> None:
    theirs = np.tile([0.0, 0.5], 50)

    low, high = metrics.paired_interval(theirs + 0.01, theirs)

    assert low == pytest.approx(0.01)
    assert high == pytest.approx(0.01)
    assert metrics.paired_p(theirs + 0.01, theirs) == 1 / (1 + metrics.FLIPS)


def test_p_is_the_share_of_signs_that_would_do_as_well() -> None:
    # Of the 16 ways to sign (1, 1, 1, 1), all plus and all minus are as far from 0: 2 / 16.
    ours = np.array([1.0, 1, 1, 1, 0.3])
    theirs = np.array([0.0, 0, 0, 0, 0.3])

    assert metrics.paired_p(ours, theirs) == pytest.approx(2 / 16, abs=0.01)


def test_p_is_1_between_the_same_and_does_not_care_who_is_first() -> None:
    one, other = np.random.default_rng(3).random((2, 60))

    assert metrics.paired_p(one, one) == 1
    assert metrics.paired_p(one, other) == metrics.paired_p(other, one)


def test_p_is_below_a_twentieth_once_in_twenty_when_nothing_differs() -> None:
    pairs = np.random.default_rng(4).random((100, 2, 40))

    found = np.array([metrics.paired_p(ours, theirs) for ours, theirs in pairs])

    assert 0.005 < (found < 0.05).mean() < 0.12
    assert 0.35 < np.median(found) < 0.65
