"""What is learnt from clicks is what looks alike, wherever it stood."""

from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from lookalike.catalogue import image_id_of
from tests.training.clicks.conftest import Build, Made, n
from tests.training.clicks.shop import START, Shop, Telling, key


def tau(scores: list[float], truth: list[float]) -> float:
    """Kendall's, between two orders of the same things."""
    a, b = np.sign(np.subtract.outer(scores, scores)), np.sign(np.subtract.outer(truth, truth))
    return float((a * b).sum() / max(np.sqrt((a**2).sum() * (b**2).sum()), 1))


def agreement(scores: dict[tuple[int, int], float], alike: np.ndarray) -> float:
    """Mean over anchors, of how the pairs of each are ordered."""
    of_anchor = defaultdict(list)
    for (anchor, clicked), score in scores.items():
        of_anchor[anchor].append((score, alike[anchor, clicked]))
    taus = [
        tau(*map(list, zip(*rows, strict=True))) for rows in of_anchor.values() if len(rows) > 2
    ]
    return float(np.mean(taus))


def counted(rows: list[Any]) -> Counter[tuple[str, str]]:
    return Counter((r["anchor_image_id"], r["image_id"]) for r in rows if r["type"] == "click")


# What is learnt is what is alike


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_places_are_looked_at_is_recovered(seed: int, build: Build) -> None:
    shop = Shop(seed)

    made = build(shop.visited(4_000), "--held-out", "0")

    off = np.log(np.array(made.told["examination"]["curve"]) / shop.examined)
    assert np.abs(off).mean() < 0.25
    assert np.abs(off).max() < 0.6


def test_a_ranking_that_is_right_does_not_pass_for_people_who_look_at_the_top(build: Build) -> None:
    shop = Shop(4, steepness=0.0)  # every place is looked at

    made = build(shop.visited(4_000), "--held-out", "0")

    assert min(made.told["examination"]["curve"]) > 0.75


def test_what_long_answers_draw_is_not_held_against_what_short_ones_draw(build: Build) -> None:
    """Those draw for their few places from nearer pictures, and here all places are looked at."""
    long = Shop(5, steepness=0.0, places=24).visited(1_500)
    short = elsewhere(Shop(5, steepness=0.0, places=4).visited(3_000))

    made = build(long + short, "--held-out", "0")

    assert made.told["examination"]["curve"][12] > 0.95


def elsewhere(rows: list[Any]) -> list[Any]:
    """The same of other people, in other answers."""

    def other(name: str) -> str:
        return str(UUID(int=UUID(name).int ^ 1))

    return [
        {
            **row,
            "query_id": other(row["query_id"]),
            "event_id": other(row["event_id"]),
            "session_id": f"another {row['session_id']}",
            "viewer": f"another {row['viewer']}",
        }
        for row in rows
    ]


def test_where_nothing_ever_moved_half_of_the_fall_is_put_down_to_the_place(
    build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    made = build(Shop(5, drawn=False).visited(2_000), "--held-out", "0")

    rate = made.told["examination"]
    assert rate["clicks_that_moved"] == rate["clicks_on_drawn_places"] == 0
    assert 0.2 < rate["curve"][-1] < 0.75
    assert "ranking should leave some places to chance" in capsys.readouterr().err


def test_weighted_pairs_are_nearer_to_the_truth_than_counted_clicks(build: Build) -> None:
    gains = []
    for seed in (1, 2, 3):
        shop = Shop(seed)
        rows = shop.visited(2_000)

        weights = build(rows, "--held-out", "0").pairs()

        naive = counted(rows)
        of = {p: naive[image_id_of(key(p[0])), image_id_of(key(p[1]))] for p in weights}
        gains.append(agreement(weights, shop.alike) - agreement(of, shop.alike))
    assert min(gains) > 0
    assert np.mean(gains) > 0.1


def test_counted_clicks_weigh_as_they_fell(build: Build) -> None:
    telling = Telling()
    for visit in range(12):
        telling.answer(f"person-{visit}", 0, [1, 2, 3], [1] if visit % 2 else [1, 3])

    weights = build(telling.rows, "--held-out", "0", "--weights", "counts").pairs()

    assert weights[0, 1] == pytest.approx(2 * weights[0, 3])


def test_a_held_out_click_stands_for_the_looks_that_its_place_did_not_get(build: Build) -> None:
    made = build(Shop(1).visited(3_000))

    worth = [line["weight"] for line in made.held_out]
    assert max(worth) > 4 * min(worth)
    assert made.told["effective"]["held_out.jsonl"]["pairs"] < 0.95 * len(worth)


def test_a_picture_that_only_chance_brings_up_stands_for_those_it_did_not(build: Build) -> None:
    telling = Telling()
    for visit in range(20):
        shown, drawn = [1, 2, 3 if visit < 4 else 10 + visit], {3: 0.05}
        liked = [2, 3] if visit in (0, 1) else []
        telling.answer(f"person-{visit}", 0, shown, liked, explore=drawn)
    rows = telling.rows
    certain = [{**row, "slot": "organic", "propensity": 1.0} for row in rows]

    weights, without = (build(log, "--held-out", "0").pairs() for log in (rows, certain))

    assert weights[0, 3] / weights[0, 2] > 1.1 * without[0, 3] / without[0, 2]


def test_an_answer_that_chance_left_alone_was_a_turn_as_well(build: Build) -> None:
    def weights(policy: str) -> dict[tuple[int, int], float]:
        """Twenty answers with a draw, and twenty without one under this policy."""
        telling = Telling()
        for visit in range(20):
            shown, liked = [1, 2, 3 if visit < 4 else 10 + visit], [2, 3] if visit < 2 else []
            telling.answer(f"person-{visit}", 0, shown, liked, explore={3: 0.05})
            telling.answer(f"other-{visit}", 0, [1, 2, 4], policy=policy)
        return build(telling.rows, "--held-out", "0").pairs()

    exploring, leaving_nothing_to_chance = weights("ranked"), weights("another")

    stands_for = [pairs[0, 3] / pairs[0, 2] for pairs in (exploring, leaving_nothing_to_chance)]
    assert stands_for[0] < 0.95 * stands_for[1]


# What was passed over


@pytest.fixture
def passed_over() -> Telling:
    """Ten people are shown 1 to 5 for 0, click 4, and pass over what is above it."""
    telling = Telling()
    for visit in range(10):
        telling.answer(f"person-{visit}", 0, [1, 2, 3, 4, 5], [4])
    return telling


def over(made: Made) -> set[int]:
    return set(made.passed_over(0, 4))


def test_what_was_seen_above_a_click_was_passed_over(passed_over: Telling, build: Build) -> None:
    assert over(build(passed_over.rows, "--held-out", "0")) == {1, 2, 3}


def test_what_was_not_in_view_was_not_passed_over(build: Build) -> None:
    telling = Telling()
    for visit in range(10):
        telling.answer(f"person-{visit}", 0, [1, 2, 3, 4, 5], [4])
    unseen = [r for r in telling.rows if r["position"] != 2]

    assert over(build(unseen, "--held-out", "0")) == {1, 3}


@pytest.mark.parametrize(("anchor", "clicked"), [(0, 2), (2, 0)])
def test_what_anybody_clicked_in_either_direction_was_not_passed_over(
    passed_over: Telling, build: Build, anchor: int, clicked: int
) -> None:
    passed_over.answer("somebody else", anchor, [clicked], [clicked])

    assert over(build(passed_over.rows, "--held-out", "0")) == {1, 3}


def test_what_one_session_alone_passed_over_is_not_pushed_away(build: Build) -> None:
    telling = Telling()
    for visit in range(10):
        telling.answer(f"person-{visit}", 0, [1, 2, 4], [4])
    for _ in range(10):
        telling.answer("person-0", 0, [3, 4], [4])

    assert over(build(telling.rows, "--held-out", "0")) == {1, 2}


def test_what_hardly_anybody_looked_at_was_not_passed_over(build: Build) -> None:
    telling = Telling()
    for visit in range(10):
        telling.answer(f"person-{visit}", 0, [1, 3, 4] if visit < 2 else [1, 2, 4], [4])

    assert over(build(telling.rows, "--held-out", "0")) == {1, 2}


def test_a_paid_place_says_nothing(passed_over: Telling, build: Build) -> None:
    for visit in range(10):
        passed_over.answer(f"person-{visit}", 0, [7, 8, 4], [4, 8], sponsored=[1, 2])

    made = build(passed_over.rows, "--held-out", "0")

    assert set(made.pairs()) == {(0, 4)}
    assert over(made) == {1, 2, 3}
    assert made.told["clicks"]["lost"]["sponsored"] == 10


# Learnt and held out


def everything(lines: list[dict[str, Any]]) -> set[frozenset[int]]:
    """Every pair that is named, in whatever role."""
    return {
        frozenset([n(line["anchor"]), n(other)])
        for line in lines
        for other in [line["clicked"], *line["passed_over"]]
    }


def test_no_pair_of_pictures_is_on_both_sides(build: Build) -> None:
    made = build(Shop(6).visited(3_000), "--held-out", "0.3")

    assert len(made.learnt) > 100
    assert len(made.held_out) > 30
    assert sum(len(line["passed_over"]) for line in made.learnt + made.held_out) > 20
    assert not everything(made.learnt) & everything(made.held_out)


def test_the_held_out_clicks_are_the_later_ones(build: Build) -> None:
    telling = Telling()
    for day in range(10):
        for person in range(2):
            at = START + timedelta(days=day)
            telling.answer(f"{day}-{person}", day, [20 + day], [20 + day], at=at)

    made = build(telling.rows, "--held-out", "0.3")

    assert {anchor for anchor, _ in made.pairs()} == set(range(7))
    assert {n(line["anchor"]) for line in made.held_out} == {7, 8, 9}
    assert made.told["held_out_from"] == "2026-11-08 00:00:00"


def test_an_answer_in_use_when_the_held_out_time_began_is_on_neither_side(build: Build) -> None:
    telling = Telling()
    for day in range(10):
        for person in range(2):
            at = START + timedelta(days=day)
            telling.answer(f"{day}-{person}", day, [20 + day], [20 + day], at=at)
    telling.answer("late", 6, [26], [26], at=START + timedelta(days=7) - timedelta(seconds=3))

    made = build(telling.rows, "--held-out", "0.3")

    assert made.told["clicks"]["lost"] == {"in_use_at_the_cut": 1}


def test_weights_are_positive_and_one_on_average(build: Build) -> None:
    made = build(Shop(7).visited(1_500))

    for side in (made.learnt, made.held_out):
        weights = [line["weight"] for line in side]
        assert min(weights) > 0
        assert np.mean(weights) == pytest.approx(1, abs=1e-5)
