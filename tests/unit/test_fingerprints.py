"""The perceptual hash and the mean colour: copies lie close, strangers far, plain cloth nowhere."""

from io import BytesIO

import imagehash
import numpy as np
import pytest
from PIL import Image

from local.fabrics import plan
from lookalike.images import colour_distance, hash_distance, mean_colour, perceptual_hash


def noise(seed: int, side: int = 24, size: tuple[int, int] = (300, 200)) -> Image.Image:
    cells = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("side", [3, 8, 24, 90])
def test_the_hash_is_the_one_everybody_computes(side: int) -> None:
    for seed in range(25):
        picture = noise(seed, side)
        assert perceptual_hash(picture) == str(imagehash.phash(picture))


def test_on_drawn_cloth_too() -> None:
    for fabric in plan(18, seed=3):
        picture = fabric.draw(seed=3)
        assert perceptual_hash(picture) in (str(imagehash.phash(picture)), "")


@pytest.mark.parametrize("colour", ["black", "white", "#7f8090"])
def test_a_plain_picture_has_no_hash(colour: str) -> None:
    assert perceptual_hash(Image.new("RGB", (200, 100), colour)) == ""


def test_a_plain_picture_with_camera_noise_has_none_either() -> None:
    grain = np.random.default_rng(1).normal(128, 6, (480, 640, 3)).clip(0, 255).astype(np.uint8)

    assert perceptual_hash(Image.fromarray(grain)) == ""


def test_a_soft_shape_on_a_plain_ground_has_a_hash() -> None:
    picture = Image.new("RGB", (300, 300), "#808080")
    picture.paste("#8c8c8c", (60, 90, 180, 240))

    assert len(perceptual_hash(picture)) == 16


def test_a_copy_is_close_and_a_stranger_is_far() -> None:
    picture, file = noise(1), BytesIO()
    picture.resize((200, 133)).save(file, "JPEG", quality=40)

    copy = hash_distance(perceptual_hash(picture), perceptual_hash(Image.open(file)))
    stranger = hash_distance(perceptual_hash(picture), perceptual_hash(noise(2)))

    assert copy is not None
    assert copy <= 4
    assert stranger is not None
    assert stranger >= 16


def test_distance_counts_bits_and_is_unknown_for_flat_pictures() -> None:
    assert hash_distance("0" * 16, "0" * 15 + "f") == 4
    assert hash_distance("f" * 16, "0" * 16) == 64
    assert hash_distance("", "0" * 16) is None
    assert hash_distance("", "") is None


@pytest.mark.parametrize("size", [(1, 1), (20_000, 1), (1, 5000)])
def test_extreme_shapes_have_fingerprints(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "#7f8090")

    assert perceptual_hash(picture) == ""
    assert mean_colour(picture) == "7f8090"


def test_the_mean_colour_is_the_mean() -> None:
    picture = Image.new("RGB", (100, 50), "black")
    picture.paste("#fe8000", (0, 0, 50, 50))

    assert mean_colour(picture) == "7f4000"


def test_colours_lie_as_far_apart_as_their_levels() -> None:
    assert colour_distance("000000", "ffffff") == pytest.approx(441.67, abs=0.01)
    assert colour_distance("102030", "102034") == 4
