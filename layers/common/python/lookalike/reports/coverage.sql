-- Coverage: of the visible images of the catalogue, the share that was suggested and seen.
--
-- An image counts once in each day (UTC), ISO week or month in which it was seen, and once in the
-- whole window. Images that have left the catalogue since then
-- count as well, so it is cut off at 1. Nothing seen is null. A null in period, model or slot
-- means all of them.
--
-- low and high: 95 %, by the jackknife over sessions: how many images only one session saw says how
-- many others would have been seen by other people (docs/decisions/0013). Null with fewer than two
-- sessions.
--
-- {{interval}}: day, week or month. {{since}}: its first day, as an expression: date '2026-11-01'.
-- {{catalogue}}: how many images there are to suggest.
with seen as (
    select
        cast(date_trunc('{interval}', min(occurred_at)) as date) as period,
        min(session_id) as session_id,
        min(model) as model,
        min(slot) as slot,
        image_id
    from interactions
    where
        type = 'impression'
        -- Answers live for a day, and a file may bear the day before that of a row in it.
        and dt >= cast(cast({since} - interval '2' day as date) as varchar)
    group by query_id, image_id
    having min(occurred_at) >= {since}
),

images as (
    select
        period,
        model,
        slot,
        image_id,
        min(session_id) as session_id,
        case when min(session_id) = max(session_id) then 1 else 0 end as own  -- nobody else saw it
    from seen
    group by cube (period, model, slot), image_id
),

first_sessions as (
    select
        period,
        model,
        slot,
        session_id,
        count(*) as images,
        sum(own) as own
    from images
    group by period, model, slot, session_id
),

parts as (
    select
        period,
        model,
        slot,
        images,
        own,
        own * own as squares,
        0 as sessions
    from first_sessions
    union all
    select
        period,
        model,
        slot,
        0,
        0,
        0,
        count(distinct session_id)
    from seen
    group by cube (period, model, slot)
),

sums as (
    select
        period,
        model,
        slot,
        sum(images) as events,
        sum(sessions) as sessions,
        cast(nullif(sum(sessions) - 1, 0) as double) as freedom,
        case when sum(sessions) > 0 then cast(sum(images) as double) end
        / nullif({catalogue}, 0) as ratio,
        cast(sum(own) as double) as own,
        cast(sum(squares) as double) as squares
    from parts
    group by period, model, slot
),

errors as (
    select
        *,
        -- Student's t, expanded around the normal's 1.96, times the jackknife's standard error.
        (1.96e0 + (2.37e0 + (2.82e0 + 2.56e0 / freedom) / freedom) / freedom)
        * sqrt(greatest(0, squares - own * own / sessions) * freedom / sessions)
        / {catalogue} as error
    from sums
)

select
    period,
    model,
    slot,
    case when ratio > 1 then 1e0 else ratio end as value,
    case
        when sessions < 2 or ratio is null then null
        when ratio - error > 1 then 1e0
        else greatest(0, ratio - error)
    end as low,
    case
        when sessions < 2 or ratio is null then null
        else least(1, ratio + error)
    end as high,
    events,
    {catalogue} as total,
    sessions
from errors
order by period nulls first, model nulls first, slot nulls first
