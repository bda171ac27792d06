"""How fast the engine finds the nearest of many points, and how many of them it misses."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from lookalike import wiring
from lookalike.index import Only, Vector, Wanted
from tests.bench.bench import Bench
from tests.bench.clocks import alternately, p50, p95
from tests.bench.crowd import RARE, Crowd, around
from tests.bench.tables import Row, Table, ms, times

NEAREST = 10


def tables(bench: Bench) -> Iterator[Table]:
    with bench.crowded() as crowd:
        rng = np.random.default_rng(3)
        rows = rng.integers(len(crowd.centres), size=bench.sizes.queries)
        queries = list(around(crowd.centres, rows, rng))
        found = [
            _row(f"all {len(crowd.vectors):,} points", Only(), crowd, None, queries, bench),
            _row("filtered to 1 % by tag", Only(tags=(RARE,)), crowd, crowd.rare, queries, bench),
        ]
    notes = (
        f"{bench.card.dimension} dimensions; {len(queries)} new vectors near those of the index; "
        f"the {NEAREST} nearest with what we know of them, through QdrantEdge.",
        "Against: NumPy comparing the query with every point that the filter leaves, ids only.",
    )
    yield Table("Recall: the engine against exact search", found, notes)


def _row(
    what: str,
    only: Only,
    crowd: Crowd,
    among: NDArray[np.bool_] | None,
    queries: list[Vector],
    bench: Bench,
) -> Row:
    ids = np.array(crowd.image_ids) if among is None else np.array(crowd.image_ids)[among]
    exact = _exactly(crowd.vectors if among is None else crowd.vectors[among], ids)
    index, model = wiring.index(), bench.card.model
    shares = []

    def by_engine(query: Vector) -> set[str]:
        return {one.image.image_id for one in index.nearest(model, Wanted(query), NEAREST, only)}

    for query in queries[: len(queries) // 2]:
        wanted = exact(query)
        shares.append(len(by_engine(query) & wanted) / max(1, len(wanted)))
    ours, theirs = alternately(queries[len(queries) // 2 :], by_engine, exact)
    return Row(
        f"{what}: recall@{NEAREST} {np.mean(shares):.4f}",
        f"p50 {ms(p50(ours))}, p95 {ms(p95(ours))}",
        f"p50 {ms(p50(theirs))}",
        times(p50(theirs) / p50(ours)),
    )


def _exactly(vectors: Vector, ids: NDArray[np.str_]) -> Callable[[Vector], set[str]]:
    def search(query: Vector) -> set[str]:
        scores = vectors @ query
        nearest = np.argpartition(-scores, min(NEAREST, len(scores) - 1))[:NEAREST]
        return set(ids[nearest].tolist())

    return search
