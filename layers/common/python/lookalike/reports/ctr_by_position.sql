-- CTR by place in the answer: how much of a click is the place's doing, and not the picture's.
--
-- Counted as in ctr.sql; a null in position or slot means all of them.
--
-- {{since}}: the first day, as an expression: date '2026-11-01'.
with suggested as (
    select
        query_id,
        image_id,
        min(position) as position,
        min(slot) as slot,
        min(case when type = 'impression' then occurred_at end) as seen_at,
        min(case when type = 'click' then occurred_at end) as clicked_at
    from interactions
    where
        type in ('impression', 'click')
        -- Answers live for a day, and a file may bear the day before that of a row in it.
        and dt >= cast(cast({since} - interval '2' day as date) as varchar)
    group by query_id, image_id
)

select
    position,
    slot,
    count(seen_at) as impressions,
    count(case when seen_at is not null then clicked_at end) as clicks,
    count(case when seen_at is null then clicked_at end) as unseen_clicks,
    cast(count(case when seen_at is not null then clicked_at end) as double)
    / nullif(count(seen_at), 0) as ctr
from suggested
where coalesce(seen_at, clicked_at) >= {since}
group by cube (position, slot)
order by position nulls first, slot nulls first
