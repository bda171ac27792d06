"""What looks like a picture looks like one another; who buys clicks brings no company along."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import combinations
from math import comb

import pytest

from tests.training.clicks.conftest import Build
from tests.training.clicks.shop import START, Telling
from training.clicks.closure import SURELY, most_when_lonely

FAMILIES = [range(first, first + 5) for first in (0, 10, 20, 30)]
WITHIN = {pair for family in FAMILIES for pair in combinations(family, 2)}
STRANGER = 10  # to the family of 0


def liked(telling: Telling, pair: Sequence[int], people: int = 2) -> None:
    """So many people, each from an address of their own, look at the one and click the other."""
    one, other = pair
    for person in range(people):
        who = f"{one}-{other}-{person}"
        telling.answer(who, one, [50, other], [other], at=START + timedelta(minutes=person))


@pytest.fixture
def families() -> Telling:
    telling = Telling()
    for pair in sorted(WITHIN):
        liked(telling, pair, people=3)
    return telling


def test_families_are_learnt_whole(families: Telling, build: Build) -> None:
    made = build(families.rows, "--held-out", "0")

    assert made.pairs().keys() == WITHIN
    assert "strangers" not in made.told["clicks"]["lost"]


@pytest.mark.parametrize("people", [2, 30])
def test_a_pair_across_them_is_not_however_many_click_it(
    people: int, families: Telling, build: Build
) -> None:
    liked(families, (0, STRANGER), people)

    made = build(families.rows, "--held-out", "0")

    assert made.pairs().keys() == WITHIN
    assert made.told["clicks"]["lost"]["strangers"] == people


def test_what_is_clicked_beside_everything_keeps_its_own_kind_and_no_other(
    families: Telling, build: Build
) -> None:
    for other in (one for family in FAMILIES[1:] for one in family):
        liked(families, (other, 0))

    made = build(families.rows, "--held-out", "0")

    assert made.pairs().keys() == WITHIN


def test_where_nobody_knows_anybody_nothing_can_be_said(build: Build) -> None:
    telling, chain = Telling(), [(0, 1), (1, 2), (2, 3), (5, 6)]
    for pair in chain:
        liked(telling, pair)

    assert build(telling.rows, "--held-out", "0").pairs().keys() == set(chain)


def test_who_knows_nobody_else_and_who_knows_most_of_a_family_are_let_in(
    families: Telling, build: Build
) -> None:
    joins = [(35, 36), (1, 37), (2, 37), (3, 37)]
    for pair in joins:
        liked(families, pair)

    assert {*joins} <= build(families.rows, "--held-out", "0").pairs().keys()


def test_where_all_share_an_address_nobody_has_many_to_cheat_with(
    families: Telling, build: Build
) -> None:
    """As on a laptop, where every click is worth more than the doubt."""
    liked(families, (0, STRANGER))

    made = build(families.rows, "--held-out", "0", "--shared-address")

    assert (0, STRANGER) in made.pairs()


@pytest.mark.parametrize("others", [0, 1, 2, 7, 30, 400])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_lonely_is_what_the_binomial_distribution_calls_unlikely(others: int, share: float) -> None:
    def at_most(known: int) -> float:
        return sum(
            comb(others, k) * share**k * (1 - share) ** (others - k) for k in range(known + 1)
        )

    most = most_when_lonely(others, share)

    assert at_most(most) < SURELY <= at_most(most + 1)


@pytest.mark.parametrize("share", [0, 1])
def test_where_all_or_none_are_known_nobody_is_lonely(share: float) -> None:
    assert most_when_lonely(100, share) == -1
