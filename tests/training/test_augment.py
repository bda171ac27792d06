"""Views are still pictures, and as random as their generator alone."""

import torch

from training import augment

RED_AND_GREY = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.5]]).view(2, 3, 1, 1)


def pixels() -> torch.Tensor:
    return torch.randint(0, 256, (6, 20, 20, 3), generator=dice(9)).byte()


def dice(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_view_is_a_picture_of_the_side_asked_for() -> None:
    seen = augment.views(pixels(), 32, augment.FOR_DISTILLATION, dice(1))

    assert seen.shape == (6, 3, 32, 32)
    assert seen.min() >= 0
    assert seen.max() <= 1


def test_the_same_dice_throw_the_same_views_and_others_do_not() -> None:
    once = augment.views(pixels(), 16, augment.FOR_PAIRS, dice(1))
    again = augment.views(pixels(), 16, augment.FOR_PAIRS, dice(1))
    other = augment.views(pixels(), 16, augment.FOR_PAIRS, dice(2))

    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_a_turned_hue_leaves_grey_grey() -> None:
    turn = torch.tensor([1.0, 1.0])
    mixed = torch.einsum(
        "nij,njhw->nihw", augment.colour_matrices(torch.ones(2), turn), RED_AND_GREY
    )

    assert torch.allclose(mixed[1], RED_AND_GREY[1], atol=1e-5)
    assert not torch.allclose(mixed[0], RED_AND_GREY[0], atol=0.1)


def test_no_turn_and_full_saturation_change_nothing() -> None:
    matrices = augment.colour_matrices(torch.ones(1), torch.zeros(1))

    assert torch.allclose(matrices[0], torch.eye(3), atol=1e-6)


def test_a_mixture_lies_between_its_two_pictures() -> None:
    black_and_white = torch.stack([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)] * 8)

    mixed = augment.mixtures(black_and_white, dice(3))

    assert mixed.shape == black_and_white.shape
    assert 0 < mixed.mean() < 1
    assert ((mixed > 0) & (mixed < 1)).any()  # blends
