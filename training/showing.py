"""What the network is shown: random views of pictures, or features cached from such views."""

import itertools
from collections import deque
from collections.abc import Generator as Batches
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from training import augment, distributed
from training.learner import Shown
from training.material import Material
from training.options import Recipe
from training.pairs import Batch
from training.pool import Pool, gather

AHEAD = 2  # batches that wait for their step
MOST = 1 << 10  # processes of one run
APART = 0x9E3779B9  # 2³² divided by the golden ratio: where the draws of the next seed begin


def dice(seed: int, step: int, device: torch.device | str = "cpu", process: int = 0) -> Generator:
    """The draws of one step depend on nothing that came before: a resumed run repeats them.

    Torch's generator on a CPU takes 32 bits of its seed and silently forgets the others.
    """
    number = step * MOST + process + (seed - 1) * APART
    return Generator(device).manual_seed(number % (1 << 32))


class Show(Protocol):
    """How rows of a pool become inputs of the network."""

    def fetch(self, rows: Tensor) -> Tensor:
        """Rows of the pool, in memory: what a thread can do ahead of the step."""
        ...

    def inputs(self, fetched: Tensor, mixtures: int, draw: Generator) -> Tensor:
        """On the device, and random; the first `mixtures` are blended with one another."""
        ...


class Views:
    """Crops, turns, colours and blurs, drawn on the device for a whole batch at a time."""

    def __init__(self, pool: Pool, side: int, device: torch.device) -> None:
        self.pool, self.side, self.device = pool, side, device

    def fetch(self, rows: Tensor) -> Tensor:
        pixels = torch.from_numpy(gather(self.pool, rows.numpy()))
        return pixels.pin_memory() if self.device.type == "cuda" else pixels

    def inputs(self, fetched: Tensor, mixtures: int, draw: Generator) -> Tensor:
        pixels = fetched.to(self.device, non_blocking=True)
        pairs = augment.views(pixels[mixtures:], self.side, augment.FOR_PAIRS, draw)
        if mixtures == 0:
            return self._laid_out(pairs)
        odd = augment.views(pixels[:mixtures], self.side, augment.FOR_DISTILLATION, draw)
        return self._laid_out(torch.cat([augment.mixtures(odd, draw), pairs]))

    def _laid_out(self, pictures: Tensor) -> Tensor:
        return pictures.contiguous(memory_format=torch.channels_last)


class Features:
    """One of several views of a picture, seen once by a frozen backbone.

    features: (pictures, views, features) float16.
    """

    def __init__(self, features: NDArray[np.float16], device: torch.device) -> None:
        self.features, self.device = features, device

    def fetch(self, rows: Tensor) -> Tensor:
        return torch.from_numpy(self.features[rows.numpy()])

    def whole(self, rows: Tensor) -> Tensor:
        """(rows, features): of the pictures as they are."""
        return torch.from_numpy(self.features[rows.numpy(), 0]).float()

    def inputs(self, fetched: Tensor, mixtures: int, draw: Generator) -> Tensor:
        which = torch.randint(fetched.shape[1], (len(fetched),), generator=draw, device=draw.device)
        at = torch.arange(len(fetched), device=draw.device)
        return fetched.to(self.device)[at, which].float()


class Fetched(NamedTuple):
    """One step's batch, before it is drawn as views. known: see PairSource."""

    rows: Tensor
    batch: Batch
    known: Tensor | None


def batches(
    recipe: Recipe, found: Material, show: Show, first: int
) -> Batches[Fetched, None, None]:
    """The batches from a step on, read by a thread while the steps before them compute."""
    with ThreadPoolExecutor(1) as thread:
        read = partial(fetched, recipe, found, show)
        ahead = deque(thread.submit(read, step) for step in range(first, first + AHEAD))
        for step in itertools.count(first + AHEAD):
            ahead.append(thread.submit(read, step))
            yield ahead.popleft().result()


def fetched(recipe: Recipe, found: Material, show: Show, step: int) -> Fetched:
    """Every process draws the same batch and reads its own part, and mixtures of its own."""
    batch = found.source.draw(recipe.batch, dice(recipe.seed, step))
    own = batch.rows[distributed.share(len(batch.rows))]
    draw = dice(recipe.seed, step, process=1 + distributed.rank())
    mixtures = recipe.mixtures // distributed.world()
    mixed = torch.randint(len(found.pool), (mixtures,), generator=draw)
    return Fetched(show.fetch(torch.cat([mixed, own])), batch, found.source.known(own, batch.rows))


def shown(recipe: Recipe, show: Show, one: Fetched, step: int, device: torch.device) -> Shown:
    draw = dice(recipe.seed, step, device, process=1 + distributed.rank())
    inputs = show.inputs(one.rows, recipe.mixtures // distributed.world(), draw)
    batch = Batch(*(column.to(device) for column in one.batch))
    return Shown(inputs, batch, one.known.to(device) if one.known is not None else None)
