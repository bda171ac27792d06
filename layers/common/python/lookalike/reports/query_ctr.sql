-- Query CTR: of the answers of which something was seen, the share of which something was clicked.
--
-- An answer belongs to the day (UTC), ISO week or month in which something of it was first seen,
-- and so do its clicks. Only a click on what was seen counts, as in ctr.sql. Nothing seen is null.
-- A null in period or model means all of them.
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
        min(case when type = 'impression' then occurred_at end) as seen_at,
        min(case when type = 'click' then occurred_at end) as clicked_at
    from interactions
    where
        type in ('impression', 'click')
        -- Answers live for a day, and a file may bear the day before that of a row in it.
        and dt >= cast(cast({since} - interval '2' day as date) as varchar)
    group by query_id, image_id
),

answers as (
    select
        min(session_id) as session_id,
        min(model) as model,
        cast(date_trunc('{interval}', min(seen_at)) as date) as period,
        max(case when clicked_at is not null then 1 else 0 end) as clicked
    from suggested
    where seen_at is not null
    group by query_id
    having min(seen_at) >= {since}
),

of_sessions as (
    select
        period,
        model,
        session_id,
        count(*) as seen,
        sum(clicked) as clicked
    from answers
    group by cube (period, model), session_id
    union all  -- so that there is a row of everything where there is nothing
    select cast(null as date), cast(null as varchar), null, 0, 0
),

sums as (
    select
        period,
        model,
        sum(clicked) as events,
        sum(seen) as total,
        count(case when seen > 0 then session_id end) as sessions,
        cast(nullif(count(case when seen > 0 then session_id end) - 1, 0) as double) as freedom,
        cast(sum(clicked) as double) / nullif(sum(seen), 0) as value,
        cast(sum(clicked * clicked) as double) as yy,
        cast(sum(clicked * seen) as double) as xy,
        cast(sum(seen * seen) as double) as xx
    from of_sessions
    group by period, model
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
    sessions
from errors
order by period nulls first, model nulls first
