"""A page: visible, distinct, relevant, varied, one of each group, paid places few and labelled."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import duplicates
from lookalike.catalogue import IndexedImage, Sponsorship, image_id_of
from lookalike.duplicates import Likeness, representatives, why_same
from lookalike.index import Candidate, Vector
from lookalike.ranking import Policy, Ranking, by_relevance, rank

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PLAIN = Policy(duplicate=0.99999, diversity=1.0)  # no variety: by score; copies within 0.2°


def at(degrees: float) -> Vector:
    """A unit vector on a circle, so that similarity is visible: at(0), at(90)."""
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def image(key: str, **changes: Any) -> IndexedImage:
    known = IndexedImage(
        image_id=image_id_of(key),
        key=key,
        etag="e",
        sidecar_etag="",
        uploaded_at="2026-01-01T00:00:00+00:00",
        indexed_at="2026-01-01T00:00:00+00:00",
        width=1,
        height=1,
        bytes=1,
        format="JPEG",
        sha256=f"sha of {key}",
        phash="",
        colour="808080",
        status="visible",
    )
    return replace(known, **changes)


def candidate(degrees: float, key: str = "", **changes: Any) -> Candidate:
    """A picture so many degrees away from what is looked for, which is at(0)."""
    vector = at(degrees)
    return Candidate(image(key or f"{degrees}.jpg", **changes), float(vector[0]), vector)


def keys(ranking: Ranking) -> list[str]:
    return [result.candidate.image.key for result in ranking.results]


def removed(ranking: Ranking) -> dict[str, str]:
    return {one.key: one.stage for one in ranking.removed}


PAID = Sponsorship("spring")


def test_the_most_alike_comes_first_and_keeps_its_score() -> None:
    ranking = rank([candidate(20), candidate(5), candidate(10)], PLAIN, 3, NOW)

    assert keys(ranking) == ["5.jpg", "10.jpg", "20.jpg"]
    assert [one.position for one in ranking.results] == [1, 2, 3]
    assert ranking.results[0].candidate.score == pytest.approx(np.cos(np.radians(5)))
    assert {(one.slot, one.propensity) for one in ranking.results} == {("organic", 1.0)}
    assert not ranking.short


def test_an_image_retrieved_twice_is_shown_once_at_its_best() -> None:
    worse, better = candidate(40, "twice.jpg"), candidate(5, "twice.jpg")

    ranking = rank([worse, candidate(20), better], PLAIN, 3, NOW)

    assert keys(ranking) == ["twice.jpg", "20.jpg"]


@pytest.mark.parametrize("status", ["blocked", "unsafe", "unmoderated", "", "Visible", "archived"])
def test_only_what_is_exactly_visible_is_shown(status: str) -> None:
    ranking = rank([candidate(5, status=status), candidate(50)], PLAIN, 3, NOW)

    assert keys(ranking) == ["50.jpg"]
    assert removed(ranking) == {"5.jpg": "visible"}
    assert ranking.short


def test_the_same_file_twice_is_one_result_that_stands_for_both() -> None:
    copy = candidate(40, "copy.jpg", sha256="same")
    ranking = rank([copy, candidate(5, "first.jpg", sha256="same")], PLAIN, 3, NOW)

    [result] = ranking.results
    assert result.candidate.image.key == "first.jpg"
    assert result.duplicates == 1
    assert result.duplicate_ids == (copy.image.image_id,)
    assert [(one.stage, one.why) for one in ranking.removed] == [
        ("duplicates", "the same file as first.jpg")
    ]


def test_a_hidden_copy_never_stands_for_a_visible_one() -> None:
    hidden = candidate(1, "hidden.jpg", sha256="same", status="blocked")
    ranking = rank([hidden, candidate(9, "seen.jpg", sha256="same")], PLAIN, 3, NOW)

    assert keys(ranking) == ["seen.jpg"]
    assert ranking.results[0].duplicates == 0


def test_colourways_of_one_pattern_are_not_duplicates() -> None:
    pattern = "0123456789abcdef"
    red = candidate(5, "red.jpg", phash=pattern, colour="a02020")
    blue = candidate(25, "blue.jpg", phash=pattern, colour="2020a0")
    resaved = candidate(28, "resaved.jpg", phash="0123456789abcdee", colour="a12122")

    ranking = rank([red, blue, resaved], PLAIN, 3, NOW)

    assert keys(ranking) == ["red.jpg", "blue.jpg"]
    assert removed(ranking) == {"resaved.jpg": "duplicates"}
    assert "1 of 64 bits" in ranking.removed[0].why


def test_products_of_one_outline_are_not_duplicates_when_the_encoder_tells_them_apart() -> None:
    """A speaker and a jar on white: one hash, nearly one colour."""
    pattern = "0123456789abcdef"
    speaker = candidate(5, "speaker.jpg", phash=pattern)
    jar = candidate(45, "jar.jpg", phash=pattern)

    assert keys(rank([speaker, jar], PLAIN, 2, NOW)) == ["speaker.jpg", "jar.jpg"]


def test_flat_pictures_without_a_hash_are_not_duplicates() -> None:
    flat = [candidate(5, phash=""), candidate(25, phash=""), candidate(45, phash="0" * 16)]

    assert len(rank(flat, PLAIN, 3, NOW).results) == 3


def test_vectors_as_alike_as_the_card_says_are_duplicates() -> None:
    policy = replace(PLAIN, duplicate=float(np.cos(np.radians(3))))

    ranking = rank([candidate(10), candidate(12), candidate(14)], policy, 3, NOW)

    assert keys(ranking) == ["10.jpg", "14.jpg"]  # 14 is like 12, which is not shown
    assert "similarity 0.999" in ranking.removed[0].why


def test_copies_of_the_picture_asked_about_are_stacked_on_it() -> None:
    anchor = image("anchor.jpg", sha256="same")
    file = candidate(30, "file.jpg", sha256="same")
    twin = candidate(0.1, "twin.jpg")

    ranking = rank([file, twin, candidate(20)], PLAIN, 3, NOW, anchor=anchor)

    assert keys(ranking) == ["20.jpg"]
    assert set(ranking.anchor_duplicates) == {file.image.image_id, twin.image.image_id}
    assert removed(ranking) == {"file.jpg": "duplicates", "twin.jpg": "duplicates"}


def test_the_anchor_itself_is_never_its_own_look_alike() -> None:
    anchor = candidate(0, "anchor.jpg")

    ranking = rank([anchor, candidate(20)], PLAIN, 3, NOW, anchor=anchor.image)

    assert keys(ranking) == ["20.jpg"]
    assert ranking.anchor_duplicates == ()


def test_no_good_match_is_an_answer() -> None:
    ranking = rank([candidate(80), candidate(85)], replace(PLAIN, floor=0.5), 3, NOW)

    assert ranking.results == ()
    assert removed(ranking) == {"80.jpg": "floor", "85.jpg": "floor"}
    assert ranking.short


def test_of_almost_equals_the_one_that_people_click_comes_first() -> None:
    near, clicked = candidate(10), candidate(12)

    ranking = rank([near, clicked], PLAIN, 2, NOW, click_rates={clicked.image.image_id: 0.9})

    assert keys(ranking) == ["12.jpg", "10.jpg"]
    assert "clicks" in [step.stage for step in ranking.results[0].trace]


def test_variety_lets_a_different_picture_pass_a_near_repeat() -> None:
    page = [candidate(10), candidate(14), candidate(-16)]

    assert keys(rank(page, PLAIN, 3, NOW)) == ["10.jpg", "14.jpg", "-16.jpg"]
    varied = rank(page, replace(PLAIN, diversity=0.85), 3, NOW)
    assert keys(varied) == ["10.jpg", "-16.jpg", "14.jpg"]
    assert [step.effect for step in varied.results[1].trace][-1] == "place 3 → 2"


def test_a_group_appears_once_and_does_not_shorten_the_page() -> None:
    shoes = [candidate(5 + number, group="shoe") for number in range(3)]
    others = [candidate(40), candidate(50)]

    ranking = rank([*shoes, *others], PLAIN, 3, NOW, anchor=image("a.jpg", group="shoe"))

    assert keys(ranking) == ["5.jpg", "40.jpg", "50.jpg"]
    assert removed(ranking) == {"6.jpg": "groups", "7.jpg": "groups"}


def page_with_paid(*paid: Candidate, organic: int = 16) -> list[Candidate]:
    return [*(candidate(2 * number, f"organic {number}.jpg") for number in range(organic)), *paid]


def sponsored(ranking: Ranking) -> dict[str, int]:
    return {
        one.candidate.image.key: one.position for one in ranking.results if one.slot == "sponsored"
    }


def test_a_paid_result_takes_the_fourth_place_and_is_labelled() -> None:
    ranking = rank(page_with_paid(candidate(45, "paid.jpg", sponsored=PAID)), PLAIN, 8, NOW)

    assert sponsored(ranking) == {"paid.jpg": 4}
    assert keys(ranking)[:5] == [
        "organic 0.jpg",
        "organic 1.jpg",
        "organic 2.jpg",
        "paid.jpg",
        "organic 3.jpg",
    ]
    assert "campaign spring" in ranking.results[3].trace[-1].why


def test_what_earned_a_better_place_keeps_it_unlabelled() -> None:
    ranking = rank(page_with_paid(candidate(1, "paid.jpg", sponsored=PAID)), PLAIN, 8, NOW)

    assert keys(ranking)[1] == "paid.jpg"
    assert sponsored(ranking) == {}


def test_there_is_one_paid_place_in_eight() -> None:
    many = [candidate(45 + number / 4, f"p{number}.jpg", sponsored=PAID) for number in range(9)]
    policy = replace(PLAIN, duplicate=1.1)

    assert sponsored(rank(page_with_paid(*many, organic=22), policy, 24, NOW)) == {
        "p0.jpg": 4,
        "p1.jpg": 12,
        "p2.jpg": 20,
    }
    assert sponsored(rank(page_with_paid(*many), policy, 7, NOW)) == {}


@pytest.mark.parametrize(
    "campaign",
    [
        Sponsorship("over", ends=NOW),
        Sponsorship("not yet", starts=NOW + timedelta(seconds=1)),
    ],
)
def test_a_campaign_that_does_not_run_buys_nothing(campaign: Sponsorship) -> None:
    ranking = rank(page_with_paid(candidate(45, "paid.jpg", sponsored=campaign)), PLAIN, 8, NOW)

    assert sponsored(ranking) == {}


def test_money_does_not_buy_a_place_for_a_poor_match() -> None:
    far = candidate(70, "paid.jpg", sponsored=PAID)

    assert sponsored(rank(page_with_paid(far), PLAIN, 8, NOW)) == {}


def test_a_paid_picture_whose_group_is_shown_already_gets_no_place() -> None:
    page = page_with_paid(candidate(45, "paid.jpg", sponsored=PAID, group="g"))
    page[0] = candidate(0, "mate.jpg", group="g")

    assert sponsored(rank(page, PLAIN, 8, NOW)) == {}


def test_every_result_says_how_it_came_to_its_place() -> None:
    [result] = rank([candidate(5, group="g")], PLAIN, 1, NOW).results

    assert [step.stage for step in result.trace] == ["visible", "floor", "groups"]
    assert all(step.effect and step.why for step in result.trace)


def test_comparing_in_blocks_finds_the_same_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    crowd = [
        candidate(chance.uniform(0, 90), f"{number}", sha256=str(chance.randrange(40)))
        for number in range(60)
    ]
    likeness = Likeness(0.9999, 4, 6.0, 0.9)
    whole = representatives(crowd, likeness)

    monkeypatch.setattr(duplicates, "ROWS_AT_ONCE", 7)
    assert representatives(crowd, likeness) == whole


def test_a_candidate_without_its_vector_is_ranked_by_what_is_known() -> None:
    blind = replace(candidate(5, "blind.jpg"), vector=None)

    assert keys(rank([blind, candidate(6)], Policy(), 2, NOW)) == ["blind.jpg", "6.jpg"]
    assert keys(rank([blind], Policy(), 2, NOW)) == ["blind.jpg"]


images = st.builds(
    candidate,
    degrees=st.integers(0, 900).map(lambda tenths: tenths / 10),
    key=st.integers(0, 60).map(lambda number: f"{number}.jpg"),
    status=st.sampled_from(["visible", "visible", "visible", "blocked", "unmoderated"]),
    sha256=st.integers(0, 30).map(str),
    phash=st.sampled_from(["", "0123456789abcdef", "0123456789abcdee", "fedcba9876543210"]),
    colour=st.sampled_from(["808080", "818181", "ff0000"]),
    group=st.sampled_from(["", "", "", "a", "b"]),
    sponsored=st.sampled_from([None, None, PAID, Sponsorship("over", ends=NOW)]),
)
crowds = st.lists(images, max_size=40, unique_by=lambda one: one.image.image_id)
policies = st.builds(
    Policy,
    duplicate=st.sampled_from([0.98, 0.99999]),
    floor=st.sampled_from([0.0, 0.5]),
    diversity=st.sampled_from([1.0, 0.85]),
)


def organic_places(crowd: list[Candidate], policy: Policy) -> int:
    """How many results there could be: with no limit, every distinct relevant one is placed."""
    return len(rank(crowd, policy, len(crowd) + 1, NOW).results)


@given(crowds, policies, st.integers(1, 30))
def test_a_page_keeps_its_promises(crowd: list[Candidate], policy: Policy, limit: int) -> None:
    ranking = rank(crowd, policy, limit, NOW)
    shown = [one.candidate for one in ranking.results]

    assert len(shown) <= limit
    assert ranking.short == (len(shown) < limit)
    assert [one.position for one in ranking.results] == list(range(1, len(shown) + 1))
    assert len({one.image.image_id for one in shown}) == len(shown)
    assert {one.image.status for one in shown} <= {"visible"}
    assert all(one.score >= policy.floor for one in shown)
    groups = [one.image.group for one in shown if one.image.group]
    assert len(set(groups)) == len(groups)
    paid = [one for one in ranking.results if one.slot == "sponsored"]
    assert len(paid) <= len(shown) // policy.sponsored_every
    for one in paid:
        assert one.candidate.image.sponsored == PAID
        assert one.position % policy.sponsored_every == policy.sponsored_position


@given(crowds, policies)
def test_no_two_results_show_the_same_picture(crowd: list[Candidate], policy: Policy) -> None:
    shown = [one.candidate for one in rank(crowd, policy, 40, NOW).results]

    for row, one in enumerate(shown):
        for other in shown[:row]:
            assert why_same(one.image, other.image, None, policy.likeness) is None
            assert one.vector @ other.vector < policy.duplicate + 1e-6  # type: ignore[operator]


@given(crowds, policies, st.integers(1, 30))
def test_a_page_is_full_while_there_is_something_to_show(
    crowd: list[Candidate], policy: Policy, limit: int
) -> None:
    shown = len(rank(crowd, policy, limit, NOW).results)

    assert shown == min(limit, organic_places(crowd, policy))


@given(crowds, policies, st.integers(1, 30))
def test_nothing_disappears_without_a_reason(
    crowd: list[Candidate], policy: Policy, limit: int
) -> None:
    ranking = rank(crowd, policy, len(crowd) + 1, NOW)

    shown = {one.candidate.image.image_id for one in ranking.results}
    gone = [one.image_id for one in ranking.removed]
    stacked = [copy for one in ranking.results for copy in one.duplicate_ids]
    assert sorted([*shown, *gone]) == sorted(one.image.image_id for one in crowd)
    assert set(stacked) <= set(gone)


@given(crowds, policies, st.integers(1, 30), st.randoms())
def test_the_order_of_the_candidates_does_not_matter(
    crowd: list[Candidate], policy: Policy, limit: int, chance: random.Random
) -> None:
    shuffled = crowd.copy()
    chance.shuffle(shuffled)

    once, again = rank(crowd, policy, limit, NOW), rank(shuffled, policy, limit, NOW)

    assert keys(once) == keys(again)
    assert [one.slot for one in once.results] == [one.slot for one in again.results]
    assert set(once.removed) == set(again.removed)


@given(st.lists(st.integers(0, 900), unique=True, max_size=30), st.integers(1, 30))
def test_without_anything_to_remove_order_is_by_score(tenths: list[int], limit: int) -> None:
    crowd = [candidate(tenth / 10) for tenth in tenths]

    shown = rank(crowd, replace(PLAIN, duplicate=1.1), limit, NOW)

    scores = sorted((one.score for one in crowd), reverse=True)[:limit]
    assert [one.candidate.score for one in shown.results] == scores


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(allow_nan=False)), min_size=2, max_size=20),
    st.floats(0, 0.5),
)
def test_popularity_never_outweighs_its_stated_gap(
    rows: list[tuple[float, float]], popularity: float
) -> None:
    crowd = [Candidate(image(str(row)), score, None) for row, (score, _) in enumerate(rows)]
    rates = {one.image.image_id: rate for one, (_, rate) in zip(crowd, rows, strict=True)}

    rated = by_relevance(crowd, Policy(popularity=popularity), rates)

    scores = [one.candidate.score for one in rated]
    for place, score in enumerate(scores):
        assert all(later <= score + popularity + 1e-9 for later in scores[place:])
