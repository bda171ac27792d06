"""What the encoder is asked for: pictures of one identity together, and the teacher's geometry."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812  (the name every torch reader knows)
from torch import Tensor


def contrastive_loss(vectors: Tensor, identities: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020, the mean outside the logarithm).

    vectors: (n, dim) unit length. identities: (n,); equal means "these look alike".
    A row without a partner has nothing to learn from and is left out; zero if no row has one.
    With two rows of each identity this is InfoNCE over the whole batch.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    logits = (vectors @ vectors.T / temperature).masked_fill(itself, -torch.inf)
    log_share = (logits - logits.logsumexp(dim=1, keepdim=True)).masked_fill(itself, 0.0)
    alike = (identities[:, None] == identities[None, :]) & ~itself
    partners = alike.sum(dim=1)
    loss = -(log_share * alike).sum(dim=1) / partners.clamp(min=1)
    return loss.sum() / (partners > 0).sum().clamp(min=1)


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
