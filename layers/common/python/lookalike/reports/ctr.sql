-- CTR: of the suggestions that were seen, the share that was clicked.
--
-- A suggestion is one image of one answer, however often it was seen or clicked and whatever was
-- sent twice. It belongs to the day (UTC), ISO week or month in which it was first seen, and so does
-- its click, however late that came. A click whose impression never came is no evidence of how
-- many were seen: it counts apart, in unseen_clicks. Nothing seen is null, not 0.
-- A null in period, model or slot means all of them.
--
-- {{interval}}: day, week or month. {{since}}: its first day, as an expression: date '2026-11-01'.
-- Athena and DuckDB run the same text; `interactions` has its times in UTC and dt as text.
with suggested as (
    select
        query_id,
        image_id,
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
        seen_at,
        clicked_at
    from suggested
    where coalesce(seen_at, clicked_at) >= {since}
)

select
    period,
    model,
    slot,
    count(seen_at) as impressions,
    count(case when seen_at is not null then clicked_at end) as clicks,
    count(case when seen_at is null then clicked_at end) as unseen_clicks,
    cast(count(case when seen_at is not null then clicked_at end) as double)
    / nullif(count(seen_at), 0) as ctr
from placed
group by cube (period, model, slot)
order by period nulls first, model nulls first, slot nulls first
