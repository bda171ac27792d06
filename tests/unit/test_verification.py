"""A collection serves only if its vectors are the model's own and its search finds them."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike import wiring
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.catalogue import image_id_of
from lookalike.errors import InvalidRequest
from lookalike.index import Candidate, Vector
from lookalike.models import SHIPPED
from lookalike.verification import Verification
from tests.conftest import World, jpeg

NEXT = "next-1"
COLOURS = ("red", "blue", "green", "teal", "black", "olive")


@pytest.fixture
def filled(world: World, tmp_path: Path) -> World:
    """Six pictures, in the live collection and in that of a next model, the same encoder."""
    folder = tmp_path / "next"
    folder.mkdir()
    shutil.copy(SHIPPED / ONNX_NAME, folder / ONNX_NAME)
    (folder / CARD_NAME).write_text(replace(ModelCard.read(SHIPPED), model=NEXT).to_json())
    wiring.models().add(folder)
    world.drop(**{colour: jpeg(colour) for colour in COLOURS})
    wiring.reindex().nominate(NEXT)
    wiring.reindex().fill()
    return world


def verified() -> Verification:
    return wiring.reindex().verify(NEXT)


def put(key: str, vector: Vector) -> None:
    image = wiring.index().get(NEXT, image_id_of(key))
    assert image is not None
    wiring.index().put(NEXT, image, vector)


def test_a_filled_collection_is_ready(filled: World) -> None:
    found = verified()

    assert found.ready
    assert (found.behind, found.indexed, found.live_indexed, found.problems) == (0, 6, 6, ())


def test_an_empty_catalogue_has_nothing_to_prove(world: World) -> None:
    assert wiring.reindex().verify(world.model).ready


def test_a_collection_that_is_behind_is_not_ready(filled: World) -> None:
    wiring.index().delete(NEXT, image_id_of("red.jpg"))

    found = verified()

    assert (found.behind, found.ready, found.problems) == (1, False, ())


def test_vectors_of_another_encoder_are_found_out(filled: World) -> None:
    """Of the right dimension and length, as when two models' vectors were mixed."""
    dimension = wiring.models().encoder(NEXT).card.dimension
    stranger = np.random.default_rng(1).normal(size=dimension).astype(np.float32)
    put("red.jpg", stranger / np.linalg.norm(stranger))

    found = verified()

    assert found.problems == ("1 of 6 pictures do not find themselves, 'red.jpg' for one.",)
    assert not found.ready


def test_a_model_that_is_not_fit_to_serve_is_not_switched_to(filled: World) -> None:
    """All vectors in each other's place: whatever finds them, they show other pictures."""
    vectors = [wiring.index().vector(NEXT, image_id_of(f"{colour}.jpg")) for colour in COLOURS]
    for colour, vector in zip(COLOURS, vectors[1:] + vectors[:1], strict=True):
        assert vector is not None
        put(f"{colour}.jpg", vector)

    with pytest.raises(InvalidRequest, match="next-1 is not fit to serve: 6 of 6 pictures"):
        wiring.reindex().run()

    assert wiring.serving().read()[0].live == filled.model


@pytest.mark.parametrize("wrong", ["zero", "NaN", "short"])
def test_vectors_of_no_use_are_counted(
    filled: World, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    dimension = wiring.models().encoder(NEXT).card.dimension
    vectors = {"zero": np.zeros(dimension), "NaN": np.full(dimension, np.nan), "short": np.ones(1)}
    monkeypatch.setattr(wiring.index(), "vector", lambda model, image_id: vectors[wrong])

    (said,) = verified().problems

    assert said == f"6 of 6 vectors are no unit vectors of {dimension} numbers."


def hiding(keys: set[str]) -> Callable[..., list[Candidate]]:
    """The engine with a graph in which these pictures cannot be reached."""
    real = wiring.index().nearest

    def nearest(*arguments: Any, exact: bool = False) -> list[Candidate]:
        found = real(*arguments, exact=exact)
        return found if exact else [one for one in found if one.image.key not in keys]

    return nearest


def test_a_search_that_misses_too_many_neighbours_is_not_ready(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring.index(), "nearest", hiding({"red.jpg"}))

    lost, recall = verified().problems

    assert "'red.jpg'" in lost
    assert recall == "Its search finds 0.833 of the true 10 nearest, of 6 pictures; 0.95 is needed."


def test_a_picture_that_changed_since_is_no_canary(filled: World) -> None:
    filled.write("red.jpg", jpeg("white", dot="black"))
    (filled.pictures / "blue.jpg").unlink()

    assert verified().problems == ()


def test_a_picture_with_more_copies_than_neighbours_finds_one_of_them(filled: World) -> None:
    filled.drop(**{f"copy{number}": jpeg("red") for number in range(20)})

    assert verified().ready
