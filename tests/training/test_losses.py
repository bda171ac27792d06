"""Losses at angles one can see, and against sums written out."""

import math

import pytest
import torch
from torch import Tensor

from training.losses import contrastive_loss, direction_loss, logit_loss, prefixes


def at(*degrees: float) -> Tensor:
    """Unit vectors on a circle, so that similarity is visible: at(0, 90)."""
    radians = [math.radians(d) for d in degrees]
    return torch.tensor([[math.cos(r), math.sin(r)] for r in radians])


def test_look_alikes_together_cost_less_than_look_alikes_apart() -> None:
    identities = torch.tensor([0, 0, 1, 1])

    together = contrastive_loss(at(0, 5, 180, 185), identities, 0.1)
    apart = contrastive_loss(at(0, 180, 5, 185), identities, 0.1)

    assert together < 0.01 < apart


def test_the_contrastive_loss_is_the_sum_it_says() -> None:
    vectors, temperature = at(0, 30, 100), 0.5
    identities = torch.tensor([7, 7, 8])
    similar = [[math.cos(math.radians(a - b)) / 0.5 for b in (0, 30, 100)] for a in (0, 30, 100)]
    first = -math.log(math.exp(similar[0][1]) / (math.exp(similar[0][1]) + math.exp(similar[0][2])))
    second = -math.log(
        math.exp(similar[1][0]) / (math.exp(similar[1][0]) + math.exp(similar[1][2]))
    )

    loss = contrastive_loss(vectors, identities, temperature)

    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-5)


def test_pictures_without_a_partner_teach_nothing_and_break_nothing() -> None:
    vectors = at(0, 50, 100).requires_grad_()

    loss = contrastive_loss(vectors, torch.tensor([1, 2, 3]), 0.1)
    loss.backward()

    assert loss == 0
    assert vectors.grad is not None
    assert torch.isfinite(vectors.grad).all()


def test_the_direction_loss_is_one_minus_the_cosine() -> None:
    assert direction_loss(at(0, 0), at(60, 90)).item() == pytest.approx(0.75)


def test_the_logit_loss_vanishes_when_both_say_the_same_up_to_a_constant() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0]])

    assert logit_loss(logits, logits + 5, 2.0).item() == pytest.approx(0, abs=1e-6)
    assert logit_loss(logits, -logits, 2.0) > 0.1


def test_a_prefix_is_a_unit_vector_of_its_own() -> None:
    (short,) = prefixes(torch.tensor([[3.0, 4.0, 12.0]]), [2])

    assert short.tolist() == [pytest.approx([0.6, 0.8])]
