-- CTR: of the suggestions that were seen, the share that was clicked.
--
-- A suggestion is one image of one answer, however often it was seen or clicked and whatever was
-- sent twice. It belongs to the day (UTC), ISO week or month in which it was first seen, and so
-- does its click, however late that came. A click whose impression never came is no evidence of how
-- many were seen: it counts apart, in clicked_unseen. Nothing seen is null, not 0.
-- A null in period, model or slot means all of them.
--
-- low and high: 95 %, clustered by session, as docs/decisions/0013 has it; null below two sessions.
--
-- {{interval}}: day, week or month. {{since}}: its first day, as an expression: date '2026-11-01'.
-- Athena and DuckDB run the same text; `interactions` has its times in UTC and dt as text.
with suggested as (
    select
        query_id,
        image_id,
        min(session_id) as session_id,
        min(model) as model,
        min(slot) as slot,
        min(case when type = 'impression' then occurred_at end) as seen_at,
        min(case when type = 'click' then occurred_at end) as clicked_at
    from interactions
    where
        type in ('impression', 'click')
        -- Answers live for a day, and a file may bear the day before that of a row in it.
        and dt >= cast(cast({since} - interval '2' day as date) as varchar)
    group by query_id, image_id
),

placed as (
    select
        cast(date_trunc('{interval}', coalesce(seen_at, clicked_at)) as date) as period,
        model,
        slot,
        session_id,
        case when seen_at is not null then 1 else 0 end as seen,
        case when seen_at is not null and clicked_at is not null then 1 else 0 end as clicked,
        case when seen_at is null then 1 else 0 end as clicked_unseen
    from suggested
    where coalesce(seen_at, clicked_at) >= {since}
),

-- It is people that chance draws, not what each of them sees: what one session saw goes together,
-- in every row of the report anew.
of_sessions as (
    select
        period,
        model,
        slot,
        session_id,
        sum(seen) as seen,
        sum(clicked) as clicked,
        sum(clicked_unseen) as clicked_unseen
    from placed
    group by cube (period, model, slot), session_id
    union all  -- so that there is a row of everything where there is nothing
    select cast(null as date), cast(null as varchar), cast(null as varchar), null, 0, 0, 0
),

sums as (
    select
        period,
        model,
        slot,
        sum(clicked) as events,
        sum(seen) as total,
        sum(clicked_unseen) as clicked_unseen,
        count(case when seen > 0 then session_id end) as sessions,
        cast(nullif(count(case when seen > 0 then session_id end) - 1, 0) as double) as freedom,
        cast(sum(clicked) as double) / nullif(sum(seen), 0) as value,
        cast(sum(clicked * clicked) as double) as yy,
        cast(sum(clicked * seen) as double) as xy,
        cast(sum(seen * seen) as double) as xx
    from of_sessions
    group by period, model, slot
),

errors as (
    select
        *,
        -- Student's t, expanded around the normal's 1.96, times the standard error of a ratio.
        (1.96e0 + (2.37e0 + (2.82e0 + 2.56e0 / freedom) / freedom) / freedom)
        * sqrt(greatest(0, yy - 2 * value * xy + value * value * xx) * (1 + 1 / freedom))
        / total as error
    from sums
)

select
    period,
    model,
    slot,
    value,
    case
        when sessions < 2 then null
        when events = total then power(0.025e0, 1e0 / sessions)  -- all: what sessions alone allow
        else greatest(0, value - error)
    end as low,
    case
        when sessions < 2 then null
        when events = 0 then 1 - power(0.025e0, 1e0 / sessions)  -- none
        else least(1, value + error)
    end as high,
    events,
    total,
    sessions,
    clicked_unseen
from errors
order by period nulls first, model nulls first, slot nulls first
