-- Sponsored share: of the suggestions that were seen, the share that was paid for.
--
-- Seen as in ctr.sql. Nothing seen is null, not 0. A null in period or model means all of them.
--
-- low and high: 95 %, clustered by session, as docs/decisions/0013 has it; null below two sessions.
--
-- {{interval}}: day, week or month. {{since}}: its first day, as an expression: date '2026-11-01'.
-- Athena and DuckDB run the same text; `interactions` has its times in UTC and dt as text.
with suggested as (
    select
        min(session_id) as session_id,
        min(model) as model,
        cast(date_trunc('{interval}', min(occurred_at)) as date) as period,
        case when min(slot) = 'sponsored' then 1 else 0 end as paid
    from interactions
    where
        type = 'impression'
        -- Answers live for a day, and a file may bear the day before that of a row in it.
        and dt >= cast(cast({since} - interval '2' day as date) as varchar)
    group by query_id, image_id
    having min(occurred_at) >= {since}
),

of_sessions as (
    select
        period,
        model,
        session_id,
        count(*) as seen,
        sum(paid) as paid
    from suggested
    group by cube (period, model), session_id
    union all  -- so that there is a row of everything where there is nothing
    select cast(null as date), cast(null as varchar), null, 0, 0
),

sums as (
    select
        period,
        model,
        sum(paid) as events,
        sum(seen) as total,
        count(case when seen > 0 then session_id end) as sessions,
        cast(nullif(count(case when seen > 0 then session_id end) - 1, 0) as double) as freedom,
        cast(sum(paid) as double) / nullif(sum(seen), 0) as value,
        cast(sum(paid * paid) as double) as yy,
        cast(sum(paid * seen) as double) as xy,
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
