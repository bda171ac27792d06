"""Every turn and every colour mode is the same picture to the shipped encoder."""

import pytest

from tests.hostile.colours import ALIKE, MODES, TURNED, Mode, cosine, drawings, worst
from tests.hostile.valid import file


@pytest.mark.parametrize("mode", TURNED, ids=lambda mode: mode.name)
def test_every_orientation_is_the_upright_picture(mode: Mode) -> None:
    assert worst(mode, [next(drawings())]) >= ALIKE


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_every_colour_mode_is_the_srgb_original(mode: Mode) -> None:
    assert worst(mode, [next(drawings())]) >= ALIKE


def test_a_picture_on_its_side_is_another_one_to_the_encoder() -> None:
    """Or the table would hold for any decoder."""
    upright = next(drawings())

    assert cosine(file(upright.rotate(90, expand=True), "PNG"), upright) < ALIKE
