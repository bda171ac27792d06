-- Time spent: foreground milliseconds on suggested images, for each session.
--
-- A dwell belongs to the day (UTC), ISO week or month in which it occurred, so that a session that
-- goes on past midnight is a session of both days, and one of their week. Sessions that saw
-- suggestions and dwelt on none count with 0; without any session it is null. Of rows with
-- the same event_id the first to be received counts.
-- A null in period, model or slot means all of them.
--
-- low and high: 95 %, clustered by session, as docs/decisions/0013 has it; null below two sessions.
--
-- {{interval}}: day, week or month. {{since}}: its first day, as an expression: date '2026-11-01'.
-- Athena and DuckDB run the same text; `interactions` has its times in UTC and dt as text.
with copies as (
    select
        cast(date_trunc('{interval}', occurred_at) as date) as period,
        model,
        slot,
        session_id,
        dwell_ms,
        occurred_at,
        row_number() over (
            partition by event_id
            order by
                received_at, dwell_ms desc nulls last, occurred_at, session_id, query_id, image_id
        ) as copy
    from interactions
    -- A copy may be a day older, and a file may bear the day before that of a row in it.
    where dt >= cast(cast({since} - interval '2' day as date) as varchar)
),

of_sessions as (
    select
        period,
        model,
        slot,
        session_id,
        cast(coalesce(sum(dwell_ms), 0) as bigint) as ms,
        count(dwell_ms) as dwells
    from copies
    where copy = 1 and occurred_at >= {since}
    group by cube (period, model, slot), session_id
    union all  -- so that there is a row of everything where there is nothing
    select cast(null as date), cast(null as varchar), cast(null as varchar), null, 0, 0
),

sums as (
    select
        period,
        model,
        slot,
        sum(ms) as events,
        sum(dwells) as dwells,
        count(case when dwells > 0 then session_id end) as dwelling_sessions,
        count(session_id) as sessions,
        cast(nullif(count(session_id) - 1, 0) as double) as freedom,
        cast(sum(ms) as double) / nullif(count(session_id), 0) as value,
        sum(cast(ms as double) * ms) as yy
    from of_sessions
    group by period, model, slot
),

errors as (
    select
        *,
        -- Student's t, expanded around the normal's 1.96, times the standard error of a mean.
        (1.96e0 + (2.37e0 + (2.82e0 + 2.56e0 / freedom) / freedom) / freedom)
        * sqrt(greatest(0, yy - sessions * value * value) * (1 + 1 / freedom))
        / sessions as error
    from sums
)

select
    period,
    model,
    slot,
    value,
    case when sessions < 2 or events = 0 then null else greatest(0, value - error) end as low,
    case when sessions < 2 or events = 0 then null else value + error end as high,
    events,
    sessions as total,
    sessions,
    dwells,
    dwelling_sessions
from errors
order by period nulls first, model nulls first, slot nulls first
