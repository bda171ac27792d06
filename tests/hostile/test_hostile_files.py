"""The short form of `python -m tests.hostile`: one fate for each file, within time and memory."""

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from tests.hostile.__main__ import report
from tests.hostile.bombs import bombs
from tests.hostile.containers import container_of
from tests.hostile.corpus import MOST_GROWN, Record, exploding, follow, found, mutated, sound
from tests.hostile.fates import Fate
from tests.hostile.mutants import mutants
from tests.hostile.valid import drawn, file, valid_files
from tests.hostile.watched import Watched

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
MUTANTS = 300
SEED = 6

# Each cost minutes, gigabytes or both before its pieces were counted.
REFUSED = {
    "png with millions of private chunks": "corrupt",
    "png with millions of chunks behind": "corrupt",
    "png with 60 MB of fractions in EXIF": "too_many_bytes",
    "jpeg with millions of empty segments": "corrupt",
    "jpeg with 60 MB of padding": "corrupt",
    "jpeg with 60 MB of EXIF": "too_many_bytes",
    "jpeg of 40 megapixels in 90 scans": "corrupt",
    "gif with millions of comments": "corrupt",
    "gif with a comment in crumbs": "corrupt",
    "bmp of 7,000 × 7,000 in runs of one": "too_many_pixels",
    "bmp of a row that never ends": "too_many_pixels",
    "webp with 60 MB of tables in EXIF": "too_many_bytes",
    "avif of 20 megapixels that says 64 × 48": "too_many_pixels",
    "avif with 60 MB of fractions in EXIF": "too_many_bytes",
    "tiff with millions of strips": "corrupt",
    "tiff with millions of depths": "corrupt",
    "tiff with 60 MB of fractions in places": "corrupt",
    "tiff of one tile of 20,000 × 20,000": "too_many_pixels",
    "tiff with 60 MB of layers and 30 megapixels": "too_many_pixels",
}


@pytest.fixture(scope="module")
def worker() -> Iterator[Watched]:
    with Watched() as watched:
        yield watched


def test_every_sound_file_is_indexed(worker: Watched) -> None:
    record = Record()

    follow(sound(), worker, record)

    assert record.broken == {}
    assert {fate for _, fate in record.counts} == {"indexed"}
    assert record.files == len(valid_files())


def test_every_mutant_has_one_fate_within_time_and_memory(worker: Watched, tmp_path: Path) -> None:
    record = Record()

    follow(mutated(SEED, MUTANTS), worker, record, tmp_path)

    assert record.broken == {}
    assert list(tmp_path.iterdir()) == []
    assert worker.started == 1
    fates = {fate for _, fate in record.counts}
    assert {"indexed", "corrupt"} < fates  # some harmless, some not: neither kind alone says much


@pytest.mark.timeout(600)
def test_every_bomb_has_one_fate_within_time_and_memory(worker: Watched) -> None:
    record = Record()
    fates: dict[str, Fate] = {}

    follow(exploding(), worker, record, tell=fates.__setitem__)

    assert record.broken == {}
    assert worker.started == 1
    assert record.grown < MOST_GROWN
    assert {name: fates[name].reason for name in REFUSED} == REFUSED


def test_a_file_that_kills_its_worker_is_told_and_the_next_one_has_its_own_fate(
    tmp_path: Path,
) -> None:
    picture = tmp_path / "picture"
    picture.write_bytes(file(drawn(), "JPEG"))
    with Watched() as watched:
        killed = watched.fate(tmp_path / "not there")
        after = watched.fate(picture)

    assert killed.broken().startswith("died with 1")
    assert "FileNotFoundError" in killed.broken()
    assert after.broken() == ""
    assert watched.started == 2


def test_a_file_that_breaks_a_promise_is_kept_and_reported(tmp_path: Path) -> None:
    class Slow(Watched):
        """Takes ten seconds for everything."""

        def fate(self, file: Path) -> Fate:
            return Fate("indexed", seconds=10.0)

    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "odd.jpg").write_bytes(b"odd")
    record = Record()

    follow(found(tmp_path / "given"), Slow(), record, tmp_path / "kept")

    assert record.broken == {"odd.jpg": "10.0 s of CPU"}
    assert (tmp_path / "kept" / "000001").read_bytes() == b"odd"
    assert "odd.jpg" in (tmp_path / "kept" / "000001.txt").read_text()
    assert "longest: 10.00 s (at most 5): odd.jpg" in report(record, 0)


@pytest.mark.parametrize(
    ("fate", "broken"),
    [
        (Fate("indexed"), ""),
        (Fate("rejected", "corrupt"), ""),
        (Fate("rejected", "odd"), "rejected with the reason 'odd'"),
        (Fate("indexed", "corrupt"), "indexed with the reason 'corrupt'"),
        (Fate("unchanged"), "unchanged"),
        (Fate("indexed", added=301 * 10**6), "301 MB added"),
        (Fate("indexed", seconds=5.2), "5.2 s of CPU"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, str) else "",
)
def test_what_breaks_a_promise(fate: Fate, broken: str) -> None:
    assert fate.broken() == broken


def test_sound_files_come_together_again_as_they_were() -> None:
    taken_apart = {
        name: container_of(data).join(list(container_of(data).split(data)))
        for name, data in valid_files().items()
    }

    assert taken_apart == valid_files()


def test_a_seed_makes_the_same_mutants_and_another_one_others() -> None:
    once, again, others = (list(mutants(seed, 90)) for seed in (3, 3, 4))

    assert once == again
    assert once[40:] == list(mutants(3, 50, first=40))
    assert {one.name for one in once} == set(valid_files())
    assert sum(one.data != other.data for one, other in zip(once, others, strict=True)) > 80


def test_no_two_bombs_have_one_name() -> None:
    names = list(chain(bombs(), valid_files()))

    assert len(set(names)) == len(names) > 150
