"""One contract, every engine: Edge in a folder, qdrant-client in memory, the one that simulations
trust, a real server if given."""

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from lookalike.catalogue import IndexedImage, Sponsorship, Status, image_id_of
from lookalike.edge import QdrantEdge
from lookalike.edge_shards import REBUILT, UNFINISHED, Shards
from lookalike.errors import IndexUnavailable, InvalidRequest, UnknownImage
from lookalike.index import (
    TIE_BITS,
    Candidate,
    Index,
    Only,
    Vector,
    Wanted,
    browse_order,
    collection_of,
)
from lookalike.qdrant_connection import Address, Connection
from lookalike.qdrant_server import QdrantServer
from tests.points import InMemory, image
from tests.simulator.memory import MemoryIndex

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")

SERVER = os.environ.get("LOOKALIKE_TEST_QDRANT_URL")
ENGINES = ["edge", "memory", "simulated", *(["server"] if SERVER else [])]
DIMENSION = 8
NOBODY = image_id_of("nobody.jpg")
ANY = Only(statuses=())


def at(degrees: float) -> Vector:
    """A unit vector on a circle, so that similarity is visible: at(0), at(90)."""
    circle = np.zeros(DIMENSION, np.float32)
    circle[:2] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return circle


@pytest.fixture(scope="module", params=ENGINES)
def index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    built: dict[str, Callable[[], Index]] = {
        "edge": lambda: QdrantEdge(tmp_path_factory.mktemp("index")),
        "memory": lambda: QdrantServer(InMemory()),
        "simulated": MemoryIndex,
        "server": lambda: QdrantServer(Connection(lambda: Address(str(SERVER)), 10)),
    }
    engine = built[request.param]()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def collection(index: Index) -> Iterator[str]:
    """One for all tests, because a new one costs Edge a third of a second; named by chance, so
    that a real server can be shared."""
    name = f"test-{uuid4().hex[:12]}"
    index.open(name, DIMENSION)
    yield name
    index.drop(name)


@pytest.fixture
def model(index: Index, collection: str) -> Iterator[str]:
    """The name of an empty collection."""
    yield collection
    for one in list(index.scan(collection)):
        index.delete(collection, one.image_id)


@pytest.fixture
def clock(index: Index, model: str) -> dict[str, IndexedImage]:
    """Pictures at 0°, 10° … 90°, by their names "0", "10" …"""
    images = {str(degrees): image(f"{degrees}.jpg") for degrees in range(0, 100, 10)}
    for name, one in images.items():
        index.put(model, one, at(float(name)))
    return images


def test_the_nearest_comes_first_with_its_cosine_as_the_score(
    index: Index, model: str, clock: dict[str, IndexedImage]
) -> None:
    found = index.nearest(model, Wanted(at(2)), 3, Only())

    assert [one.image for one in found] == [clock["0"], clock["10"], clock["20"]]
    assert [one.score for one in found] == pytest.approx(np.cos(np.radians([2, 8, 18])), abs=1e-5)


def test_a_candidate_brings_its_unit_vector_whatever_length_was_put(
    index: Index, model: str
) -> None:
    index.put(model, image("long.jpg"), 7 * at(30))

    [found] = index.nearest(model, Wanted(at(0)), 1, Only())

    assert found.vector is not None
    assert found.vector.dtype == np.float32
    assert found.vector == pytest.approx(at(30), abs=1e-6)


def test_similar_gives_the_image_and_its_neighbours_without_itself(
    index: Index, model: str, clock: dict[str, IndexedImage]
) -> None:
    anchor, found = index.similar(model, clock["40"].image_id, 4, Only())

    assert anchor == clock["40"]
    assert {one.image.key for one in found[:2]} == {"30.jpg", "50.jpg"}
    assert {one.image.key for one in found[2:]} == {"20.jpg", "60.jpg"}


def test_similar_describes_an_image_that_filters_would_hide(index: Index, model: str) -> None:
    index.put(model, image("blocked.jpg", status="blocked"), at(0))
    index.put(model, image("seen.jpg"), at(5))

    anchor, found = index.similar(model, image_id_of("blocked.jpg"), 5, Only())

    assert anchor.status == "blocked"
    assert [one.image.key for one in found] == ["seen.jpg"]


STEERING = [
    (vector, positive, negative)
    for vector in (False, True)
    for positive, negative in itertools.product([(), (0,), (0, 1), (0, 0, 1)], [(), (2,), (2, 3)])
    if vector or positive
]


@pytest.mark.parametrize(("vector", "positive", "negative"), STEERING)
def test_steering_follows_its_formula_on_every_engine(
    index: Index,
    model: str,
    vector: bool,
    positive: tuple[int, ...],
    negative: tuple[int, ...],
) -> None:
    random = np.random.default_rng(7)
    vectors = random.standard_normal((30, DIMENSION)).astype(np.float32)
    stored = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [image_id_of(f"{row}.jpg") for row in range(30)]
    for row in range(30):
        index.put(model, image(f"{row}.jpg"), vectors[row])
    asked = 5 * random.standard_normal(DIMENSION).astype(np.float32)

    found = index.nearest(
        model,
        Wanted(
            asked if vector else None,
            tuple(ids[row] for row in positive),
            tuple(ids[row] for row in negative),
        ),
        10,
        Only(),
    )

    towards = [*stored[list(positive)], *([asked / np.linalg.norm(asked)] if vector else [])]
    query = np.mean(towards, axis=0)
    if negative:
        query = 2 * query - np.mean(stored[list(negative)], axis=0)
    cosines = stored @ (query / np.linalg.norm(query))
    rest = [row for row in np.argsort(-cosines) if row not in (*positive, *negative)]
    assert [one.image.image_id for one in found] == [ids[row] for row in rest[:10]]
    assert [one.score for one in found] == pytest.approx(cosines[rest[:10]], abs=1e-5)


def test_an_offset_continues_where_the_first_page_ended(
    index: Index, model: str, clock: dict[str, IndexedImage]
) -> None:
    wanted = Wanted(at(1))

    whole = index.nearest(model, wanted, 10, Only())
    pages = index.nearest(model, wanted, 4, Only()) + index.nearest(model, wanted, 6, Only(), 4)
    _, similar = index.similar(model, clock["0"].image_id, 2, Only(), offset=1)

    assert [one.image.key for one in pages] == [one.image.key for one in whole]
    assert [one.image.key for one in similar] == ["20.jpg", "30.jpg"]


@pytest.mark.parametrize("unknown", [NOBODY, "not-an-id", image_id_of("0.jpg").upper(), ""])
def test_an_unknown_image_is_named_wherever_it_is_asked_for(
    index: Index, model: str, clock: dict[str, IndexedImage], unknown: str
) -> None:
    known = clock["0"].image_id
    asks: list[Callable[[], object]] = [
        lambda: index.similar(model, unknown, 5, Only()),
        lambda: index.nearest(model, Wanted(positive=(known, unknown)), 5, Only()),
        lambda: index.nearest(model, Wanted(positive=(known,), negative=(unknown,)), 5, Only()),
        lambda: index.nearest(model, Wanted(at(0), negative=(unknown,)), 5, Only()),
    ]
    for ask in asks:
        with pytest.raises(UnknownImage) as error:
            ask()
        assert error.value.image_id == unknown

    assert index.get(model, unknown) is None
    assert index.vector(model, unknown) is None
    index.delete(model, unknown)
    assert index.count(model) == len(clock)


def test_looking_for_nothing_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        Wanted(negative=(NOBODY,))


@pytest.mark.parametrize(
    ("only", "keys"),
    [
        (Only(), {"a/1.jpg", "a/2.jpg", "á/3.jpg"}),
        (Only(statuses=("blocked", "unsafe")), {"a/4.jpg", "b.jpg"}),
        (Only(statuses=()), {"a/1.jpg", "a/2.jpg", "á/3.jpg", "a/4.jpg", "b.jpg"}),
        (Only(tags=("red",)), {"a/1.jpg", "a/2.jpg"}),
        (Only(tags=("red", "wool")), {"a/1.jpg"}),
        (Only(tags=("red", "silk")), set()),
        (Only(tags=("re",)), set()),
        (Only(prefix="a/"), {"a/1.jpg", "a/2.jpg"}),
        (Only(prefix="A/"), set()),
        (Only(prefix="á"), {"á/3.jpg"}),
        (Only(prefix="a/2.jpg"), {"a/2.jpg"}),
        (Only(statuses=(), tags=("red",), prefix="a/4"), {"a/4.jpg"}),
    ],
)
def test_filters_mean_the_same_for_every_question(
    index: Index, model: str, only: Only, keys: set[str]
) -> None:
    rows: list[tuple[str, Status, tuple[str, ...]]] = [
        ("a/1.jpg", "visible", ("red", "wool")),
        ("a/2.jpg", "visible", ("red",)),
        ("á/3.jpg", "visible", ()),
        ("a/4.jpg", "blocked", ("red",)),
        ("b.jpg", "unsafe", ()),
    ]
    for key, status, tags in rows:
        index.put(model, image(key, status=status, tags=tags), at(len(key)))

    found = index.nearest(model, Wanted(at(0)), 10, only)
    page, _ = index.browse(model, only, 10, None)

    assert {one.image.key for one in found} == keys
    assert {one.key for one in page} == keys
    assert index.count(model, only) == len(keys)


def test_a_prefix_is_exact_for_any_characters(index: Index, model: str) -> None:
    keys = [
        "été/1.jpg",
        "e\u0301te\u0301/1.jpg",
        "🧵 +&%/x.jpg",
        "a*b.jpg",
        "aXb.jpg",
        "日本/語.jpg",
    ]
    for key in keys:
        index.put(model, image(key), at(0))

    for prefix in {key[:length] for key in keys for length in range(1, len(key) + 1)}:
        page, _ = index.browse(model, Only(prefix=prefix), 10, None)
        assert {one.key for one in page} == {key for key in keys if key.startswith(prefix)}


def test_everything_known_of_an_image_comes_back(index: Index, model: str) -> None:
    sponsored = Sponsorship("spring 🌷", None, None)
    put = image("a b+c/ü🧵.jpg", tags=("x", "ÿ"), group="sku", sponsored=sponsored, reason="why")
    index.put(model, put, at(20))

    assert index.get(model, put.image_id) == put
    assert index.vector(model, put.image_id) == pytest.approx(at(20), abs=1e-6)
    assert list(index.scan(model)) == [put]


def test_putting_again_replaces_the_whole_image_and_its_vector(index: Index, model: str) -> None:
    rich = image("a.jpg", tags=("old",), group="g", sponsored=Sponsorship("c"), reason="r")
    plain = replace(rich, tags=(), group="", sponsored=None, reason="", status="blocked")
    index.put(model, rich, at(0))
    index.put(model, plain, at(90))

    assert index.get(model, rich.image_id) == plain
    assert index.count(model) == 1
    assert index.count(model, Only(statuses=(), tags=("old",))) == 0
    assert index.nearest(model, Wanted(at(90)), 5, ANY)[0].score == pytest.approx(1, abs=1e-5)


def test_an_answer_knows_what_changed_since_the_last_one(
    index: Index, model: str, clock: dict[str, IndexedImage]
) -> None:
    def ask() -> dict[str, Candidate]:
        return {one.image.key: one for one in index.nearest(model, Wanted(at(0)), 99, Only())}

    before = ask()
    index.put(model, replace(clock["50"], tags=("new",)), at(200))
    index.delete(model, clock["60"].image_id)
    after = ask()

    assert before["50.jpg"].image.tags == ()
    assert after["50.jpg"].image.tags == ("new",)
    assert after["50.jpg"].vector == pytest.approx(at(200), abs=1e-6)
    assert before.keys() - after.keys() == {"60.jpg"}


def test_a_deleted_image_is_gone_and_deleting_it_again_is_fine(
    index: Index, model: str, clock: dict[str, IndexedImage]
) -> None:
    gone = clock["10"].image_id
    index.delete(model, gone)
    index.delete(model, gone)

    assert index.get(model, gone) is None
    assert index.count(model) == len(clock) - 1
    assert gone not in [one.image.image_id for one in index.nearest(model, Wanted(at(10)), 99, ANY)]
    with pytest.raises(UnknownImage):
        index.similar(model, gone, 5, Only())


def browse_all(index: Index, model: str, limit: int) -> list[str]:
    keys: list[str] = []
    cursor = None
    while True:
        page, cursor = index.browse(model, ANY, limit, cursor)
        assert len(page) <= limit
        keys += [one.key for one in page]
        if cursor is None:
            return keys


def test_browsing_gives_each_image_once_newest_first(index: Index, model: str) -> None:
    for day in range(1, 8):
        index.put(model, image(f"{day}.jpg", f"2026-03-0{day}T12:00:00.250000Z"), at(day))
    index.put(model, image("old.jpg", "1969-07-20T20:17:40+00:00"), at(0))
    index.put(model, image("wrong clock.jpg", "9999-12-31T00:00:00+00:00"), at(0))

    newest_first = ["wrong clock.jpg", *(f"{day}.jpg" for day in range(7, 0, -1)), "old.jpg"]
    for limit in (1, 3, 8, 100):
        assert browse_all(index, model, limit) == newest_first


def twins() -> list[str]:
    """Keys whose images tie in the browsing order, though they were uploaded together."""
    seen: dict[int, str] = {}
    pairs: list[str] = []
    for number in itertools.count():
        key = f"twin {number}.jpg"
        other = seen.setdefault(browse_order(image(key)) % (1 << TIE_BITS), key)
        if other != key:
            pairs += [other, key]
        if len(pairs) >= 4:
            return pairs
    raise AssertionError


def test_ties_neither_repeat_nor_hide_an_image(index: Index, model: str) -> None:
    keys = [*twins(), *(f"{number}.jpg" for number in range(7))]
    for key in keys:
        index.put(model, image(key), at(0))

    for limit in (1, 2, 3, 5):
        found = browse_all(index, model, limit)
        assert sorted(found) == sorted(keys)


def test_images_that_come_and_go_do_not_disturb_a_browse(index: Index, model: str) -> None:
    for day in range(10, 20):
        index.put(model, image(f"{day}.jpg", f"2026-03-{day}T00:00:00+00:00"), at(0))

    first, cursor = index.browse(model, ANY, 3, None)
    index.put(model, image("newer.jpg", "2026-04-01T00:00:00+00:00"), at(0))
    index.put(model, image("older.jpg", "2026-01-01T00:00:00+00:00"), at(0))
    index.delete(model, first[-1].image_id)
    second, _ = index.browse(model, ANY, 99, cursor)

    assert [one.key for one in first] == ["19.jpg", "18.jpg", "17.jpg"]
    assert [one.key for one in second] == [*(f"{d}.jpg" for d in range(16, 9, -1)), "older.jpg"]


@pytest.mark.parametrize("cursor", ["", "x", "1.x", "9" * 30, "1." + NOBODY.upper(), "--1", "²"])
def test_a_cursor_that_we_never_gave_is_refused(index: Index, model: str, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        index.browse(model, ANY, 5, cursor)


def test_a_scan_passes_every_image_once(
    index: Index, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.edge.SCAN_PAGE", 7)
    monkeypatch.setattr("lookalike.qdrant_server.SCAN_PAGE", 7)
    keys = [f"{number}.jpg" for number in range(30)]
    for key in keys:
        index.put(model, image(key), at(0))

    assert sorted(one.key for one in index.scan(model)) == sorted(keys)


def test_collections_are_apart_and_go_when_dropped(index: Index, model: str) -> None:
    other = f"{model}.2"
    index.open(other, 3)
    index.open(other, 3)
    index.put(other, image("a.jpg"), np.array([1, 0, 0], np.float32))

    assert {model, other} <= set(index.models())
    assert index.count(model) == 0
    index.drop(other)
    index.drop(other)
    assert other not in index.models()
    with pytest.raises(IndexUnavailable):
        index.count(other)


@pytest.mark.filterwarnings("ignore:Local mode performs exact")
def test_an_exact_search_compares_with_every_vector(
    index: Index, model: str, clock: dict[str, IndexedImage]
) -> None:
    found = index.nearest(model, Wanted(at(32)), 3, ANY, exact=True)

    assert [one.image for one in found] == [clock["30"], clock["40"], clock["20"]]


def test_a_missing_collection_is_an_index_out_of_order(index: Index) -> None:
    asks: list[Callable[[], object]] = [
        lambda: index.count("nowhere"),
        lambda: index.get("nowhere", NOBODY),
        lambda: index.put("nowhere", image("a.jpg"), at(0)),
        lambda: index.delete("nowhere", NOBODY),
        lambda: index.similar("nowhere", NOBODY, 5, Only()),
        lambda: index.nearest("nowhere", Wanted(at(0)), 5, Only()),
        lambda: index.nearest("nowhere", Wanted(positive=(NOBODY,)), 5, Only()),
        lambda: index.browse("nowhere", ANY, 5, None),
        lambda: next(index.scan("nowhere")),
    ]
    for ask in asks:
        with pytest.raises(IndexUnavailable):
            ask()


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    index = QdrantServer(Connection(lambda: Address("http://127.0.0.1:9"), timeout_seconds=1))
    asks: list[Callable[[], object]] = [
        lambda: index.open("m", 3),
        lambda: index.models(),
        lambda: index.similar("m", NOBODY, 5, Only()),
        lambda: index.put("m", image("a.jpg"), at(0)),
    ]
    for ask in asks:
        with pytest.raises(IndexUnavailable):
            ask()


def test_a_folder_is_found_again_after_closing(tmp_path: Path) -> None:
    first = QdrantEdge(tmp_path)
    first.open("m", DIMENSION)
    first.put("m", image("a.jpg"), at(0))
    first.close()

    second = QdrantEdge(tmp_path)
    assert second.models() == ["m"]
    assert second.count("m") == 1
    second.close()


KILLED = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from tests.unit.test_index_contract import DIMENSION, at, image
from lookalike.edge import QdrantEdge

index = QdrantEdge(Path(sys.argv[1]))
index.open("m", DIMENSION)
for number in range(100_000):
    index.put("m", image(f"{{number}}.jpg"), at(number % 90))
    print(number, flush=True)
"""


def test_whatever_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    program = KILLED.format(path=[str(Path(__file__).parents[2]), *sys.path])
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [int(next(writer.stdout)) for _ in range(300)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [
            int(line)
            for line in writer.stdout.read().splitlines(keepends=True)
            if line.endswith("\n")
        ]

    index = QdrantEdge(tmp_path)
    kept = {one.key for one in index.scan("m")}
    index.close()
    assert {f"{number}.jpg" for number in acknowledged} <= kept


def test_what_an_interrupted_start_left_behind_does_no_harm(tmp_path: Path) -> None:
    half = tmp_path / (UNFINISHED + collection_of("m"))
    (half / "segments").mkdir(parents=True)
    (half / "edge_config.json").write_text("{")

    index = QdrantEdge(tmp_path)
    assert index.models() == []
    index.open("m", DIMENSION)

    assert index.count("m") == 0
    assert not half.exists()
    index.close()


def test_a_swap_that_a_crash_left_half_done_is_finished(tmp_path: Path) -> None:
    index = QdrantEdge(tmp_path)
    index.open("m", DIMENSION)
    index.put("m", image("a.jpg"), at(0))
    index.close()
    (tmp_path / collection_of("m")).rename(tmp_path / (REBUILT + collection_of("m")))

    index = QdrantEdge(tmp_path)
    index.open("m", DIMENSION)

    assert index.count("m") == 1
    index.close()


def test_a_folder_that_another_process_has_open_says_so(tmp_path: Path) -> None:
    index = QdrantEdge(tmp_path)
    index.open("m", DIMENSION)
    other = QdrantEdge(tmp_path)

    with pytest.raises(IndexUnavailable, match="another process"):
        other.count("m")
    index.close()


def test_a_model_of_another_dimension_is_refused(tmp_path: Path) -> None:
    index = QdrantEdge(tmp_path)
    index.open("m", DIMENSION)
    index.close()

    with pytest.raises(IndexUnavailable):
        QdrantEdge(tmp_path).open("m", DIMENSION + 1)


def test_readers_and_a_writer_share_an_edge_index(tmp_path: Path) -> None:
    index = QdrantEdge(tmp_path)
    index.open("m", DIMENSION)
    index.put("m", image("0.jpg"), at(0))
    troubles: list[BaseException] = []
    written = threading.Event()

    def read() -> None:
        try:
            while not written.is_set():
                anchor, found = index.similar("m", image_id_of("0.jpg"), 50, Only())
                assert anchor.key == "0.jpg"
                assert all(one.score <= 1.00001 for one in found)
        except BaseException as error:
            troubles.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(300):
        index.put("m", image(f"{number}.jpg"), at(number))
    written.set()
    for reader in readers:
        reader.join()

    assert not troubles
    assert index.count("m") == 300
    index.close()


def test_rebuilding_keeps_what_was_written_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.edge_shards.WORTH_A_GRAPH", 500)
    index = QdrantEdge(tmp_path)
    index.open("m", DIMENSION)
    random = np.random.default_rng(1)
    for number in range(600):
        index.put("m", image(f"{number}.jpg"), random.standard_normal(DIMENSION).astype(np.float32))
    adopt = Shards._adopt

    def write_then_adopt(shards: Shards, model: str, copy: Path) -> bool:
        index.put("m", image("0.jpg", etag="new"), at(0))
        index.put("m", image("late.jpg"), at(0))
        index.delete("m", image_id_of("1.jpg"))
        return adopt(shards, model, copy)

    monkeypatch.setattr(Shards, "_adopt", write_then_adopt)
    index.optimize("m")

    assert index._shards.get("m").info().indexed_vectors_count > 0
    assert index.count("m") == 600
    changed = index.get("m", image_id_of("0.jpg"))
    assert changed is not None
    assert changed.etag == "new"
    assert index.get("m", image_id_of("late.jpg")) is not None
    assert index.get("m", image_id_of("1.jpg")) is None
    assert [path.name for path in tmp_path.iterdir()] == [collection_of("m")]
    index.close()
    assert QdrantEdge(tmp_path).count("m") == 600


def test_no_engine_is_imported_until_it_is_used() -> None:
    program = (
        "import sys, lookalike.index, lookalike.ranking, lookalike.search, lookalike.wiring\n"
        "sys.exit(bool({'qdrant_client', 'qdrant_edge'} & sys.modules.keys()))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
