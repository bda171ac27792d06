"""Whose clicks count, and how many of them: nobody's many may pass for the many's."""

from dataclasses import dataclass

import duckdb

# Two seconds for a click, a look and the way back: nobody keeps that up for a minute.
CLICKS_A_MINUTE = 30
# Who clicks nearly all there is to see does not say what looks alike; a few clicks may be chance.
CLICKED_SHARE, CLICKS_THAT_SHOW = 0.8, 20


@dataclass(frozen=True)
class Judged:
    """fates: of every click, 'kept' or why not. suggestions: that were seen or clicked in all.

    sessions, viewers: that made the clicks that are kept; viewers count anew each day.
    """

    fates: dict[str, int]
    suggestions: int
    sessions: int
    viewers: int


@dataclass(frozen=True)
class Caps:
    """How many clicks count at most; of what is more, whole answers are left out, drawn by seed.

    Whole answers, because a click less and its sighting kept would be a picture passed over.

    session: in all. viewer, source: an address's, of a day, as the data dictionary says; a viewer
    may be an office, and a source is an edge of CloudFront, or whoever calls the API directly and
    then claims what viewers they like. None: not counted, where all share one address.
    """

    session: int
    viewer: int | None
    source: int | None
    seed: int


# One row for each picture that a session saw or clicked in an answer, whatever was told twice.
HEARD = """
create table heard as
select
    query, session, image,
    min(anchor) as anchor, min(position) as position, min(slot) as slot, min(chance) as chance,
    min(policy) as policy, bool_or(kind = 'impression') as seen,
    min(occurred_at) filter (kind = 'click') as clicked_at, max(occurred_at) as last_at,
    min(issued_at) as issued_at, min(received_at) as received_at,
    min(source) as source, min(viewer) as viewer
from told
where whole and issued_at >= $since and received_at < $until
group by query, session, image
"""
# An answer was given to one session. Another that brings its token has it from there.
SIGHTING = """
create table sighting as
with claim as (
    select query, session, min(received_at) as received_at from heard group by query, session
),
owner as (
    select query, min({'at': received_at, 'session': session}).session as session
    from claim group by query
)
select heard.* exclude (received_at) from heard join owner using (query, session)
"""
USABLE = "clicked_at is not null and seen and slot <> 'sponsored' and image <> anchor"
ANSWER = f"""
create table answer as
select
    query, min(session) as session, min(anchor) as anchor, min(issued_at) as issued_at,
    max(last_at) as last_at, min(source) as source, min(viewer) as viewer,
    count_if({USABLE}) as clicks, md5(query::varchar || '|' || $seed) as lot,
    null::varchar as refusal
from sighting group by query
"""  # noqa: S608 — ours
IMPLAUSIBLE = """
update answer set refusal = 'implausible_session' where session in (
    select session from sighting where clicked_at is not null
    group by session, date_trunc('minute', clicked_at) having count(*) > $a_minute
    union all
    select session from sighting group by session
    having count(clicked_at) >= $enough and count(clicked_at) > $share * count_if(seen)
)
"""
UPLOADS = "update answer set refusal = 'no_anchor' where anchor is null and refusal is null"
CAP = """
update answer set refusal = $refusal from (
    select query, sum(clicks) over (
        partition by {whose} order by lot, query rows unbounded preceding
    ) as so_far
    from answer where refusal is null
) as counted
where counted.query = answer.query and so_far > $cap
"""
SHOWN = """
create table shown as
select
    query, image, answer.anchor, answer.session, answer.viewer, position, slot, chance, policy,
    clicked_at is not null as clicked, answer.issued_at, answer.last_at
from sighting join answer using (query)
where refusal is null and seen and slot <> 'sponsored' and image <> answer.anchor
"""
# Also where it was paid for, or clicked sooner than seen: enough not to be called passed over.
LIKED = """
create table liked as
select answer.anchor, image, min(clicked_at) as clicked_at
from sighting join answer using (query)
where refusal is null and clicked_at is not null
group by answer.anchor, image
"""
FATES = """
select
    case
        when answer.query is null or answer.session <> heard.session then 'other_session'
        when refusal is not null then refusal
        when slot = 'sponsored' then 'sponsored'
        when not seen then 'unseen'
        when image = answer.anchor then 'itself'
        else 'kept'
    end as fate,
    count(*)
from heard left join answer using (query)
where clicked_at is not null
group by fate order by fate
"""


WHO = "select count(distinct session), count(distinct viewer) from shown where clicked"


def judge(engine: duckdb.DuckDBPyConnection, window: dict[str, object], caps: Caps) -> Judged:
    """From table `told` to `shown`, what counts as seen, and `liked`. window: since and until."""
    engine.execute(HEARD, window)
    engine.execute("drop table told")
    engine.execute(SIGHTING)
    engine.execute(ANSWER, {"seed": str(caps.seed)})
    limits = {
        "a_minute": CLICKS_A_MINUTE,
        "enough": CLICKS_THAT_SHOW,
        "share": CLICKED_SHARE,
    }
    engine.execute(IMPLAUSIBLE, limits)
    engine.execute(UPLOADS)
    for refusal, whose, cap in (
        ("session_cap", "session", caps.session),
        ("viewer_cap", "viewer, issued_at::date", caps.viewer),
        ("source_cap", "source, issued_at::date", caps.source),
    ):
        if cap is not None:
            engine.execute(CAP.format(whose=whose), {"refusal": refusal, "cap": cap})
    engine.execute(SHOWN)
    engine.execute(LIKED)
    fates = dict(engine.execute(FATES).fetchall())
    suggestions: int = engine.execute("select count(*) from heard").fetchall()[0][0]
    for table in ("heard", "sighting", "answer"):
        engine.execute(f"drop table {table}")
    sessions, viewers = engine.execute(WHO).fetchall()[0]
    return Judged(fates, suggestions, sessions, viewers)
