"""What is learnt from and what is held out, by time; which places people looked at."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import duckdb
import numpy as np

from training.clicks.model import Cells, Examination, Numbers, fitted

RAREST_CHANCE = 1e-9  # of a draw: of a page of 100 among 200 in one answer of 1,000 it is 5e-8
CELLS = 300_000  # pairs at places that the curve is fitted to; more tell it nothing new
MICRO, NANO = 1e6, 1e9  # sums are of whole numbers: the same in whatever order they are added


class Terms(NamedTuple):
    """sessions: that must have clicked a pair. addresses: must be as many. held_out: share.

    counted: a pair that is learnt from weighs as many clicks as it got, wherever it stood.
    """

    sessions: int
    addresses: bool
    held_out: float
    seed: int
    counted: bool = False


@dataclass(frozen=True)
class Split:
    """held_out_from: answers from here on are held out; None when nothing is. lost: clicks of
    answers that were begun before and still in use after.
    """

    held_out_from: datetime | None
    lost: int


class Places(NamedTuple):
    """What is known of places. drawn: clicks on what chance had put there."""

    found: Examination
    drawn: int


# Nothing that was clicked before the cut is held out, and nothing clicked after it is learnt from.
CUT = """
select min(issued_at) from shown where clicked and issued_at > (
    select quantile_disc(issued_at, $share) from shown where clicked
)
"""
SIDES = """
create table placed as
select * exclude (issued_at, last_at), case when issued_at >= $cut then 'held_out' else 'learnt' end
    as side
from shown where issued_at >= $cut or last_at < $cut
"""
SEEN = """
select position, count(*), count_if(clicked) from placed where side = 'learnt' group by position
"""
PLACES = "select max(position) from placed"
CELL = """
with cell as (
    select anchor, image, position, count(*) as seen, count_if(clicked) as clicks
    from placed where side = 'learnt' group by anchor, image, position
),
telling as (
    select anchor, image from cell group by anchor, image having count(*) > 1 and sum(clicks) > 0
    order by md5(anchor::varchar || image::varchar || $seed), anchor, image limit $pairs
)
select
    dense_rank() over (order by anchor, image) - 1 as pair, position, seen::double as seen,
    clicks::double as clicks
from cell join telling using (anchor, image) order by pair, position
"""
# Chance put any of its candidates here as well as there, once each is counted for all its turns.
# A longer answer draws for more places from further pictures: what is drawn for its last places may
# not be held against what shorter answers draw for the first ones. So answers whose chances differ
# by a factor of two are pools of their own, and no sighting counts for more than two others.
POOL = f"""
with draw as (
    select
        position, clicked, policy, floor(log2(chance)) as rarity,
        round({MICRO} / greatest(chance, {RAREST_CHANCE}))::bigint as turns
    from placed where side = 'learnt' and slot = 'explore' and chance < 1
)
select
    dense_rank() over (order by policy, rarity) - 1 as pool, position,
    sum(turns)::double as seen, sum(case when clicked then turns else 0 end)::double as clicks,
    count_if(clicked) as bare
from draw group by policy, rarity, position order by pool, position
"""  # noqa: S608 — ours


def split(engine: duckdb.DuckDBPyConnection, terms: Terms, until: datetime) -> Split:
    """From `shown` to `placed`, every sighting on its side. There must be a click."""
    share = {"share": 1 - terms.held_out}
    cut = engine.execute(CUT, share).fetchall()[0][0]
    engine.execute(SIDES, {"cut": cut or until})
    lost = "select (select count_if(clicked) from shown) - (select count_if(clicked) from placed)"
    return Split(cut, engine.execute(lost).fetchall()[0][0])


def examined(engine: duckdb.DuckDBPyConnection, seed: int) -> Places:
    """Fill `examination`, from what is learnt from alone."""
    places = engine.execute(PLACES).fetchall()[0][0]
    seen, clicks = np.zeros(places), np.zeros(places)
    for position, shown, clicked in engine.execute(SEEN).fetchall():
        seen[position - 1], clicks[position - 1] = shown, clicked
    cells = engine.execute(CELL, {"seed": str(seed), "pairs": CELLS // 2}).fetchnumpy()
    pools = engine.execute(POOL).fetchnumpy()
    found = fitted(_cells(cells, pools), seen, clicks)
    engine.execute("create table examination (position integer, curve double)")
    rows = [[place, float(chance)] for place, chance in enumerate(found.curve, 1)]
    engine.executemany("insert into examination values (?, ?)", rows)
    return Places(found, int(pools["bare"].sum()))


def _cells(pairs: dict[str, Numbers], pools: dict[str, Numbers]) -> Cells:
    """A pool's numbers scaled so that it speaks with as many clicks as it had."""
    first = int(pairs["pair"].max(initial=-1)) + 1
    pool = pools["pool"].astype(np.int64)
    bare = np.bincount(pool, pools["bare"])
    scale = (bare / np.maximum(np.bincount(pool, pools["clicks"]), 1.0))[pool]
    return Cells(
        np.concatenate([pairs["pair"].astype(np.int64), pool + first]),
        np.concatenate([pairs["position"], pools["position"]]).astype(np.int64),
        np.concatenate([pairs["seen"], pools["seen"] * scale]),
        np.concatenate([pairs["clicks"], pools["clicks"] * scale]),
    )
