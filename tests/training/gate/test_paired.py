"""Is one encoder worse on the same questions? Weights, clusters, and many tests at once."""

import numpy as np
import pytest

from training.gate import paired
from training.gate.paired import Paired, difference, rejected


def asked(
    ours: list[float],
    theirs: list[float],
    weights: list[float] | None = None,
    clusters: list[int] | None = None,
) -> Paired:
    count = len(ours)
    return Paired(
        "clicks",
        "MRR",
        np.array(ours),
        np.array(theirs),
        np.array(weights or [1.0] * count),
        np.array(clusters or range(count)),
    )


def test_a_figure_is_the_weighted_mean() -> None:
    found = difference(asked([1, 0], [0, 0], weights=[3, 1]), seed=0)

    assert (found.challenger, found.live, found.value) == (0.75, 0, 0.75)


def test_alike_is_no_difference_and_no_doubt() -> None:
    found = difference(asked([0.5] * 40, [0.5] * 40), seed=0)

    assert (found.low, found.high, found.least, found.p_worse) == (0, 0, 0, 1)


def test_the_interval_is_that_of_the_normal_distribution_where_questions_are_many() -> None:
    draw = np.random.default_rng(1)
    changes = draw.normal(0.1, 0.3, 1000)

    found = difference(asked((0.5 + changes).tolist(), [0.5] * 1000), seed=0)

    error = changes.std() / np.sqrt(1000)
    assert found.low == pytest.approx(changes.mean() - 1.96 * error, abs=error / 5)
    assert found.high == pytest.approx(changes.mean() + 1.96 * error, abs=error / 5)
    assert found.least == pytest.approx(changes.mean() - 1.645 * error, abs=error / 5)


def test_one_session_that_asks_a_hundred_times_proves_little() -> None:
    ours, theirs = [0.0] * 100 + [1.0, 0.4, 0.5], [1.0] * 100 + [0.5] * 3

    alone = difference(asked(ours, theirs), seed=0)
    together = difference(asked(ours, theirs, clusters=[0] * 100 + [1, 2, 3]), seed=0)

    assert alone.p_worse < 0.001
    assert together.p_worse > 0.05
    assert together.clusters == 4


def test_a_fifth_of_encoders_that_are_alike_have_a_p_below_a_fifth() -> None:
    draw = np.random.default_rng(2)
    chances = [paired.chance_of_worse(draw.normal(size=30), seed) for seed in range(200)]

    assert np.mean(np.array(chances) < 0.2) == pytest.approx(0.2, abs=0.07)


def test_what_may_be_lost_is_no_loss_and_more_than_that_is() -> None:
    def lost(times: int) -> float:
        found = [0.0] * times + [1.0] * (200 - times)
        return difference(asked(found, [1.0] * 200), seed=0, may_lose=0.05).p_worse

    assert lost(8) > 0.5
    assert lost(14) > 0.05
    assert lost(30) < 0.001


def test_of_encoders_that_lose_just_what_they_may_a_tenth_at_most_have_a_p_below_a_tenth() -> None:
    draw = np.random.default_rng(4)
    chances = [
        paired.chance_of_worse(0.05 - (draw.random(150) < 0.05), seed) for seed in range(200)
    ]

    assert np.mean(np.array(chances) < 0.1) < 0.15


def test_many_draws_are_made_in_portions_that_say_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gained = np.random.default_rng(3).normal(size=50)
    whole = paired.chance_of_worse(gained, 0)

    monkeypatch.setattr(paired, "DRAWN", 1000)

    assert paired.chance_of_worse(gained, 0) == whole


@pytest.mark.parametrize(
    ("chances", "fallen"),
    [
        ([], []),
        ([0.04], [True]),
        ([0.03, 0.04], [False, False]),
        ([0.04, 0.01], [True, True]),
        ([0.01, 0.03, 0.03], [True, False, False]),
        ([0.0001, 0.9, 0.02], [True, False, True]),
    ],
)
def test_holm_stops_at_the_first_that_stands(chances: list[float], fallen: list[bool]) -> None:
    assert rejected(chances, 0.05) == fallen
