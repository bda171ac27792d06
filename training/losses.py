"""What the encoder is asked for: look-alikes together, and the teacher's geometry."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  (the name every torch reader knows)
from torch import Tensor

NOBODY = -1  # the identity of a picture that is nobody's look-alike, such as a hard negative


class Relation(NamedTuple):
    """What n anchors are to m columns. Whatever is neither alike nor ignored repels.

    alike: (n, m) bool, attracts. ignored: (n, m) bool, neither attracts nor repels; never both.
    weights: (n,) float, how much each anchor counts.
    """

    alike: Tensor
    ignored: Tensor
    weights: Tensor

    @property
    def total(self) -> Tensor:
        """() The weights of all anchors that have a partner: what the losses are divided by."""
        return (self.weights * self.alike.any(dim=1)).sum()


def relation_of(
    identities: Tensor,
    pictures: Tensor,
    weights: Tensor,
    rows: slice | None = None,
    known: Tensor | None = None,
) -> Relation:
    """Who looks like whom, from identities: equal means alike, NOBODY is like nobody.

    identities, pictures: (m,) int. weights: (m,) float.
    rows: which n of the m are the anchors: this process's part of a gathered batch; all by default.
    known: (n, m) bool, pairs known to look alike for another reason, such as a click.

    A picture never repels itself under another identity, nor what it is known to look like. Two
    rows of one identity are alike even when they are two views of one picture.
    """
    rows = rows if rows is not None else slice(None)
    everyone = torch.arange(len(identities), device=identities.device)
    mine = identities[rows, None]
    alike = (mine == identities) & (mine > NOBODY) & (everyone[rows, None] != everyone)
    ignored = pictures[rows, None] == pictures
    if known is not None:
        ignored |= known
    ignored &= ~alike  # leaves itself: the same picture, and not alike
    return Relation(alike, ignored, weights[rows])


def contrastive_loss(
    anchors: Tensor,
    others: Tensor,
    relation: Relation,
    temperature: float,
    *,
    total: Tensor | None = None,
) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020, the mean outside the logarithm), weighted.

    Σ_i w_i mean_p −log( exp(s_ip / τ) / Σ_j exp(s_ij / τ) ) / Σ_i w_i

    anchors: (n, dim), others: (m, dim), both unit length; s: their cosines; τ: temperature.
    p: the partners of i; j: every column that i does not ignore, its partners among them. An
    anchor without a partner counts nothing; zero if no anchor has one. With one partner each this
    is InfoNCE over all columns.

    total: () stands for Σ_i w_i, see `training.distributed`.

    pytorch-metric-learning's SupConLoss is the same without weights but for its reducer, which
    leaves out anchors whose loss is 0 or less, and for a batch without negatives, which it skips.
    Its NTXentLoss keeps only one partner at a time in the denominator: the same with one each.
    """
    logits = cosines(anchors, others).div_(temperature)
    partners = relation.alike.sum(dim=1)
    attracted = torch.where(relation.alike, logits, 0.0).sum(dim=1) / partners.clamp(min=1)
    # The lowest finite number, not −inf: its exponential is 0 all the same, and the gradient of a
    # row that ignores everything is 0, not NaN.
    nothing = torch.finfo(logits.dtype).min
    everything = logits.masked_fill_(relation.ignored, nothing).logsumexp(dim=1)
    return weighted_mean(everything - attracted, relation, total)


def triplet_loss(
    anchors: Tensor,
    others: Tensor,
    relation: Relation,
    margin: float,
    *,
    total: Tensor | None = None,
) -> Tensor:
    """A partner must be nearer than a negative, by the margin, in cosine distance (0 to 2).

    Semi-hard (Schroff et al. 2015): each partner against the nearest negative that is further away
    than it, or, where all negatives are nearer, against the furthest; averaged over partners.

    Shapes, weights and `total` as in `contrastive_loss`. Triplets that hold already count as 0 in
    the mean. pytorch-metric-learning's semi-hard miner returns every such negative, not one.
    """
    distances = 1 - cosines(anchors, others)
    negative = ~(relation.alike | relation.ignored)
    return weighted_mean(_semi_hard(distances, relation.alike, negative, margin), relation, total)


def _semi_hard(distances: Tensor, alike: Tensor, negative: Tensor, margin: float) -> Tensor:
    """(n,) The mean over each anchor's partners; of the size (pairs, m) while it works."""
    anchor, partner = alike.nonzero(as_tuple=True)
    near, far = distances[anchor, partner], distances[anchor]
    further = negative[anchor] & (far > near[:, None])
    nearest = far.masked_fill(~further, torch.inf).amin(dim=1)
    furthest = far.masked_fill(~negative[anchor], -torch.inf).amax(dim=1)
    chosen = torch.where(further.any(dim=1), nearest, furthest)
    hinge = F.relu(near - chosen + margin).masked_fill(~negative[anchor].any(dim=1), 0.0)
    each = torch.zeros_like(distances).index_put((anchor, partner), hinge)
    return each.sum(dim=1) / alike.sum(dim=1).clamp(min=1)


def cosines(anchors: Tensor, others: Tensor) -> Tensor:
    """(n, m) Products of unit vectors, in float32 even where autocast would take fewer bits.

    At a temperature of 0.05 bfloat16's three digits would be off by 8 % in an exponential.
    """
    if anchors.dtype != torch.float64:
        anchors, others = anchors.float(), others.float()
    with torch.autocast(anchors.device.type, enabled=False):
        return anchors @ others.T


def weighted_mean(losses: Tensor, relation: Relation, total: Tensor | None) -> Tensor:
    """The mean of (n,) losses over the anchors that have a partner; 0 if there is none."""
    counted = torch.where(relation.alike.any(dim=1), losses, 0.0)
    total = relation.total if total is None else total
    return (relation.weights * counted).sum() / torch.where(total > 0, total, 1.0)


def direction_loss(vectors: Tensor, wanted: Tensor) -> Tensor:
    """1 - cosine, averaged. Both (n, dim), unit length."""
    return (1 - (vectors * wanted).sum(dim=1)).mean()


def logit_loss(logits: Tensor, wanted: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence from the teacher's class probabilities, both (n, classes).

    Times temperature², so that its gradient does not shrink as the probabilities soften
    (Hinton et al. 2015).
    """
    ours = F.log_softmax(logits / temperature, dim=1)
    theirs = F.log_softmax(wanted / temperature, dim=1)
    return F.kl_div(ours, theirs, reduction="batchmean", log_target=True) * temperature**2


def prefixes(vectors: Tensor, lengths: Sequence[int]) -> list[Tensor]:
    """The first so many dimensions, unit length again (Kusupati et al. 2022, Matryoshka)."""
    return [F.normalize(vectors[:, :length], dim=1) for length in lengths]
