"""Honest challengers are accepted; sabotaged ones are refused, each for its own reason."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard, Preprocessing
from lookalike.encoder import Encoder
from lookalike.models import SHIPPED
from tests.training.gate import challengers as made
from tests.training.gate.conftest import LIVE, Answer, Judge, Shop
from training.gate import soundness


def refused(said: Answer) -> set[str]:
    return {name for name, outcome in said["outcomes"].items() if outcome == "refused"}


def test_a_challenger_that_training_hardly_moved_is_accepted(shop: Shop, judge: Judge) -> None:
    made.model(shop.models, "tiny", made.perturbed(0.001))

    said = judge("tiny")

    assert said["accepted"] is True, said["reason"]
    assert set(said["outcomes"].values()) == {"passed"}
    assert said["model"] == "tiny"
    assert said["live"] == LIVE
    assert said["figures"]["evidence"]["pairs"] == len(shop.pairs)


def test_a_better_challenger_is_accepted_and_the_reason_says_by_how_much(
    shop: Shop, judge: Judge
) -> None:
    made.model(shop.models, "degraded", made.fewer(3))

    said = judge(LIVE, "degraded")

    assert said["accepted"] is True, said["reason"]
    assert said["figures"]["clicks"]["low"] > 0
    assert "mean hit rate @1 to @10 on held-out clicks goes from" in said["reason"]


def test_the_same_two_the_other_way_about_are_refused(shop: Shop, judge: Judge) -> None:
    made.model(shop.models, "worse", made.fewer(3))

    said = judge("worse")

    assert "clicks" in refused(said)
    assert "it may lose as much as" in said["reason"]


def test_another_basis_is_as_good_as_the_old_one(shop: Shop, judge: Judge) -> None:
    made.model(shop.models, "rotated", made.projection(made.rotated))

    said = judge("rotated")

    assert said["accepted"] is True, said["reason"]
    assert abs(said["figures"]["clicks"]["difference"]) < 0.005


def test_live_under_another_name_is_nothing_to_switch_to(shop: Shop, judge: Judge) -> None:
    shutil.copytree(SHIPPED, shop.models / "renamed")
    card = replace(ModelCard.read(SHIPPED), model="renamed")
    (shop.models / "renamed" / CARD_NAME).write_text(card.to_json())

    said = judge("renamed")

    assert refused(said) == {"another file"}
    assert "nothing to switch" in said["reason"]


SABOTAGE: dict[str, tuple[list[made.Edit], set[str]]] = {
    "shuffled": ([made.shuffled()], {"spread", "clicks", "gold"}),
    "noisy": ([made.perturbed(0.5)], {"clicks", "gold"}),
    "nan": ([made.ending(made.not_a_number)], {"vectors", "same again"}),
    "constant": ([made.ending(made.constant)], {"spread", "clicks", "gold"}),
    "tripled": ([made.ending(made.tripled)], {"vectors"}),
    "large": ([made.padded], {"size"}),
    "slow": ([made.ending(made.slowed)], {"latency", "size"}),
}


@pytest.mark.parametrize("name", SABOTAGE)
def test_a_sabotaged_challenger_is_refused_for_its_own_reason(
    name: str, shop: Shop, judge: Judge
) -> None:
    edits, why = SABOTAGE[name]
    made.model(shop.models, name, *edits)

    said = judge(name)

    assert said["accepted"] is False
    assert why <= refused(said)
    assert all(f"{check}: " in said["reason"] for check in why)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_luck_lets_no_sabotage_pass(seed: int, shop: Shop, judge: Judge) -> None:
    """Neither the crude one nor the one whose numbers look like any network's."""
    for kind, edit in (("shuffled", made.shuffled(seed)), ("noisy", made.perturbed(0.5, seed))):
        made.model(shop.models, f"{kind}-{seed}", edit)

        assert {"clicks", "gold"} <= refused(judge(f"{kind}-{seed}"))


@pytest.mark.parametrize(
    ("name", "fed", "said"),
    [
        ("another-size", {"size": 128}, "but the file takes tensor(uint8) of any × 160 × 160 × 3"),
        ("another-layout", {"layout": "nchw-float32"}, "but the file takes tensor(uint8)"),
        ("another-fit", {"fit": "crop"}, "of live's architecture, but its card feeds it"),
    ],
)
def test_a_card_that_feeds_the_file_wrongly_is_refused(
    name: str, fed: dict[str, Any], said: str, shop: Shop, judge: Judge
) -> None:
    preprocessing = replace(Preprocessing(size=160), **fed)
    made.model(shop.models, name, made.perturbed(0.001), preprocessing=preprocessing)

    found = judge(name)

    assert found["accepted"] is False
    assert said in found["reason"]


def test_a_truncated_file_is_refused_and_nothing_else_is_claimed(shop: Shop, judge: Judge) -> None:
    folder = made.model(shop.models, "truncated", made.perturbed(0.001))
    data = (folder / ONNX_NAME).read_bytes()
    (folder / ONNX_NAME).write_bytes(data[: len(data) // 2])

    said = judge("truncated")

    assert refused(said) == {"file"}
    assert said["outcomes"]["clicks"] == "not measured"
    assert "sha256 differs" in said["reason"]


def test_a_truncated_file_whose_card_was_made_to_match_does_not_load(
    shop: Shop, judge: Judge
) -> None:
    folder = made.model(shop.models, "cut", made.perturbed(0.001))
    data = (folder / ONNX_NAME).read_bytes()[:-1000]
    (folder / ONNX_NAME).write_bytes(data)
    card = replace(ModelCard.read(folder), sha256=soundness.inspect(folder, "cut").sha256)
    (folder / CARD_NAME).write_text(card.to_json())

    said = judge("cut")

    assert "file" in refused(said)
    assert "ONNX Runtime cannot load it" in said["reason"]


def test_a_card_that_is_of_another_model_is_refused(shop: Shop, judge: Judge) -> None:
    made.model(shop.models, "impostor", made.perturbed(0.001))
    card = replace(ModelCard.read(shop.models / "impostor"), model=LIVE)
    (shop.models / "impostor" / CARD_NAME).write_text(card.to_json())

    said = judge("impostor")

    assert refused(said) == {"file"}
    assert f"its card says that it is {LIVE}" in said["reason"]


def test_an_unreadable_card_is_a_refusal_not_a_crash(shop: Shop, judge: Judge) -> None:
    folder = made.model(shop.models, "cardless", made.perturbed(0.001))
    (folder / CARD_NAME).write_text("{}")

    said = judge("cardless")

    assert refused(said) == {"file"}
    assert "card cannot be read" in said["reason"]


def test_a_challenger_trained_on_poisoned_clicks_is_refused_by_the_gold_set(
    tmp_path: Path, judge: Judge, shop: Shop
) -> None:
    """Bots click whatever stands in the folder of the picture, and a challenger that has learned
    only that pleases them and tells nothing else apart."""
    made.model(shop.models, "poisoned", made.projection(folder_axis(shop)))
    keys = sorted(
        path.relative_to(shop.pictures).as_posix() for path in shop.pictures.rglob("*.png")
    )
    bright = [key for key in keys if key.startswith("a/")]
    pairs = [
        {"anchor": a, "clicked": c, "weight": 1.0, "passed_over": [k for k in keys if k[0] == "b"]}
        for a in bright
        for c in bright
        if a != c
    ]
    shop.held_out(pairs)

    said = judge("poisoned")

    assert said["outcomes"]["clicks"] == "passed", said["reason"]
    assert "gold" in refused(said)


def folder_axis(shop: Shop) -> Callable[[np.ndarray], np.ndarray]:
    """A projection onto the one direction that tells the folders apart, with little of the rest."""
    encoder = Encoder(SHIPPED)
    sides = [
        encoder.encode([Image.open(path) for path in sorted((shop.pictures / name).glob("*.png"))])
        for name in "ab"
    ]
    within = sum(np.cov(side.T) for side in sides)
    axis = np.linalg.solve(
        within + 0.01 * np.eye(256), sides[0].mean(axis=0) - sides[1].mean(axis=0)
    )
    axis /= np.linalg.norm(axis)
    return lambda both: 0.02 * both + np.outer(axis, axis @ both)
