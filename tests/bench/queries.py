"""What our own code adds to the engine and the encoder, per query."""

import base64
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import qdrant_edge as engine

from lookalike import images, wiring
from lookalike.images import enough_for
from lookalike.requests import Asked
from tests.bench.bench import Bench
from tests.bench.clocks import alternately, p50, p95
from tests.bench.crowd import Crowd
from tests.bench.tables import Row, Table, at_most, ms, percent, times
from tests.bench.worlds import Call, engine_of, handler, similar_event, upload_event

MOST_TIMES = 10.0  # similar by id, against the engine's bare query
MOST_SHARE = 0.25  # of a search by upload: what is not decode, encode or engine
LIMIT = Asked().limit
AT_ONCE = 1_000  # points
CLICKS = 10  # of one person, before the next one begins somewhere else
T = TypeVar("T")
Pair = tuple[T, T]


def tables(bench: Bench) -> Iterator[Table]:
    with bench.crowded() as crowd:
        search = handler("search")
        shard = engine_of(wiring.index(), bench.card.model)
        _touch(shard, crowd.image_ids)
        yield _similar(bench, crowd, search, shard)
        yield _upload(bench, search, shard)


def _touch(shard: Any, image_ids: Sequence[str]) -> None:
    """Read every point once, so that nothing is measured that waits for the disk."""
    for first in range(0, len(image_ids), AT_ONCE):
        shard.retrieve(list(image_ids[first : first + AT_ONCE]), True, True)


def _similar(bench: Bench, crowd: Crowd, search: Call, shard: Any) -> Table:
    many = 2 * bench.sizes.queries
    chosen = random.Random(4).sample(range(len(crowd.image_ids)), many)
    picture = images.decode(bench.small[0].read_bytes()).pixels

    def whole(rows: Pair[int]) -> Any:
        return search(similar_event(crowd.image_ids[rows[0]]))

    def bare(rows: Pair[int]) -> Any:
        return _bare(shard, crowd.vectors[rows[1]].tolist(), LIMIT)

    def encode(rows: Pair[int]) -> Any:
        return bench.encoder.encode([picture])

    anywhere, engine_alone = alternately(_pairs(chosen)[::2], whole, bare)
    beside, encoding = alternately(_pairs(chosen)[1::2], whole, encode)
    walk = _Walk(search, crowd, bench.sizes.queries)
    onwards, engine_again = alternately(walk, walk.ask, bare)
    rows = [
        _against_engine("any image of the catalogue, each asked once", anywhere, engine_alone),
        _against_engine(f"{CLICKS} clicks from look-alike to look-alike", onwards, engine_again),
        Row(
            "any image, against one encode",
            f"p50 {ms(p50(beside))}",
            f"p50 {ms(p50(encoding))}",
            times(p50(beside) / p50(encoding)),
            at_most(p50(beside), p50(encoding), "1 ×"),
        ),
    ]
    notes = (
        f"{len(crowd.image_ids):,} points. Measured: API Gateway event to JSON answer, limit "
        f"{LIMIT}. Against: the engine's own query by vector, {LIMIT} results with payload.",
        "The handler asks for some times as many, with vectors, filters by status and ranks them.",
    )
    return Table("Queries: similar by id, through the whole handler", rows, notes)


def _pairs(items: Sequence[T]) -> list[Pair[T]]:
    """Each item with the one half a list away: what comes second must not find the engine's
    memory warmed by what came first."""
    half = len(items) // 2
    return list(zip(items, [*items[half:], *items[:half]], strict=True))


def _against_engine(what: str, ours: Sequence[float], bare: Sequence[float]) -> Row:
    ratio = p50(ours) / p50(bare)
    return Row(
        what,
        f"p50 {ms(p50(ours))}, p95 {ms(p95(ours))}",
        f"p50 {ms(p50(bare))}, p95 {ms(p95(bare))}",
        times(ratio),
        at_most(ratio, MOST_TIMES, "10 ×"),
    )


class _Walk:
    """What a person does who clicks on: begin anywhere, ask, choose a result, ask for that one."""

    def __init__(self, search: Call, crowd: Crowd, steps: int) -> None:
        self.search, self.crowd, self.steps = search, crowd, steps
        self.answer: dict[str, Any] = {}

    def ask(self, rows: Pair[int]) -> None:
        self.answer = self.search(similar_event(self.crowd.image_ids[rows[0]]))

    def __iter__(self) -> Iterator[Pair[int]]:
        rows = {image_id: row for row, image_id in enumerate(self.crowd.image_ids)}
        chance = random.Random(5)
        for step in range(self.steps):
            results = json.loads(self.answer["body"])["results"] if step % CLICKS else []
            ids = [result["image_id"] for result in results] or self.crowd.image_ids
            yield rows[chance.choice(ids)], chance.randrange(len(rows))


def _upload(bench: Bench, search: Call, shard: Any) -> Table:
    small = [path.read_bytes() for path in bench.small[: bench.sizes.uploads]]
    phone = [path.read_bytes() for path in bench.phone]
    rows = [
        _share("a picture of the catalogue's size", small, bench, search, shard),
        _share("a phone's photo of 12 megapixels", phone, bench, search, shard),
    ]
    notes = (
        "Against: decode, encode and the engine's query (as many candidates, same filter, with "
        "payload and vector) by themselves. Ratio: the share of the whole that is neither.",
    )
    return Table("Queries: search by upload", rows, notes)


def _share(what: str, pictures: Sequence[bytes], bench: Bench, search: Call, shard: Any) -> Row:
    enough = enough_for(bench.card.preprocessing.size)
    reach = LIMIT * wiring.settings().candidates_per_result

    def parts(data: bytes) -> Any:
        pixels = images.decode(data, at_least=enough).pixels
        return _bare(shard, bench.encoder.encode([pixels])[0].tolist(), reach, True)

    events = {data: upload_event(base64.b64encode(data).decode()) for data in pictures}
    whole, needed = alternately(
        _pairs(pictures), lambda pair: search(events[pair[0]]), lambda pair: parts(pair[1])
    )
    share = max(0.0, 1 - sum(needed) / sum(whole))
    return Row(
        what,
        f"p50 {ms(p50(whole))}, p95 {ms(p95(whole))}",
        f"p50 {ms(p50(needed))}",
        percent(share),
        at_most(share, MOST_SHARE, percent(MOST_SHARE)),
    )


def _bare(shard: Any, vector: list[float], limit: int, as_ours: bool = False) -> Any:
    """The engine alone, asked for so many points with payload; as_ours: also as we ask it."""
    visible = engine.FieldCondition(key="status", match=engine.MatchAny(["visible"]))
    return shard.query(
        engine.QueryRequest(
            query=engine.Query.Nearest(vector),
            limit=limit,
            filter=engine.Filter(must=[visible]) if as_ours else None,
            with_payload=True,
            with_vector=as_ours,
        )
    )
