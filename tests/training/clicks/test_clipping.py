"""No click outweighs ten others, however little its place is looked at."""

import math
from collections import Counter

from tests.training.clicks.conftest import Build
from tests.training.clicks.shop import Shop
from training.clicks.pairs import CLIP

STEEP = Shop(11, steepness=2.5)  # at the last place hardly one in five hundred looks


def test_a_click_where_hardly_anybody_looks_is_worth_ten_at_most(build: Build) -> None:
    """Between 1 and CLIP, weights are worth at least 4 CLIP / (1 + CLIP)² as many equal ones."""
    made = build(STEEP.visited(3_000))

    assert made.told["examination"]["curve"][-1] < 1 / (3 * CLIP)
    for name, used in made.told["clicks"]["used"].items():
        worth = made.told["effective"][name]["clicks"]
        assert 4 * CLIP / (1 + CLIP) ** 2 * used <= worth < used


def test_what_a_file_is_worth_follows_from_its_weights(build: Build) -> None:
    made = build(STEEP.visited(1_000))
    weights = [line["weight"] for line in made.learnt]

    kish = math.fsum(weights) ** 2 / math.fsum(weight**2 for weight in weights)

    told = made.told["effective"]["clicks.jsonl"]["pairs"]
    assert math.isclose(told, kish, rel_tol=1e-3)
    assert Counter(weight > 0 for weight in weights) == {True: len(weights)}
