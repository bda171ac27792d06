"""How well an encoder agrees with a taste that it was never told, over every picture there is."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LOOKED_AT = 10  # the first results: what most people see


class Agreement(NamedTuple):
    """mean_precision: mAP over all pictures. first: share of the first ten that are wanted."""

    mean_precision: float
    first: float


def agreement(model: Path, pictures: Path, kinds: Mapping[str, str]) -> Agreement:
    """model: a model folder. kinds: by key, below `pictures`. Every one is asked about once."""
    from lookalike.encoder import Encoder
    from lookalike.images import decode

    encoder = Encoder(model)
    found = [encoder.encode([decode((pictures / key).read_bytes()).pixels])[0] for key in kinds]
    return agreed(np.stack(found), list(kinds.values()))


def agreed(vectors: NDArray[np.float32], kinds: list[str]) -> Agreement:
    """vectors: (n, dim), unit length. kinds: of each. One that has no fellow is not asked about."""
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -np.inf)
    order = np.argsort(-similar, axis=1, kind="stable")[:, :-1]
    _, number = np.unique(kinds, return_inverse=True)
    wanted = number[order] == number[:, None]
    wanted = wanted[wanted.any(axis=1)]
    precision = wanted.cumsum(axis=1) / np.arange(1, wanted.shape[1] + 1)
    mean = (precision * wanted).sum(axis=1) / wanted.sum(axis=1)
    return Agreement(float(mean.mean()), float(wanted[:, :LOOKED_AT].mean()))
