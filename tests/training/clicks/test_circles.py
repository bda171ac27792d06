"""A picture's look-alikes know each other; whoever buys clicks for one pair brings no company."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import combinations

import pytest

from tests.training.clicks.conftest import Build
from tests.training.clicks.shop import START, Telling

ONE, OTHER = (0, 1, 2, 3), (10, 11, 12, 13)


def liked(telling: Telling, pair: Sequence[int], people: int = 2) -> None:
    """So many people, each from an address of their own, look at the one and click the other."""
    one, other = pair
    for person in range(people):
        who = f"{one}-{other}-{person}"
        telling.answer(who, one, [30, other], [other], at=START + timedelta(minutes=person))


@pytest.fixture
def two_circles() -> Telling:
    telling = Telling()
    for circle in (ONE, OTHER):
        for pair in combinations(circle, 2):
            liked(telling, pair)
    return telling


def test_circles_are_learnt_whole(two_circles: Telling, build: Build) -> None:
    made = build(two_circles.rows, "--held-out", "0")

    assert made.pairs().keys() == {*combinations(ONE, 2), *combinations(OTHER, 2)}
    assert "strangers" not in made.told["clicks"]["lost"]


@pytest.mark.parametrize("people", [2, 30])
def test_a_pair_across_them_is_not_however_many_click_it(
    people: int, two_circles: Telling, build: Build
) -> None:
    liked(two_circles, (0, 10), people)

    made = build(two_circles.rows, "--held-out", "0")

    assert (0, 10) not in made.pairs()
    assert len(made.pairs()) == 12
    assert made.told["clicks"]["lost"]["strangers"] == people


def test_a_picture_is_not_of_two_circles(two_circles: Telling, build: Build) -> None:
    """Whoever has all of another circle clicked moves a picture at most, and is seen once."""
    for other in OTHER:
        liked(two_circles, (0, other), 30)

    learnt = build(two_circles.rows, "--held-out", "0").pairs()

    joined = {a if b == 0 else b for a, b in learnt if 0 in (a, b)}
    assert joined in (set(ONE[1:]), set(OTHER))


def test_where_nobody_knows_anybody_nothing_can_be_said(build: Build) -> None:
    telling, chain = Telling(), [(0, 1), (1, 2), (2, 3), (5, 6)]
    for pair in chain:
        liked(telling, pair)

    assert build(telling.rows, "--held-out", "0").pairs().keys() == set(chain)


def test_two_of_a_circle_are_enough_to_be_let_in(two_circles: Telling, build: Build) -> None:
    for pair in ((1, 4), (2, 4), (3, 4)):
        liked(two_circles, pair)

    assert {(1, 4), (2, 4), (3, 4)} <= build(two_circles.rows, "--held-out", "0").pairs().keys()


def test_where_all_share_an_address_nobody_has_many_to_cheat_with(
    two_circles: Telling, build: Build
) -> None:
    """As on a laptop, where every click is worth more than the doubt."""
    liked(two_circles, (0, 10))

    made = build(two_circles.rows, "--held-out", "0", "--shared-address")

    assert (0, 10) in made.pairs()
