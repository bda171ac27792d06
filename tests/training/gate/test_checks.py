"""Each check alone: what passes, what is refused, and in which words."""

from dataclasses import replace

import numpy as np
import pytest

from lookalike.cards import ModelCard
from lookalike.models import SHIPPED
from training.gate import checks, file_checks
from training.gate.measurements import Clicks, Cost, Hidden, Measurements, Slice, Spread
from training.gate.paired import Difference
from training.gate.soundness import UINT8, Inspection

CARD = ModelCard.read(SHIPPED)
UNIT = np.eye(4, 256, dtype=np.float32)
LIVE = Inspection("", "a" * 64, 1000, CARD, (UINT8, (None, 160, 160, 3)), UNIT, UNIT, UNIT)
OURS = replace(LIVE, sha256="b" * 64)
SAME = Difference(500, 200, 0.5, 0.5, -0.01, 0.01, -0.008, 0.5)


def broken(number: float) -> np.ndarray:
    """Vectors of which the last is made of this number."""
    return np.where(np.arange(4)[:, None] < 3, UNIT, np.float32(number))


def found(**changes: object) -> Measurements:
    """Measurements of a challenger like live, changed as given."""
    like_live = Measurements(
        OURS,
        LIVE,
        Cost(4.0, 4.0),
        (Spread(90.0, 0.2), Spread(100.0, 0.2)),
        Clicks(500, 400.0, 200, 0),
        SAME,
        SAME,
        "map@10",
        (Slice("clicks", "light: dark", SAME),),
        Hidden(0.02, 0.02),
    )
    return replace(like_live, **changes)  # type: ignore[arg-type]


def outcomes(measured: Measurements) -> dict[str, str]:
    return {check.name: check.outcome for check in checks.every(measured)}


def test_a_challenger_like_live_passes_every_check() -> None:
    told = checks.every(found())

    assert checks.accepted(told)
    assert checks.reason(told).endswith("all 13 checks passed.")


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("file", {"challenger": replace(OURS, trouble="it is cut short")}),
        ("another file", {"challenger": LIVE}),
        ("preprocessing", {"challenger": replace(OURS, takes=(UINT8, (None, 3, 160, 160)))}),
        ("vectors", {"challenger": replace(OURS, raw=broken(np.nan))}),
        ("vectors", {"challenger": replace(OURS, raw=broken(0))}),
        ("vectors", {"challenger": replace(OURS, raw=UNIT * 1.01)}),
        ("vectors", {"failed": 1}),
        ("same again", {"challenger": replace(OURS, again=UNIT[::-1])}),
        ("same again", {"challenger": replace(OURS, served=UNIT[::-1])}),
        ("spread", {"spread": (Spread(20.0, 0.2), Spread(100.0, 0.2))}),
        ("spread", {"spread": (Spread(90.0, 0.95), Spread(100.0, 0.2))}),
        ("evidence", {"clicks": Clicks(99, 90.0, 50, 0)}),
        ("evidence", {"clicks": Clicks(500, 49.0, 50, 0)}),
        ("evidence", {"clicks": Clicks(500, 400.0, 19, 0)}),
        ("clicks", {"on_clicks": replace(SAME, least=-0.031)}),
        ("clicks", {"on_clicks": replace(SAME, least=-0.01, p_worse=0.005)}),
        ("gold", {"on_gold": replace(SAME, least=-0.051)}),
        ("gold", {"on_gold": replace(SAME, questions=49)}),
        ("slices", {"slices": (Slice("e", "s", replace(SAME, live=0.6, p_worse=0.001)),)}),
        ("latency", {"cost": Cost(5.1, 4.0)}),
        ("size", {"challenger": replace(OURS, bytes=1501)}),
        ("thresholds", {"hidden": Hidden(0.08, 0.02)}),
    ],
)
def test_what_is_refused(check: str, changes: dict[str, object]) -> None:
    told = outcomes(found(**changes))

    assert told[check] == "refused"
    assert [name for name, outcome in told.items() if outcome != "passed"] == [check]


def test_one_refusal_hides_no_other() -> None:
    told = checks.every(found(cost=Cost(9.0, 4.0), hidden=Hidden(0.5, 0.0)))

    assert checks.reason(told) == (
        "latency: 9.0 ms a picture, live 4.0; at most 1.25 times as long; "
        "thresholds: they would hide 50.0% of clicks whose picture is among the first ten, "
        "live's 0.0%."
    )


def test_what_was_not_measured_has_not_passed() -> None:
    told = checks.every(found(cost=None))

    assert not checks.accepted(told)


def test_a_chance_slice_among_twenty_is_no_refusal() -> None:
    unlucky = Slice("e", "unlucky", replace(SAME, live=0.6, p_worse=0.02))
    others = tuple(Slice("e", str(i), SAME) for i in range(19))

    assert outcomes(found(slices=(unlucky, *others)))["slices"] == "passed"
    assert outcomes(found(slices=(unlucky,)))["slices"] == "refused"


def test_a_sure_loss_that_nobody_could_see_is_no_refusal() -> None:
    tiny = Slice("e", "tiny", replace(SAME, live=0.505, p_worse=0.0001))

    assert outcomes(found(slices=(tiny,)))["slices"] == "passed"


def test_many_bad_slices_are_counted_and_the_worst_named() -> None:
    some = tuple(
        Slice("e", f"s{i}", replace(SAME, live=0.6 + i / 100, p_worse=0.0001)) for i in range(9)
    )

    said = checks.slices(found(slices=some)).said

    assert said.startswith("worse on 9 of 9 slices: e, s8 (−18.0, n = 500); e, s7")
    assert said.endswith("; and 6 more")


def test_another_architecture_may_be_fed_otherwise() -> None:
    prepared = replace(CARD.preprocessing, fit="crop")
    same = replace(OURS, card=replace(CARD, preprocessing=prepared))
    other = replace(OURS, card=replace(CARD, preprocessing=prepared, architecture="another"))

    assert file_checks.preprocessing(found(challenger=same)).outcome == "refused"
    assert file_checks.preprocessing(found(challenger=other)).outcome == "passed"


def test_a_foreign_file_need_not_answer_unit_vectors() -> None:
    """The encoder that serves divides by the length in any case."""
    fed = replace(CARD.preprocessing, layout="nchw-float32")
    foreign = replace(OURS, raw=UNIT * 7, card=replace(CARD, preprocessing=fed))

    assert file_checks.vectors(found(challenger=foreign)).outcome == "passed"
