"""What looks like a picture looks like one another: fake clicks join pictures that do not.

Whoever has many addresses can have any pair clicked by as many as honest people click. What that
does not bring along is company: the picture's other look-alikes, and the look-alikes of what it
is to look like, are pairs of other people (decision 9).
"""

import duckdb

# A picture joins a circle when so many of its members know it: one may be a slip, or bought.
VOUCHERS = 2

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
# `common` looks like both of a pair, so it vouches for it.
VOUCHED = """
create table vouched as
select link.one, link.other, third.other as common, third.people
from link
join link as third on third.one = link.one and third.other <> link.other
join link as between on between.one = link.other and between.other = third.other
"""
# Around the look-alike that most people clicked, its common ones with this picture counted too.
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
# Where nobody knows anybody nothing can be said, and a pair stays.
STRANGERS = """
delete from line where side = 'learnt' and exists (
    from link where (link.one, link.other) in ((line.lo, line.hi), (line.hi, line.lo))
    and link.one in (select one from circle)
    and not exists (
        from circle where circle.one = link.one and circle.other = link.other
    )
)
"""
TABLES = ("link", "vouched", "inner_circle", "circle")


def leave_strangers_out(engine: duckdb.DuckDBPyConnection) -> None:
    """From `line`, pairs to learn from of which one is outside the other's circle."""
    for sql in (LINK, VOUCHED, INNER, CIRCLE, STRANGERS):
        engine.execute(sql)
    for table in TABLES:
        engine.execute(f"drop table {table}")
