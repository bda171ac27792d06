"""Click rates and their intervals: a session is one piece of evidence."""

import numpy as np
import pytest

from local.shoppers.takings import Session, Share, Takings, around, click_rate, difference, mean


def test_the_interval_is_that_of_sessions_drawn_anew() -> None:
    chance = np.random.default_rng(1)
    some = []
    for keen in chance.beta(2, 8, 400):
        seen = int(chance.integers(6, 60))
        some.append(Session(1, seen, int(chance.binomial(seen, keen))))
    seen, clicked = (np.array([getattr(s, name) for s in some]) for name in ("seen", "clicked"))
    times = chance.multinomial(len(some), np.full(len(some), 1 / len(some)), 4_000)
    low, high = np.percentile(times @ clicked / (times @ seen), [2.5, 97.5])

    rate = click_rate(some)

    assert rate.value == pytest.approx(clicked.sum() / seen.sum())
    assert (rate.low, rate.high) == (pytest.approx(low, abs=0.003), pytest.approx(high, abs=0.003))


def test_one_person_who_looks_ten_times_is_no_ten_people() -> None:
    apart = [Session(1, 10, clicks) for clicks in (0, 5) for _ in range(10)]
    together = [Session(10, 100, clicks) for clicks in (0, 50)]

    assert click_rate(apart).value == click_rate(together).value
    assert click_rate(together).variance > 5 * click_rate(apart).variance


def test_one_session_says_nothing_of_others() -> None:
    with pytest.raises(ValueError, match="One session"):
        click_rate([Session(1, 10, 3), Session(1, 0, 0)])


def test_uncertainties_add_up_and_seeds_count_alike() -> None:
    before, after = around(0.10, 0.0003**2), around(0.14, 0.0004**2)

    gained = difference(before, after)

    assert gained.value == pytest.approx(0.04)
    assert gained.variance == pytest.approx(0.0005**2)
    assert mean([before, after]).value == pytest.approx(0.12)
    assert mean([gained, gained]).variance == pytest.approx(0.0005**2 / 2)


def test_what_a_session_did_is_counted_by_the_model_that_answered() -> None:
    takings = Takings()
    takings.count("default-1", "a", 12, 3)
    takings.count("default-1", "a", 6, 0)
    takings.count("better", "b", 12, 6)

    assert takings.models() == ["default-1", "better"]
    assert takings.all_of("default-1") == [Session(2, 18, 3)]
    assert takings.answers() == 3


def test_shares_read_as_percentages_and_points() -> None:
    assert Share(0.118, 0.113, 0.122).percent == "11.8 % (11.3–12.2)"
    assert Share(0.021, 0.01, 0.032).points == "+2.1 points (+1.0 to +3.2)"
