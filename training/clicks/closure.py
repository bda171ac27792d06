"""What looks like a picture looks like one another: fake clicks join pictures that do not.

Whoever has many addresses can have any pair clicked by as many as honest people click. What that
does not bring along is company: the look-alikes of one picture do not know the other (decision 9).
"""

import duckdb
import numpy as np
from numpy.typing import NDArray

# A pair of honest people has as little company as what is left out with a chance of so much.
SURELY = 0.01

# The pairs that are learnt from, both ways round.
LINK = """
create table link as
with pair as (select distinct lo, hi from line where side = 'learnt')
select lo as one, hi as other from pair
union all
select hi as one, lo as other from pair
"""
# others: look-alikes of `other` beside `one`. known: how many of them look like `one` too.
COMPANY = """
create table company as
with crowd as (select one as picture, count(*) - 1 as others from link group by one),
common as (
    select link.one, link.other, count(*) as known
    from link
    join link as third on third.one = link.one and third.other <> link.other
    join link as between on between.one = link.other and between.other = third.other
    group by link.one, link.other
)
select link.one, link.other, others, coalesce(known, 0) as known
from link join crowd on crowd.picture = link.other left join common using (one, other)
"""
CLOSED = "select coalesce(sum(known), 0)::bigint, coalesce(sum(others), 0)::bigint from company"
CROWDS = "select distinct others from company where others > 0 order by others"
# Clicks that join a picture to many kinds leave it lonely beside its own, too: nobody knows then
# what it looks like, so it goes by its pixels.
STRANGERS = """
delete from line where side = 'learnt' and exists (
    from company join lonely using (others) where known <= most
    and (one, other) in ((line.lo, line.hi), (line.hi, line.lo))
)
"""


def leave_strangers_out(engine: duckdb.DuckDBPyConnection) -> None:
    """From `line`, pairs to learn from whose look-alikes know each other less than is usual here.

    The usual is the share of closed triads in this log, its transitivity (D. Watts, S. Strogatz,
    "Collective dynamics of small-world networks", 1998). Where none is closed nothing can be said.
    """
    engine.execute(LINK)
    engine.execute(COMPANY)
    engine.execute("create table lonely (others bigint, most bigint)")
    closed, triads = engine.execute(CLOSED).fetchall()[0]
    crowds = [others for (others,) in engine.execute(CROWDS).fetchall()]
    if crowds:
        rows = [[others, most_when_lonely(others, closed / triads)] for others in crowds]
        engine.executemany("insert into lonely values (?, ?)", rows)
    engine.execute(STRANGERS)
    for table in ("link", "company", "lonely"):
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
