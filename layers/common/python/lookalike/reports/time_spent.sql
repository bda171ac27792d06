-- Time spent: foreground milliseconds on suggested images, for each session.
--
-- A dwell belongs to the day (UTC), ISO week or month in which it occurred, so that a session that
-- goes on past midnight is a session of both days, and one of their week. Sessions that saw
-- suggestions and dwelt on none count with 0; without any session it is null. Of rows with
-- the same event_id the first to be received counts.
-- A null in period, model or slot means all of them.
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
            order by received_at, dwell_ms desc nulls last, occurred_at, session_id, query_id, image_id
        ) as copy
    from interactions
    -- A copy may be a day older, and a file may bear the day before that of a row in it.
    where dt >= cast(cast({since} - interval '2' day as date) as varchar)
)

select
    period,
    model,
    slot,
    count(distinct session_id) as sessions,
    count(distinct case when dwell_ms is not null then session_id end) as dwelling_sessions,
    count(dwell_ms) as dwells,
    cast(coalesce(sum(dwell_ms), 0) as bigint) as total_ms,
    cast(coalesce(sum(dwell_ms), 0) as double)
    / nullif(count(distinct session_id), 0) as ms_per_session
from copies
where copy = 1 and occurred_at >= {since}
group by cube (period, model, slot)
order by period nulls first, model nulls first, slot nulls first
