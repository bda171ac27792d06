"""Fake clicks do not raise their target, and honest ones go on teaching."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.cheats.attacks import SHAPES, attacked
from tests.cheats.lift import School, Trial, strangers_let_in
from tests.cheats.world import Shoppers, drawn
from tests.torch_threads import one_thread
from tests.training.clicks.conftest import n
from tests.training.clicks.shop import Telling

PICTURES, ANSWERS, SEED = 90, 2_000, 1


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> School:
    folder = tmp_path_factory.mktemp("school")
    return School(drawn(folder / "pictures", PICTURES), folder, steps=60)


@pytest.fixture(scope="module")
def honest(school: School) -> Shoppers:
    people = Shoppers(school.world, Telling(SEED), SEED)
    people.come(ANSWERS)
    return people


def foreign(school: School, honest: Shoppers, shape: str, share: float, folder: Path) -> int:
    """Pairs to learn from that join the target to a picture of another kind."""
    target = int(np.random.default_rng((SEED, 3)).integers(PICTURES))
    told = school.dataset(
        attacked(school.world, honest, shape, share, [target], SEED).rows, folder / "run"
    )
    assert told["clicks"]["all"] > honest.clicks
    lines = (folder / "run/dataset/clicks.jsonl").read_text().splitlines()
    ends = [(n(one["anchor"]), n(one["clicked"])) for one in map(json.loads, lines)]
    kinds = school.world.kinds
    return sum(kinds[a] != kinds[b] for a, b in ends if target in (a, b))


@pytest.mark.parametrize("shape", [one for one in SHAPES if one != "one-family"])
def test_hardly_a_fake_pair_is_learnt_from(
    shape: str, school: School, honest: Shoppers, tmp_path: Path
) -> None:
    assert foreign(school, honest, shape, 0.05, tmp_path) <= 1


def test_unguarded_many_of_them_would_be(school: School, honest: Shoppers, tmp_path: Path) -> None:
    with strangers_let_in():
        assert foreign(school, honest, "far-and-wide", 0.05, tmp_path) >= 20


def test_most_of_a_targets_lift_is_taken_away(school: School) -> None:
    """How much is left over several shops, the long form says; one target moves by chance too."""
    shop = Trial.begin(school, SEED, ANSWERS)

    guarded = shop.attacked("far-and-wide", 0.05)
    with strangers_let_in():
        bare = shop.attacked("far-and-wide", 0.05)

    assert guarded.rates[1] > 5 * guarded.rates[0]  # reports count fake clicks as they come
    assert sum(bare.after) >= 2 * sum(bare.before)
    assert sum(guarded.after) - sum(guarded.before) <= (sum(bare.after) - sum(bare.before)) / 3
