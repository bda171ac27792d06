"""Losses at angles one can see, against sums written out, and against another implementation."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (the name every torch reader knows)
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.losses import NTXentLoss, SupConLoss, TripletMarginLoss
from pytorch_metric_learning.miners import TripletMarginMiner
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor, nn

from training.losses import (
    NOBODY,
    Relation,
    contrastive_loss,
    direction_loss,
    logit_loss,
    prefixes,
    relation_of,
    triplet_loss,
)

Loss = Callable[..., Tensor]
TRIPLETS = TripletMarginLoss(0.2, distance=CosineSimilarity(), reducer=MeanReducer())


def at(*degrees: float) -> Tensor:
    """Unit vectors on a circle, so that similarity is visible: at(0, 90)."""
    radians = [math.radians(d) for d in degrees]
    return torch.tensor([[math.cos(r), math.sin(r)] for r in radians])


def cosine(a: float, b: float) -> float:
    """Of two angles in degrees."""
    return math.cos(math.radians(a - b))


def of(*identities: int) -> Relation:
    """Each row another picture, all of one weight."""
    n = len(identities)
    return relation_of(torch.tensor(identities), torch.arange(n), torch.ones(n))


def random_vectors(n: int) -> Tensor:
    draw = torch.Generator().manual_seed(n)
    return unit(torch.randn(n, 6, generator=draw, dtype=torch.float64)).requires_grad_()


def unit(vectors: Tensor) -> Tensor:
    """Again, for the gradient: pytorch-metric-learning normalises inside its losses."""
    return F.normalize(vectors, dim=1)


def gradient(loss: Tensor, vectors: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(loss, vectors)
    return found


def test_a_picture_does_not_repel_itself_whatever_it_is_called() -> None:
    identities = torch.tensor([1, 1, 2, NOBODY, NOBODY, 3])
    pictures = torch.tensor([10, 10, 10, 10, 20, 30])
    known = torch.zeros(6, 6, dtype=torch.bool)
    known[0, [1, 5]] = True

    first = relation_of(identities, pictures, torch.ones(6), known=known)

    assert first.alike[0].tolist() == [False, True, False, False, False, False]  # another view
    assert first.ignored[0].tolist() == [True, False, True, True, False, True]
    assert not first.alike[3:5].any()  # nobody's look-alike is not another's either
    assert not (first.alike & first.ignored).any()
    assert first.total == 2


def test_one_process_sees_its_rows_of_the_whole_relation() -> None:
    identities, pictures = torch.tensor([0, 1, 0, 1, 1]), torch.tensor([0, 1, 2, 3, 3])
    weights = torch.arange(5.0)

    whole = relation_of(identities, pictures, weights)
    part = relation_of(identities, pictures, weights, slice(2, 4))

    for all_rows, some in zip(whole, part, strict=True):
        assert torch.equal(all_rows[2:4], some)


def test_look_alikes_together_cost_less_than_look_alikes_apart() -> None:
    relation = of(0, 0, 1, 1)

    together, apart = at(0, 5, 180, 185), at(0, 180, 5, 185)

    for loss in (contrastive_loss, triplet_loss):
        assert loss(together, together, relation, 0.1) < 0.01 < loss(apart, apart, relation, 0.1)


def clicks(*weights: float) -> Relation:
    """Three rows a click: the picture asked about, the one clicked, the one passed over."""
    identities = [each for click in range(len(weights)) for each in (click, click, NOBODY)]
    counted = [each for weight in weights for each in (weight, weight, 0.0)]
    rows = torch.arange(len(identities))
    return relation_of(torch.tensor(identities), rows, torch.tensor(counted))


@pytest.mark.parametrize("loss", [contrastive_loss, triplet_loss])
def test_a_click_draws_the_clicked_and_pushes_what_was_passed_over(loss: Loss) -> None:
    angles = torch.tensor([0.0, 40.0, 45.0], requires_grad=True)  # asked, clicked, passed over
    vectors = torch.stack([torch.deg2rad(angles).cos(), torch.deg2rad(angles).sin()], dim=1)

    _, clicked, over = gradient(loss(vectors, vectors, clicks(1.0), 0.2), angles).tolist()

    assert clicked > 0 > over  # downhill the clicked goes towards 0°, the other away from it


def test_what_was_passed_over_costs_the_more_the_nearer_it_is() -> None:
    costs = [
        contrastive_loss(at(0, 30, over), at(0, 30, over), clicks(1.0), 0.2).item()
        for over in (15, 60, 120, 210)
    ]

    assert costs == sorted(costs, reverse=True)
    assert costs[0] > math.log(2) > 0.02 > costs[-1]


def test_a_weight_says_how_much_of_the_loss_is_a_clicks_own() -> None:
    vectors = at(0, 50, 20, 180, 190, 260)  # one that is hard to learn, and one that is easy

    def loss(*weights: float) -> float:
        return contrastive_loss(vectors, vectors, clicks(*weights), 0.3).item()

    hard, easy = loss(1, 0), loss(0, 1)
    assert hard > 2 * easy
    assert loss(3, 1) == pytest.approx((3 * hard + easy) / 4)
    assert loss(0.1, 0.9) == pytest.approx(0.1 * hard + 0.9 * easy)


def test_what_was_passed_over_asks_for_nothing_itself() -> None:
    vectors, relation = at(0, 50, 20), clicks(1.0)
    heavy = relation._replace(weights=torch.tensor([1.0, 1.0, 99.0]))

    for loss in (contrastive_loss, triplet_loss):
        assert torch.equal(
            loss(vectors, vectors, relation, 0.2), loss(vectors, vectors, heavy, 0.2)
        )


def test_the_contrastive_loss_is_the_weighted_sum_it_says() -> None:
    angles, vectors = (0, 30, 100, 250), at(0, 30, 100, 250)
    weights = torch.tensor([3.0, 0.5, 2.0, 7.0])
    relation = relation_of(torch.tensor([7, 7, 7, NOBODY]), torch.tensor([0, 1, 2, 2]), weights)
    e = [[math.exp(cosine(a, b) / 0.5) for b in angles] for a in angles]
    sums = [sum(e[0][j] for j in (1, 2, 3)), sum(e[1][j] for j in (0, 2, 3)), e[2][0] + e[2][1]]
    first = -(math.log(e[0][1] / sums[0]) + math.log(e[0][2] / sums[0])) / 2
    second = -(math.log(e[1][0] / sums[1]) + math.log(e[1][2] / sums[1])) / 2
    third = -(math.log(e[2][0] / sums[2]) + math.log(e[2][1] / sums[2])) / 2

    loss = contrastive_loss(vectors, vectors, relation, 0.5)

    assert loss.item() == pytest.approx((3 * first + 0.5 * second + 2 * third) / 5.5, rel=1e-5)


@pytest.mark.parametrize(
    ("reference", "identities"),
    [
        (SupConLoss(temperature=0.07), [0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 4, 5]),
        (NTXentLoss(temperature=0.07), [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]),  # one partner each
    ],
)
def test_contrast_is_what_pytorch_metric_learning_computes(
    reference: nn.Module, identities: list[int]
) -> None:
    vectors = random_vectors(12)

    ours = contrastive_loss(unit(vectors), unit(vectors), of(*identities), 0.07)
    theirs = reference(vectors, torch.tensor(identities))

    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(gradient(ours, vectors), gradient(theirs, vectors))


def test_semi_hard_triplets_are_the_nearest_of_those_pytorch_metric_learning_finds() -> None:
    identities, vectors = torch.arange(6).repeat(2), random_vectors(12)
    vectors.data[6] = -vectors.data[0]  # every negative is nearer to these two than the partner
    miner = TripletMarginMiner(2.0, "semihard", distance=CosineSimilarity())
    anchors, _, negatives = miner(vectors, identities)
    similar = (vectors @ vectors.T).detach()
    found = torch.full_like(similar, -torch.inf)
    found[anchors, negatives] = similar[anchors, negatives]
    same = identities[:, None] == identities
    furthest = similar.masked_fill(same, torch.inf).argmin(dim=1)
    chosen = torch.where(found.isinf().all(dim=1), furthest, found.argmax(dim=1))
    triplets = torch.arange(12), torch.arange(12).roll(6), chosen

    relation = of(*identities.tolist())
    ours = triplet_loss(unit(vectors), unit(vectors), relation, 0.2)
    theirs = TRIPLETS(vectors, identities, triplets)

    assert {0, 6}.isdisjoint(anchors.tolist())
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(gradient(ours, vectors), gradient(theirs, vectors))


def test_the_gradient_of_the_contrastive_loss_is_its_slope() -> None:
    anchors, others = random_vectors(5), random_vectors(9)
    relation = relation_of(
        torch.tensor([0, 0, 1, 2, NOBODY, 0, 1, 1, NOBODY]),
        torch.tensor([0, 1, 2, 3, 4, 5, 6, 2, 0]),
        torch.linspace(0.5, 2, 9, dtype=torch.float64),
        slice(0, 5),
    )

    def loss(a: Tensor, b: Tensor) -> Tensor:
        return contrastive_loss(a, b, relation, 0.3)

    assert torch.autograd.gradcheck(loss, (anchors, others))


def test_the_gradient_of_the_triplet_loss_is_its_slope() -> None:
    vectors = random_vectors(8)
    relation = of(0, 0, 0, 1, 1, 2, NOBODY, 3)

    def loss(v: Tensor) -> Tensor:
        return triplet_loss(v, v, relation, 0.7)

    assert torch.autograd.gradcheck(loss, (vectors,))


@pytest.mark.parametrize("loss", [contrastive_loss, triplet_loss])
def test_twice_the_weight_is_the_anchor_twice(loss: Loss) -> None:
    others, once = random_vectors(6), of(0, 0, 1, 1, 1, NOBODY)
    twice = [0, 1, 2, 2, 3, 4, 5]
    heavy = once._replace(weights=torch.tensor([1.0, 1, 2, 1, 1, 1], dtype=torch.float64))

    weighted = loss(others, others, heavy, 0.3)
    repeated = loss(others[twice], others, Relation(*(each[twice] for each in once)), 0.3)

    torch.testing.assert_close(weighted, repeated)
    torch.testing.assert_close(gradient(weighted, others), gradient(repeated, others))


@pytest.mark.parametrize("loss", [contrastive_loss, triplet_loss])
def test_the_order_of_a_batch_says_nothing(loss: Loss) -> None:
    identities, weights = torch.tensor([0, 0, 1, 1, 1, 2, NOBODY]), torch.linspace(1, 2, 7)
    vectors, order = random_vectors(7), torch.tensor([3, 6, 0, 2, 5, 1, 4])

    before = loss(vectors, vectors, relation_of(identities, torch.arange(7), weights), 0.3)
    mixed = relation_of(identities[order], torch.arange(7), weights[order])
    after = loss(vectors[order], vectors[order], mixed, 0.3)

    torch.testing.assert_close(before, after)


@pytest.mark.parametrize("loss", [contrastive_loss, triplet_loss])
def test_what_is_ignored_is_neither_drawn_nor_pushed(loss: Loss) -> None:
    anchors, others = random_vectors(3), random_vectors(5)
    alike = torch.eye(3, 5, dtype=torch.bool)
    ignored = torch.zeros(3, 5, dtype=torch.bool)
    ignored[:, 3] = True

    slope = gradient(loss(anchors, others, Relation(alike, ignored, torch.ones(3)), 1.5), others)

    assert (slope[3] == 0).all()
    assert (slope[[0, 1, 2]] != 0).any(dim=1).all()


@pytest.mark.parametrize("bits", [torch.float16, torch.bfloat16, torch.float32])
def test_rows_with_nothing_to_learn_break_nothing(bits: torch.dtype) -> None:
    vectors = at(0, 0, 50, 180).to(bits).requires_grad_()
    nobody = of(1, 2, 3, NOBODY)
    all_ignored = nobody._replace(ignored=torch.ones(4, 4, dtype=torch.bool))
    only_partners, weightless = of(1, 1, 1, 1), of(1, 1, 2, 2)._replace(weights=torch.zeros(4))

    for relation in (nobody, all_ignored, only_partners, weightless):
        loss = contrastive_loss(vectors, vectors, relation, 0.01)
        triplets = triplet_loss(vectors, vectors, relation, 0.1)
        slopes = [gradient(loss, vectors), gradient(triplets, vectors)]
        assert loss.isfinite()
        assert triplets.isfinite()
        assert (loss == 0) == (relation is not only_partners)
        assert all(slope.isfinite().all() for slope in slopes)


@pytest.mark.parametrize("loss", [contrastive_loss, triplet_loss])
def test_no_digits_are_lost_to_autocast_or_to_half_precision(loss: Loss) -> None:
    vectors, relation = random_vectors(8).bfloat16(), of(0, 0, 1, 1, 2, 2, 3, 3)
    exact = loss(vectors.float(), vectors.float(), relation, 0.05)

    half = loss(vectors, vectors, relation, 0.05)
    with torch.autocast("cpu", torch.bfloat16):
        autocast = loss(vectors.float(), vectors.float(), relation, 0.05)

    assert half.dtype == autocast.dtype == torch.float32
    assert half.item() == autocast.item() == exact.item()


def test_the_direction_loss_is_one_minus_the_cosine() -> None:
    assert direction_loss(at(0, 0), at(60, 90)).item() == pytest.approx(0.75)


def test_the_logit_loss_vanishes_when_both_say_the_same_up_to_a_constant() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0]])

    assert logit_loss(logits, logits + 5, 2.0).item() == pytest.approx(0, abs=1e-6)
    assert logit_loss(logits, -logits, 2.0) > 0.1


def test_a_prefix_is_a_unit_vector_of_its_own() -> None:
    (short,) = prefixes(torch.tensor([[3.0, 4.0, 12.0]]), [2])

    assert short.tolist() == [pytest.approx([0.6, 0.8])]
