"""A log of as many rows as are wanted, in the columns of the real one, written by DuckDB."""

from pathlib import Path

import duckdb

from lookalike.catalogue import image_id_of

ANSWER = 20  # rows of one answer: 18 pictures seen, two of ten answers clicked
A_PICTURE = 500  # rows: as many as let pairs come up again
SHOWN_FOR = 60  # candidates of a picture
DAYS = 30
FIRST = "2026-10-01"
UNTIL = "2026-11-15"

# Hashes stand for chance: the same log every time. One place of an answer shows a drawn candidate.
ROWS = f"""
create table log as
with answers as (
    select a, (hash(a) % $catalogue)::bigint as anchor, a // 3 as session,
        timestamp '{FIRST}' + to_milliseconds((a * {DAYS} * 86400000 // $answers)::bigint) as given,
        1 + hash(a, 'place') % {ANSWER} as place
    from range($answers) answers(a)
),
shown as (
    select *, case when p = place then hash(a, 'draw') % {SHOWN_FOR} else p end as candidate
    from answers, range(1, {ANSWER} + 1) places(p)
),
told as (
    select *, (anchor + 1 + candidate * 17) % $catalogue as picture,
        hash(a, p) % 1000 < 400 // sqrt(p) // (1 + hash(anchor, candidate) % 7) as clicked
    from shown
)
select
    uuid() as event_id, kind as type, md5(a::varchar)::uuid as query_id,
    'session-' || session as session_id, anchors.id as anchor_image_id, images.id as image_id,
    p as position, case when p = place then 'explore' else 'organic' end as slot,
    case when p = place then 1 / {SHOWN_FOR * ANSWER} else 1 end as propensity,
    'm1' as model, 'ranked' as policy, null::integer as dwell_ms, given as issued_at,
    given + to_seconds(5 * p) as occurred_at, given + to_seconds(5 * p + 2) as received_at,
    'edge-' || (session % 200) as source, 'viewer-' || session as viewer
from told
join pictures anchors on anchors.n = anchor join pictures images on images.n = picture,
(values ('impression'), ('click')) kinds(kind)
where kind = 'impression' or clicked
"""


def made(root: Path, rows: int, suffix: str) -> tuple[Path, Path]:
    """About so many rows, a file a day. suffix: jsonl or parquet. Returns log and pictures."""
    pictures, log = root / "pictures", root / "interactions"
    pictures.mkdir(parents=True, exist_ok=True)
    keys = [f"{number:05}.jpg" for number in range(rows // A_PICTURE)]
    for name in keys:
        (pictures / name).touch()
    table = root / "pictures.csv"
    ids = (f"{number},{image_id_of(name)}" for number, name in enumerate(keys))
    table.write_text("\n".join(["n,id", *ids]))
    form = "parquet" if suffix == "parquet" else "json"
    with duckdb.connect(str(root / "made.duckdb"), config={"memory_limit": "2GB"}) as engine:
        engine.execute(f"create table pictures as from read_csv('{table}', header=true)")
        engine.execute(ROWS, {"answers": rows // (ANSWER + 1), "catalogue": len(keys)})
        for day in range(DAYS + 1):
            date = f"{FIRST}'::date + {day}"
            name = engine.execute(f"select ('{date})::varchar").fetchall()[0][0]
            folder = log / f"dt={name}"
            folder.mkdir(parents=True, exist_ok=True)
            engine.execute(
                f"copy (from log where received_at::date = '{date}) "
                f"to '{folder / ('interactions.' + suffix)}' (format {form})"
            )
    (root / "made.duckdb").unlink()
    return log, pictures
