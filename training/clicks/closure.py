"""What looks like a picture looks like one another: fake clicks join pictures that do not.

Whoever has many addresses can have any pair clicked by as many as honest people click. What that
does not bring along is company: the look-alikes of one picture do not know the other (decision 9).
"""

import duckdb
import numpy as np
from numpy.typing import NDArray

from training.clicks.circles import VOUCHED, draw_circles

# A pair of honest people has as little company as what is left out with a chance of so much.
SURELY = 0.01

# Who clicked each pair that is learnt from, in either direction; it stands here both ways round.
LINK = """
create table link as
with clicker as (
    select least(anchor, image) as lo, greatest(anchor, image) as hi, viewer
    from placed where clicked and side = 'learnt'
),
pair as (
    select lo, hi, count(distinct viewer) as people
    from clicker semi join (select lo, hi from line where side = 'learnt') as learnt using (lo, hi)
    group by lo, hi
)
select lo as one, hi as other, people from pair
union all
select hi as one, lo as other, people from pair
"""
# others: look-alikes of `other` beside `one`. known: how many of them look like `one` too.
COMPANY = """
create table company as
with crowd as (select one as picture, count(*) - 1 as others from link group by one),
common as (select one, other, count(*) as known from vouched group by one, other)
select link.one, link.other, others, coalesce(known, 0) as known
from link join crowd on crowd.picture = link.other left join common using (one, other)
"""
CLOSED = "select coalesce(sum(known), 0)::bigint, coalesce(sum(others), 0)::bigint from company"
CROWDS = "select distinct others from company where others > 0 order by others"
LONELY = """
create table lonely as
select least(one, other) as lo, greatest(one, other) as hi
from company join fewest using (others) where known <= most
"""
# Clicks that join a picture to many kinds make it lonely beside its own, too: that is spared.
SPARED = """
delete from lonely where (lo, hi) in (select one, other from circle)
    and (hi, lo) in (select one, other from circle)
"""
PARTED = """
delete from link where (least(one, other), greatest(one, other)) in (select lo, hi from lonely)
"""
STRANGERS = """
delete from line where side = 'learnt' and (lo, hi) not in (select one, other from link)
"""


def leave_strangers_out(engine: duckdb.DuckDBPyConnection) -> None:
    """From `line`, pairs to learn from whose look-alikes know each other less than is usual here.

    The usual is the share of closed triads in this log, its transitivity (D. Watts, S. Strogatz,
    "Collective dynamics of small-world networks", 1998). Where none is closed nothing can be said.
    Those of a circle are spared at first: without the others they may not be lonely any more.
    """
    engine.execute(LINK)
    _look(engine)
    closed, triads = engine.execute(CLOSED).fetchall()[0]
    usual = closed / max(1, triads)
    _find_lonely(engine, usual)
    draw_circles(engine)
    engine.execute(SPARED)
    _part(engine)
    _look(engine)
    _find_lonely(engine, usual)
    _part(engine)
    engine.execute(STRANGERS)
    for table in ("link", "circle"):
        engine.execute(f"drop table {table}")


def _look(engine: duckdb.DuckDBPyConnection) -> None:
    """From `link` to `company`."""
    for sql in (VOUCHED, COMPANY):
        engine.execute(sql)


def _find_lonely(engine: duckdb.DuckDBPyConnection, usual: float) -> None:
    """From `company` to `lonely`, pairs."""
    engine.execute("create table fewest (others bigint, most bigint)")
    crowds = [others for (others,) in engine.execute(CROWDS).fetchall()]
    if crowds:
        rows = [[others, most_when_lonely(others, usual)] for others in crowds]
        engine.executemany("insert into fewest values (?, ?)", rows)
    engine.execute(LONELY)


def _part(engine: duckdb.DuckDBPyConnection) -> None:
    """Of `link`, those that are lonely; and forget what was made to find them."""
    engine.execute(PARTED)
    for table in ("vouched", "company", "fewest", "lonely"):
        engine.execute(f"drop table {table}")


def most_when_lonely(others: int, share: float) -> int:
    """So few known of so many, or fewer, are less than SURELY likely where each is known with the
    chance `share` (binomial); −1 where nothing is so unlikely.
    """
    if not 0 < share < 1:
        return -1
    known: NDArray[np.float64] = np.arange(others, dtype=np.float64)
    steps = np.log((others - known) / (known + 1)) + np.log(share) - np.log1p(-share)
    chances = np.exp(others * np.log1p(-share) + np.concatenate([[0.0], np.cumsum(steps)]))
    return int(np.searchsorted(np.cumsum(chances), SURELY)) - 1
