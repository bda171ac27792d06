"""Which pictures look alike: one interface over views, labels and clicks.

A source draws rows of the pool of pictures. Rows of one identity look alike; everything else in the
batch is taken to differ, unless the source knows better. All draws come from the generator given.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from training.losses import NOBODY


class Batch(NamedTuple):
    """What one step compares.

    rows: (n,) int64 rows of the pool, one view each; a picture may come twice.
    identities: (n,) int64; equal means "these look alike", NOBODY means "only ever a negative".
    weights: (n,) float32; how much the row's own loss counts, 0 for a negative.
    """

    rows: Tensor
    identities: Tensor
    weights: Tensor


class PairSource(Protocol):
    identities: int  # a batch's identities are below this

    def draw(self, n: int, draw: Generator) -> Batch:
        """Exactly n rows."""
        ...

    def known(self, rows: Tensor, others: Tensor) -> Tensor | None:
        """(rows, others) bool: pairs that look alike although a batch may not pair them."""
        ...


class Labels:
    """Pictures of one label look alike; a picture without a label only looks like itself.

    Balanced: a label's chance does not depend on how many pictures it has.
    """

    def __init__(
        self, labels: Sequence[str], each: int = 2, shares: Tensor | None = None, alone: float = 1.0
    ) -> None:
        """labels: one a row, "" for none. each: pictures of a label in a batch.

        shares: (identities,) relative chance of each, in the order of first appearance; without
        it, a label has 1 and a picture without a label `alone`.
        """
        names = [label or f"\0{row}" for row, label in enumerate(labels)]
        number = {name: i for i, name in enumerate(dict.fromkeys(names))}
        of_row = torch.tensor([number[name] for name in names])
        if shares is None:
            shares = torch.tensor([alone if name.startswith("\0") else 1.0 for name in number])
        self.identities, self.each, self.shares = len(number), each, shares
        order = of_row.argsort(stable=True)
        self.members = order.split(of_row.bincount(minlength=len(number)).tolist())

    def draw(self, n: int, draw: Generator) -> Batch:
        wanted = max(1, -(-n // self.each))
        again = int((self.shares > 0).sum()) < wanted
        chosen = torch.multinomial(self.shares, wanted, replacement=again, generator=draw)
        rows = torch.cat([self._some(int(identity), draw) for identity in chosen])[:n]
        identities = chosen.repeat_interleave(self.each)[:n]
        return Batch(rows, identities, torch.ones(n))

    def _some(self, identity: int, draw: Generator) -> Tensor:
        """`each` different pictures, or as often again as there are too few."""
        members = self.members[identity]
        order = torch.randperm(len(members), generator=draw)
        return members[order[torch.arange(self.each) % len(members)]]

    def known(self, rows: Tensor, others: Tensor) -> Tensor | None:
        return None


def Views(pictures: int) -> Labels:  # noqa: N802  (a source like the others, to its reader)
    """A folder alone: two views of a picture look alike, as in SimCLR (Chen et al. 2020)."""
    return Labels([""] * pictures)


class ClickedPair(NamedTuple):
    """What one click says.

    anchor, clicked: rows of the pool. weight: ≥ 0, for instance one over the propensity.
    passed_over: rows shown above the clicked one and not clicked: hard negatives.
    """

    anchor: int
    clicked: int
    weight: float
    passed_over: tuple[int, ...] = ()


class Clicks:
    """Anchor and clicked look alike, as much as the weight says; what was passed over does not.

    A batch is groups of anchor, clicked and one picture passed over. A pair without one has a
    random picture in its place. Two pictures that were both clicked beside a third, or for which it
    was clicked, are not taken to differ: clicks name few of the pairs that look alike, and what
    they leave out would be pushed apart.
    """

    GROUP = 3

    def __init__(self, pairs: Sequence[ClickedPair], pictures: int) -> None:
        self.pairs, self.pictures, self.identities = list(pairs), pictures, len(pairs)
        total = sum(pair.weight for pair in pairs) or 1.0
        self.scale = len(pairs) / total  # a mean weight of 1, so that sources can be mixed
        ends = torch.tensor([[pair.anchor, pair.clicked] for pair in pairs]).reshape(-1, 2)
        keys = torch.cat([self._keys(ends[:, 0], ends[:, 1]), self._keys(ends[:, 1], ends[:, 0])])
        self.keys = keys.unique()  # sorted

    def draw(self, n: int, draw: Generator) -> Batch:
        wanted = -(-n // self.GROUP)
        chosen = torch.randint(len(self.pairs), (wanted,), generator=draw).tolist()
        strangers = torch.randint(self.pictures, (wanted,), generator=draw).tolist()
        dice = torch.rand(wanted, generator=draw).tolist()
        rows, identities, weights = [], [], []
        for i, stranger, chance in zip(chosen, strangers, dice, strict=True):
            pair = self.pairs[i]
            over = pair.passed_over
            negative = over[int(chance * len(over))] if over else stranger
            weight = pair.weight * self.scale
            rows += [pair.anchor, pair.clicked, negative]
            identities += [i, i, NOBODY]
            weights += [weight, weight, 0.0]
        return Batch(
            torch.tensor(rows[:n]), torch.tensor(identities[:n]), torch.tensor(weights[:n])
        )

    def known(self, rows: Tensor, others: Tensor) -> Tensor | None:
        """Clicked pairs, and pictures with a fellow in common."""
        keys = self._keys(rows[:, None], others[None, :])
        at = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
        fellow, number = self._fellows(torch.cat([rows, others])).unique(return_inverse=True)
        has = torch.zeros(len(rows) + len(others), len(fellow)).scatter_(1, number, 1.0)
        has[:, fellow == NOBODY] = 0
        return (self.keys[at] == keys) | (has[: len(rows)] @ has[len(rows) :].T > 0)

    def _fellows(self, rows: Tensor) -> Tensor:
        """(n, most) Who was clicked for each, or had it clicked; NOBODY where there are fewer."""
        first, last = (
            torch.searchsorted(self.keys, bound * self.pictures) for bound in (rows, rows + 1)
        )
        most = max(1, int((last - first).max()))
        at = first[:, None] + torch.arange(most)
        found = self.keys[at.clamp(max=len(self.keys) - 1)] % self.pictures
        return torch.where(at < last[:, None], found, NOBODY)

    def _keys(self, rows: Tensor, others: Tensor) -> Tensor:
        """One number for an ordered pair."""
        return rows * self.pictures + others


class Mixed:
    """Several sources in one batch, each with its share of the rows."""

    def __init__(self, sources: Sequence[PairSource], shares: Sequence[float]) -> None:
        self.sources, self.shares = sources, shares
        self.identities = sum(source.identities for source in sources)

    def draw(self, n: int, draw: Generator) -> Batch:
        parts, first, left = [], 0, n
        for source, share in zip(self.sources, self.shares, strict=True):
            last = source is self.sources[-1]
            rows = left if last else round(n * share / sum(self.shares))
            part = source.draw(rows, draw)
            named = part.identities != NOBODY
            parts.append(
                part._replace(identities=torch.where(named, part.identities + first, NOBODY))
            )
            first, left = first + source.identities, left - rows
        return Batch(*(torch.cat(column) for column in zip(*parts, strict=True)))

    def known(self, rows: Tensor, others: Tensor) -> Tensor | None:
        found = [k for source in self.sources if (k := source.known(rows, others)) is not None]
        return torch.stack(found).any(dim=0) if found else None
