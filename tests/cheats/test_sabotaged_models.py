"""A spoilt model does not pass the gate, and an honest one does."""

import pytest

from tests.cheats.exact import interval
from tests.cheats.sabotage import SABOTAGES
from tests.training.gate import challengers as made
from tests.training.gate.conftest import Judge, Shop, _few, judge, shop
from tests.training.gate.test_challengers import refused

__all__ = ["_few", "judge", "shop"]  # fixtures: few drawn pictures, the gate, a small shop

# Those that tests/training/gate has none like.
SHORT = (
    "one weight NaN",
    "normalised twice",
    "one bit a weight",
    "another vector each time",
    "weights in another file",
    "all are duplicates",
)
HONEST = 4


@pytest.mark.parametrize("name", SHORT)
def test_a_spoilt_model_is_refused_for_its_own_reason(name: str, shop: Shop, judge: Judge) -> None:
    model = name.replace(" ", "-").lower()
    SABOTAGES[name].write(shop.models, model)

    said = judge(model)

    assert said["accepted"] is False
    assert SABOTAGES[name].why & refused(said)


@pytest.mark.parametrize("seed", range(1, HONEST + 1))
def test_a_model_that_training_hardly_moved_is_not_refused(
    seed: int, shop: Shop, judge: Judge
) -> None:
    made.model(shop.models, f"moved-{seed}", made.perturbed(0.001, seed))

    said = judge(f"moved-{seed}")

    assert said["accepted"] is True, said["reason"]


def test_an_interval_of_none_in_sixty_reaches_up_to_six_in_a_hundred() -> None:
    """As tables of the exact binomial interval have it."""
    assert interval(0, 60) == pytest.approx((0, 0.0596), abs=1e-4)
    assert interval(3, 60) == pytest.approx((0.0104, 0.1392), abs=1e-4)
    assert interval(60, 60) == pytest.approx((0.9404, 1), abs=1e-4)
