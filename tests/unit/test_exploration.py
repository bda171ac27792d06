"""The one drawn place: with the very chance that it states, and breaking nothing else."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.catalogue import Sponsorship
from lookalike.index import Candidate
from lookalike.ranking import Policy, Ranking, Result, rank
from tests.unit.test_ranking import NOW, PAID, candidate, crowds, keys, page_with_paid, policies

CURIOUS = Policy(duplicate=0.99999, diversity=1.0, exploration=0.2)
LIMIT = 8


def queue(length: int = 20) -> list[Candidate]:
    """So many pictures, each further away than the one before: 0.jpg, 1.jpg, 2.jpg …"""
    return [candidate(2 * number, f"{number}.jpg") for number in range(length)]


def drawn(ranking: Ranking) -> Result | None:
    return next((one for one in ranking.results if one.slot == "explore"), None)


def page(place: int, which: int) -> Ranking:
    """The page of eight of a queue, where chance puts n.jpg, of the first 16, at a place."""
    draw = CURIOUS.exploration * ((place - 1) * 2 * LIMIT + which + 0.5) / (LIMIT * 2 * LIMIT)
    return rank(queue(), CURIOUS, LIMIT, NOW, draw=draw)


def every_page(crowd: list[Candidate], policy: Policy, limit: int) -> list[Ranking]:
    """One for each turn: each place of the page with each image that may be drawn."""
    first = drawn(rank(crowd, policy, limit, NOW, draw=0.0))
    turns = round(policy.exploration / first.propensity) if first else 1
    draws = [policy.exploration * (turn + 0.5) / turns for turn in range(turns)]
    return [rank(crowd, policy, limit, NOW, draw=draw) for draw in draws]


def names(pages: list[Ranking]) -> set[str]:
    """Who was drawn."""
    return {one.candidate.image.key for page in pages if (one := drawn(page))}


def test_a_picture_that_came_next_is_put_at_a_drawn_place() -> None:
    shown = page(place=3, which=12)

    assert keys(shown) == [f"{n}.jpg" for n in (0, 1, 12, 2, 3, 4, 5, 6)]
    assert [one.position for one in shown.results] == list(range(1, 9))
    assert drawn(shown) == shown.results[2]
    assert shown.results[2].propensity == pytest.approx(0.2 / 8 / 16)
    assert {one.propensity for one in shown.results if one.slot == "organic"} == {1.0}


def test_a_picture_of_the_page_is_put_at_another_place_and_nobody_leaves() -> None:
    down, up = page(place=6, which=1), page(place=2, which=5)

    assert keys(down) == [f"{n}.jpg" for n in (0, 2, 3, 4, 5, 1, 6, 7)]
    assert keys(up) == [f"{n}.jpg" for n in (0, 5, 1, 2, 3, 4, 6, 7)]
    assert down.results[5].slot == up.results[1].slot == "explore"


def test_where_chance_agrees_with_the_ranking_it_was_chance_all_the_same() -> None:
    shown = page(place=4, which=3)

    assert keys(shown) == [f"{n}.jpg" for n in range(8)]
    assert [one.slot for one in shown.results].index("explore") == 3
    assert shown.results[3].propensity == pytest.approx(0.2 / 8 / 16)


def test_the_first_place_and_the_last_are_drawn_like_any_other() -> None:
    assert keys(page(place=1, which=8)) == [f"{n}.jpg" for n in (8, 0, 1, 2, 3, 4, 5, 6)]
    assert keys(page(place=8, which=15)) == [f"{n}.jpg" for n in (0, 1, 2, 3, 4, 5, 6, 15)]


def test_the_other_answers_are_as_if_there_were_no_chance() -> None:
    crowd = queue()
    plain = rank(crowd, replace(CURIOUS, exploration=0.0), LIMIT, NOW)

    for draw in (0.2, 0.5, 1.0):
        assert rank(crowd, CURIOUS, LIMIT, NOW, draw=draw) == plain


def test_everybody_says_what_chance_did_to_their_place() -> None:
    shown = page(place=3, which=12)

    last = {one.candidate.image.key: one.trace[-1] for one in shown.results}
    assert (last["12.jpg"].stage, last["12.jpg"].effect) == ("explore", "place 13 → 3")
    assert (last["5.jpg"].stage, last["5.jpg"].effect) == ("explore", "place 6 → 7")
    assert last["1.jpg"].stage == "floor"


def test_paid_places_stay_where_they_are_and_are_never_drawn() -> None:
    crowd = page_with_paid(candidate(45, "paid.jpg", sponsored=PAID), organic=22)
    pages = every_page(crowd, CURIOUS, LIMIT)

    assert {shown.results[3].candidate.image.key for shown in pages} == {"paid.jpg"}
    assert {shown.results[3].slot for shown in pages} == {"sponsored"}
    assert len(pages) == 7 * (7 + 8)
    assert names(pages) == {f"organic {number}.jpg" for number in range(15)}


def test_no_second_of_a_group_is_drawn() -> None:
    mates = [candidate(30 + n, f"mate {n}.jpg", group="shoe") for n in range(3)]
    crowd = [candidate(0, "shoe.jpg", group="shoe"), *queue()[1:10], *mates]

    assert names(every_page(crowd, CURIOUS, LIMIT)) == {
        "shoe.jpg",
        *(f"{n}.jpg" for n in range(1, 10)),
    }


def test_who_gave_way_to_one_that_left_the_page_may_be_drawn_and_is_then_not_removed() -> None:
    mates = [candidate(15 + n, f"mate {n}.jpg", group="shoe") for n in range(2)]
    paid = candidate(30, "paid.jpg", sponsored=PAID)
    crowd = [*queue()[:7], *mates, paid]

    pages = every_page(crowd, CURIOUS, LIMIT)

    assert "mate 1.jpg" in names(pages)
    for shown in pages:
        assert not set(keys(shown)) & {one.key for one in shown.removed}


def test_nothing_is_drawn_from_further_than_the_next_page() -> None:
    crowd = [candidate(number, f"{number}.jpg") for number in range(60)]
    policy = replace(CURIOUS, duplicate=1.1)

    assert names(every_page(crowd, policy, LIMIT)) == {f"{number}.jpg" for number in range(16)}


def test_a_page_of_all_there_is_is_explored_among_itself() -> None:
    pages = every_page(queue(12), CURIOUS, 24)

    assert len(pages) == 12 * 12
    assert {frozenset(keys(shown)) for shown in pages} == {frozenset(keys(pages[0]))}


def test_a_page_of_less_than_a_row_is_left_alone() -> None:
    for draw in (0.0, 0.1, 0.19):
        assert drawn(rank(queue(), CURIOUS, 7, NOW, draw=draw)) is None
        assert drawn(rank(queue(7), CURIOUS, 24, NOW, draw=draw)) is None


def test_a_policy_that_explores_has_a_name_of_its_own() -> None:
    assert Policy().name == "baseline-1"
    assert Policy(exploration=0.1).name == "baseline-1-explore-0.1"


shares = st.sampled_from([0.01, 0.1, 0.3, 1 / 3, 1.0])


@given(crowds, policies, st.integers(8, 12), shares)
def test_the_propensities_of_all_that_may_be_drawn_make_up_the_share(
    crowd: list[Candidate], policy: Policy, limit: int, share: float
) -> None:
    results = [drawn(one) for one in every_page(crowd, replace(policy, exploration=share), limit)]

    found = [one for one in results if one]
    assert len(found) in (0, len(results))
    if found:
        assert sum(one.propensity for one in found) == pytest.approx(share)
        assert len({(one.position, one.candidate.image.image_id) for one in found}) == len(found)


@given(
    crowds,
    policies,
    st.integers(1, 30),
    shares,
    st.one_of(st.floats(0, 1, exclude_max=True), st.sampled_from([1 - 2**-53, 0.3 - 2**-54])),
)
def test_chance_breaks_no_promise_of_a_page(
    crowd: list[Candidate], policy: Policy, limit: int, share: float, draw: float
) -> None:
    before = rank(crowd, policy, limit, NOW)
    after = rank(crowd, replace(policy, exploration=share), limit, NOW, draw=draw)

    pictures = [one.candidate.image for one in after.results]
    assert len(after.results) == len(before.results)
    assert after.short == before.short
    shown = {one.image_id for one in pictures}
    assert after.removed == tuple(one for one in before.removed if one.image_id not in shown)
    assert [one.position for one in after.results] == list(range(1, len(pictures) + 1))
    assert len({one.image_id for one in pictures}) == len(pictures)
    assert {one.status for one in pictures} <= {"visible"}
    groups = [one.group for one in pictures if one.group]
    assert len(set(groups)) == len(groups)
    everything = rank(crowd, policy, len(crowd) + 1, NOW).results
    assert {one.image_id for one in pictures} <= {r.candidate.image.image_id for r in everything}
    assert [r for r in after.results if r.slot == "sponsored"] == [
        r for r in before.results if r.slot == "sponsored"
    ]
    by_lot = [one.candidate.image.image_id for one in after.results if one.slot == "explore"]
    assert len(by_lot) == (draw < share and len(pictures) >= policy.explored_page)
    left = [r.candidate.image.image_id for r in after.results if r.slot == "organic"]
    order = [r.candidate.image.image_id for r in before.results if r.slot == "organic"]
    assert left == [one for one in order if one not in by_lot][: len(left)]


def test_what_is_drawn_is_drawn_as_often_as_it_says() -> None:
    chance, answers = random.Random(5), 20_000
    crowd = [*queue(11), candidate(50, "paid.jpg", sponsored=Sponsorship("spring"))]
    often: Counter[tuple[int, str]] = Counter()
    stated: dict[tuple[int, str], float] = {}

    for _ in range(answers):
        one = drawn(rank(crowd, CURIOUS, LIMIT, NOW, draw=chance.random()))
        if one:
            often[one.position, one.candidate.image.key] += 1
            stated[one.position, one.candidate.image.key] = one.propensity

    assert len(stated) == 7 * (7 + 4)  # each place but the paid one, and each image but that one
    surprise = sum((often[w] - answers * p) ** 2 / (answers * p) for w, p in stated.items())
    assert surprise < 121  # chi-square of 77 cells: once in a thousand runs with another seed
    assert sum(often.values()) / answers == pytest.approx(0.2, abs=0.01)
