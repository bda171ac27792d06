-- The two sides of a trial: CTR of the live model and of the challenger since the trial began.
--
-- Suggestions and clicks as in ctr.sql, of answers that were given since then. assigned: sessions
-- that belong to a side, for the check that the split is what it was meant to be. A session that
-- the challenger ever answered is the challenger's: an instance may hear of the trial seconds late,
-- and answer the first question of such a session with the live model.
-- A null in model means both.
--
-- low and high: 95 %, clustered by session, as docs/decisions/0013 has it; null below two sessions.
--
-- {{live}}, {{challenger}}: versions. {{since}}: when it began, as an expression:
-- timestamp '2026-11-01 10:00:00.000'.
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
        and model in ('{live}', '{challenger}')
        and issued_at >= {since}
        -- Answers live for a day, and a file may bear the day before that of a row in it.
        and dt >= cast(cast({since} - interval '2' day as date) as varchar)
    group by query_id, image_id
),

of_sides as (
    select
        model,
        session_id,
        sum(case when seen_at is not null then 1 else 0 end) as seen,
        sum(case when seen_at is not null and clicked_at is not null then 1 else 0 end) as clicked
    from suggested
    group by cube (model), session_id
),

of_sessions as (
    select
        model,
        session_id,
        seen,
        clicked,
        case
            when model is null then 1
            when model = '{challenger}' then 1
            when count(*) over (partition by session_id) = 2 then 1  -- this side and both together
            else 0
        end as assigned
    from of_sides
    union all  -- so that there is a row of everything where there is nothing
    select cast(null as varchar), null, 0, 0, 0
),

sums as (
    select
        model,
        sum(clicked) as events,
        sum(seen) as total,
        sum(assigned) as assigned,
        count(case when seen > 0 then session_id end) as sessions,
        cast(nullif(count(case when seen > 0 then session_id end) - 1, 0) as double) as freedom,
        cast(sum(clicked) as double) / nullif(sum(seen), 0) as value,
        cast(sum(clicked * clicked) as double) as yy,
        cast(sum(clicked * seen) as double) as xy,
        cast(sum(seen * seen) as double) as xx
    from of_sessions
    group by model
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
    sessions,
    assigned
from errors
order by model nulls first
