"""What a teacher says, and along which axes."""

import pytest
import torch

from training.teacher import Axes, Teacher, UnusableTeacher


def test_the_strongest_axis_comes_first_and_the_centre_is_taken_away() -> None:
    draw = torch.Generator().manual_seed(0)
    spread = torch.tensor([0.1, 5.0, 1.0])
    features = 7 + spread * torch.randn(500, 3, generator=draw)
    axes = Axes(3, 2, whitening=0.0)

    axes.fit(features)

    turned = axes(features)
    assert turned.mean(dim=0).abs().max() < 1e-3
    assert turned.std(dim=0).tolist() == pytest.approx([5, 1], rel=0.1)


def test_whitening_evens_out_what_axes_spread() -> None:
    features = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [1.0, 10.0, 100.0]
    )
    axes = Axes(3, 3 - 1, whitening=1.0)

    axes.fit(features)

    strong, weak = axes(features).std(dim=0).tolist()
    assert strong == pytest.approx(weak, rel=1e-3)


def test_features_that_never_change_have_axes_without_nan() -> None:
    axes = Axes(4, 2, whitening=0.25)

    axes.fit(torch.ones(20, 4))

    assert Teacher(torch.nn.Identity(), axes)(torch.ones(3, 4)).directions.isfinite().all()


def test_fewer_features_than_numbers_are_refused_with_what_to_ask_for() -> None:
    with pytest.raises(UnusableTeacher, match="ask for --dimension 4 or less"):
        Axes(4, 8, whitening=0.25)
