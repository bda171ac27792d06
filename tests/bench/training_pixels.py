"""The data path of a training, in pieces: reading decoded pictures, and drawing views of them."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.bench.clocks import alternately, p50
from tests.bench.tables import Row, Table, ms, times
from tests.bench.training_plan import Plan
from tests.bench.training_theirs import STRENGTH, transform
from training import augment, decoding, pool
from training.material import SPARE

POOLED = 1024  # pictures the pool has, at most


def tables(plan: Plan) -> Iterator[Table]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield table(plan)
    finally:
        torch.set_num_threads(threads)


def table(plan: Plan) -> Table:
    batch = plan.batch
    gathered, decoded, viewed, changed = _taken(plan)
    rows = [
        Row(
            f"{batch} pictures of a step, as pixels",
            ms(gathered),
            ms(decoded),
            times(decoded / gathered),
        ),
        Row(
            "a random view of one picture",
            ms(viewed / batch),
            ms(changed / batch),
            times(changed / viewed),
        ),
    ]
    notes = [
        f"Median of {plan.rounds} steps on one thread, {plan.size} pixels.",
        "Pixels: measured, rows of the prepared pool; against, the same files decoded and fitted "
        "anew in every step.",
        "Views: measured, training.augment for the whole batch; against, torchvision v2 for one "
        "decoded picture after the other.",
    ]
    return Table("The data path of a training", rows, notes)


def _taken(plan: Plan) -> list[float]:
    """Seconds of a step: pixels from the pool and anew, then views of the batch and one by one."""
    side, batch = round(SPARE * plan.size), plan.batch
    files = plan.learnt[:: -(-len(plan.learnt) // POOLED)]
    draw = np.random.default_rng(0)
    rounds = [draw.integers(len(files), size=batch) for _ in range(plan.rounds)]
    with TemporaryDirectory(prefix="bench-") as folder:
        filled = pool.prepare(files, side, Path(folder))
        shown = torch.from_numpy(pool.gather(filled, rounds[0]))
        originals = [Image.open(files[row].path).convert("RGB") for row in rounds[0]]

        def gather(rows: NDArray[np.int64]) -> None:
            pool.gather(filled, rows)

        def decode(rows: NDArray[np.int64]) -> None:
            for row in rows:
                decoding.square(files[row].path, side)

        generator, one_by_one = torch.Generator().manual_seed(0), transform(plan.size)

        def together(_: NDArray[np.int64]) -> None:
            augment.views(shown, plan.size, STRENGTH, generator)

        def each(_: NDArray[np.int64]) -> None:
            torch.stack([one_by_one(picture) for picture in originals])

        return [p50(taken) for taken in alternately(rounds, gather, decode, together, each)]
