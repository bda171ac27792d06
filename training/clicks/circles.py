"""A picture's circle: those of its look-alikes that are look-alikes of each other.

The look-alike that most people clicked, counting those whom the two have in common; these common
ones; and whatever two of the circle vouch for.
"""

import duckdb

# A picture joins a circle when so many of its members know it: one may be a slip, or bought.
VOUCHERS = 2

# `common` looks like both of a pair, so it vouches for it.
VOUCHED = """
create table vouched as
select link.one, link.other, third.other as common, third.people
from link
join link as third on third.one = link.one and third.other <> link.other
join link as between on between.one = link.other and between.other = third.other
"""
INNER = """
create table inner_circle as
with company as (
    select one, other, any_value(link.people) + sum(vouched.people) as people
    from vouched join link using (one, other) group by one, other
),
leader as (
    select one, arg_max(other, {'people': people, 'other': other}) as other
    from company group by one
)
select one, other from leader
union
select one, common as other from leader join vouched using (one, other)
"""
CIRCLE = f"""
create table circle as
select one, other from inner_circle
union
select one, common as other from inner_circle join vouched using (one, other)
group by one, common having count(*) >= {VOUCHERS}
"""  # noqa: S608 — ours


def draw_circles(engine: duckdb.DuckDBPyConnection) -> None:
    """From `vouched` and `link` to `circle`: `other` is in that of `one`. Not everybody has one."""
    engine.execute(INNER)
    engine.execute(CIRCLE)
    engine.execute("drop table inner_circle")
