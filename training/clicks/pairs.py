"""From what was seen and clicked to weighted pairs: learnt from, or held out for the gate."""

from datetime import datetime

import duckdb

from training.clicks.closure import leave_strangers_out
from training.clicks.split import MICRO, NANO, Terms

# A propensity below a tenth counts as a tenth, so one click at the foot of a page outweighs ten at
# its top at most. What bias remains is towards what was shown well, which is where it was.
CLIP = 10.0
# A click rate is believed as if ten more had looked and clicked as often as on anything: of 1, 3,
# 10 and 30, the one whose order was nearest to the truth in simulations (decision 9).
PRIOR_LOOKS = 10.0
# A picture that half of the lookers would click is passed over by three in one case of eight.
PASSED_OVER_LOOKS = 3.0
PASSED_OVER_SESSIONS = 2  # nobody alone pushes a picture away
MOST_PASSED_OVER = 8  # of a pair; training draws one of them a step


# propensity: the chance that a sighting is a look and, of a pair that only chance brought up, that
# it was brought up at all. Whenever a place that chance may fill was in view of somebody who asked
# about this anchor, chance might have shown the picture there: that many turns it had.
PAIR = f"""
create table pair as
with drawn as (select distinct policy, position from placed where slot = 'explore' and chance < 1),
turn as (
    select side, anchor, count(*) as turns
    from placed semi join drawn using (policy, position) group by side, anchor
),
per as (
    select
        side, anchor, image, count(*) as seen, count_if(clicked) as clicks,
        sum(round(examination.curve * {NANO})::bigint) / {NANO} as looks,
        count_if(slot <> 'explore' or chance = 1) > 0 as certain,
        sum(round(chance * {NANO})::bigint) / {NANO} / count(*) as luck,
        count(distinct session) as sessions
    from placed join examination using (position)
    group by side, anchor, image
)
select
    per.* exclude (certain, luck), least(anchor, image) as lo, greatest(anchor, image) as hi,
    greatest(
        looks / seen * case when certain then 1 else 1 - pow(1 - luck, turns) end, {1 / CLIP}
    ) as propensity
from per left join turn using (side, anchor)
"""  # noqa: S608 — ours
RATE = f"""
select sum(clicks) / (sum(round(seen * propensity * {MICRO})::bigint) / {MICRO}) from pair
where side = 'learnt'
"""  # noqa: S608 — ours
# People of both directions count together: looking alike has none.
# What is learnt from is weighted by how well liked a pair is, which few sightings tell only as far
# as the prior. What is held out is a sample to judge by: there every click stands for all the looks
# that its place did not get (Horvitz and Thompson), or whoever agrees with the ranking that served
# would always be right.
LINE = f"""
create table line as
with support as (
    select side, least(anchor, image) as lo, greatest(anchor, image) as hi,
        count(distinct session) as sessions, count(distinct viewer) as viewers
    from placed where clicked group by all
)
select
    side, anchor, image, lo, hi, clicks,
    case
        when side = 'held_out' then clicks / propensity
        when $counted then clicks
        else (clicks + {PRIOR_LOOKS} * $rate) / (seen * propensity + {PRIOR_LOOKS})
    end as weight, propensity
from pair join support using (side, lo, hi)
where clicks > 0 and (
    side = 'held_out'
    or support.sessions >= $sessions and (support.viewers >= $sessions or not $addresses)
)
"""  # noqa: S608 — ours
OVER = """
create table over as
with candidate as (
    select pair.side, pair.anchor, pair.image, pair.looks from pair
    where clicks = 0 and looks >= $looks and pair.sessions >= $sessions
    and not exists (
        from liked where (pair.side = 'held_out' or liked.clicked_at < $cut) and (
            liked.anchor = pair.anchor and liked.image = pair.image
        )
    )
    and not exists (
        from liked where (pair.side = 'held_out' or liked.clicked_at < $cut) and (
            liked.anchor = pair.image and liked.image = pair.anchor
        )
    )
),
passed as (
    select distinct side, anchor, line.image, other.image as over, candidate.looks
    from line
    join placed as click using (side, anchor, image)
    join placed as other using (side, query, anchor)
    join candidate on candidate.side = line.side and candidate.anchor = line.anchor
        and candidate.image = other.image
    where click.clicked and other.position < click.position
)
select
    side, anchor, image, over, least(anchor, over) as lo, greatest(anchor, over) as hi,
    row_number() over (partition by side, anchor, image order by looks desc, over) as place
from passed qualify place <= $most
"""
# A pair that both sides would hold stays on one, whatever it is there: its own number says which.
# Only pairs that the exam asks about are drawn, and a quarter of them stays with the exam: it has
# enough to judge by, and learning loses little.
DISPUTED = """
create table disputed as
select lo, hi, md5(lo::varchar || hi::varchar || $seed) < '4' as exam
from (select distinct lo, hi from line where side = 'held_out') as asked
semi join (
    select lo, hi from line where side = 'learnt'
    union all select lo, hi from over where side = 'learnt'
) as learnt using (lo, hi)
"""
SETTLE = (
    """
delete from line using disputed
where line.lo = disputed.lo and line.hi = disputed.hi and (side = 'held_out') <> exam
""",
    """
delete from over using disputed
where over.lo = disputed.lo and over.hi = disputed.hi and side = 'learnt' and exam
""",
    """
delete from over where not exists (
    from line where line.side = over.side and line.anchor = over.anchor and line.image = over.image
)
""",
    """
delete from over where side = 'held_out' and exists (
    from (
        select lo, hi from line where side = 'learnt'
        union all select lo, hi from over where side = 'learnt'
    ) as learnt
    where learnt.lo = over.lo and learnt.hi = over.hi
)
""",
)


def pair_up(
    engine: duckdb.DuckDBPyConnection, terms: Terms, cut: datetime
) -> tuple[float, dict[str, int]]:
    """From `placed` to `line`, the weighted pairs, and `over`, what was passed over for each.

    Returns the click rate of a look, and the clicks that were lost on the way by reason.
    """
    engine.execute(PAIR)
    rate = engine.execute(RATE).fetchall()[0][0]
    seed = {"seed": str(terms.seed)}
    asked = {
        "rate": rate,
        "sessions": terms.sessions,
        "addresses": terms.addresses,
        "counted": terms.counted,
    }
    placed = int(engine.execute("select sum(clicks) from pair").fetchall()[0][0])
    engine.execute(LINE, asked)
    clicked = _clicks(engine)
    if terms.addresses:  # where all share one, as on a laptop, nobody has many to cheat with
        leave_strangers_out(engine)
    known = _clicks(engine)
    limits = {"looks": PASSED_OVER_LOOKS, "sessions": PASSED_OVER_SESSIONS}
    engine.execute(OVER, {**limits, "cut": cut, "most": MOST_PASSED_OVER})
    engine.execute(DISPUTED, seed)
    for sql in SETTLE:
        engine.execute(sql)
    left = _clicks(engine)
    return rate, {
        "few_sessions": placed - clicked,
        "strangers": clicked - known,
        "on_the_other_side": known - left,
    }


def clicks_of(engine: duckdb.DuckDBPyConnection, side: str) -> int:
    """That the pairs of a side stand for."""
    sql = "select coalesce(sum(clicks), 0)::bigint from line where side = $side"
    found: int = engine.execute(sql, {"side": side}).fetchall()[0][0]
    return found


def _clicks(engine: duckdb.DuckDBPyConnection) -> int:
    return clicks_of(engine, "learnt") + clicks_of(engine, "held_out")
