"""Pictures are decoded once, whole or not at all, whoever asks and whatever happens meanwhile."""

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lookalike import images
from lookalike.calibration import drawn
from lookalike.cards import Preprocessing
from training import pool
from training.decoding import FEW
from training.pictures import Labelled
from training.pool import CacheUnusable, NoPictures, Pool

SIDE = 24
COUNT = 8

# Prepares the pictures of a folder, many times over; says what it does, and waits to be told on.
ASKING = """
import sys
from pathlib import Path
from training import pool
from training.pictures import Labelled

def progress(done, total):
    print("decoded", flush=True)
    sys.stdin.readline()

if __name__ == "__main__":
    folder, cache, times = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    files = [Labelled(path) for path in sorted(folder.iterdir())] * times
    print("asks", flush=True)
    made = pool.prepare(files, 24, cache, processes=2, progress=progress)
    print("has", len(made), int(made.pixels.sum()), flush=True)
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Labelled]:
    """Eight pictures in a folder of their own, of two labels."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    made = []
    for number, picture in enumerate(drawn(COUNT)):
        path = folder / f"{number}.jpg"
        picture.resize((60, 40)).save(path)
        made.append(Labelled(path, label=str(number % 2)))
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


class Watched:
    """A progress that remembers its calls, and raises what it is given to raise."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.calls: list[tuple[int, int]] = []
        self.error = error

    def __call__(self, done: int, total: int) -> None:
        self.calls.append((done, total))
        if self.error is not None:
            raise self.error


def asking(script: Path, files: list[Labelled], cache: Path, times: int) -> subprocess.Popen[str]:
    script.write_text(ASKING)
    return subprocess.Popen(
        [sys.executable, script, files[0].path.parent, cache, str(times)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_a_square_is_what_the_encoder_is_given(files: list[Labelled], cache: Path) -> None:
    made = pool.prepare(files, SIDE, cache)

    for file, pixels in zip(made.files, made.pixels, strict=True):
        picture = images.decode(file.path.read_bytes(), images.enough_for(SIDE))
        assert (pixels == images.fit(picture.pixels, Preprocessing(size=SIDE))).all()
    assert list(made.files) == files
    assert (len(made), made.side) == (COUNT, SIDE)


def test_a_pool_cannot_be_changed_by_who_reads_it(files: list[Labelled], cache: Path) -> None:
    made = pool.prepare(files, SIDE, cache)

    with pytest.raises(ValueError, match="read-only"):
        made.pixels[0] = 0


def test_the_second_time_nothing_is_decoded(files: list[Labelled], cache: Path) -> None:
    first, second = Watched(), Watched()

    before = pool.prepare(files, SIDE, cache, progress=first)
    after = pool.prepare(files, SIDE, cache, progress=second)

    assert first.calls[-1] == (COUNT, COUNT)
    assert second.calls == []
    assert (after.pixels == before.pixels).all()


def test_other_labels_are_of_the_same_pixels(files: list[Labelled], cache: Path) -> None:
    pool.prepare(files, SIDE, cache)
    relabelled = [replace(file, label="other") for file in files]
    watched = Watched()

    made = pool.prepare(relabelled, SIDE, cache, progress=watched)

    assert watched.calls == []
    assert {file.label for file in made.files} == {"other"}


def test_a_changed_picture_is_read_again(files: list[Labelled], cache: Path) -> None:
    before = pool.prepare(files, SIDE, cache)
    drawn(COUNT + 1)[-1].resize((60, 40)).save(files[3].path)

    after = pool.prepare(files, SIDE, cache)

    changed = (after.pixels != before.pixels).any(axis=(1, 2, 3))
    assert np.flatnonzero(changed).tolist() == [3]


def test_another_side_is_another_pool(files: list[Labelled], cache: Path) -> None:
    small = pool.prepare(files, SIDE, cache)
    large = pool.prepare(files, 2 * SIDE, cache)
    watched = Watched()
    pool.prepare(files, SIDE, cache, progress=watched)

    assert (small.pixels.shape[1], large.pixels.shape[1]) == (SIDE, 2 * SIDE)
    assert watched.calls == []


def test_the_unreadable_are_left_out_and_named(files: list[Labelled], cache: Path) -> None:
    files[0].path.write_bytes(b"\xff\xd8\xff no picture")
    files[2].path.write_bytes(b"")
    files[5].path.unlink()
    files[7].path.unlink()
    files[7].path.mkdir()

    for made in (pool.prepare(files, SIDE, cache), pool.prepare(files, SIDE, cache)):
        reasons = {skipped.path.stem: skipped.reason for skipped in made.skipped}
        assert list(reasons) == ["0", "2", "5", "7"]
        assert reasons["0"].startswith("corrupt")
        assert reasons["2"] == "empty"
        assert reasons["5"] == "No such file or directory"
        assert reasons["7"] == "Is a directory"
        assert list(made.files) == [files[i] for i in (1, 3, 4, 6)]
        assert (made.pixels[2] == pool.prepare([files[4]], SIDE, cache).pixels[0]).all()


def test_without_a_readable_picture_there_is_nothing_to_learn(
    files: list[Labelled], cache: Path
) -> None:
    for file in files:
        file.path.write_bytes(b"no picture")

    with pytest.raises(NoPictures, match=r"None of the 8 pictures .*0\.jpg: unsupported_format"):
        pool.prepare(files, SIDE, cache)
    with pytest.raises(NoPictures, match="the list of files is empty"):
        pool.prepare([], SIDE, cache)


def test_several_processes_decode_the_same_in_the_same_order(
    files: list[Labelled], cache: Path
) -> None:
    files[6].path.write_bytes(b"broken")
    times = FEW // COUNT + 1
    watched = Watched()

    made = pool.prepare(files * times, SIDE, cache, processes=2, progress=watched)

    one = pool.prepare(files, SIDE, cache)
    assert (made.pixels == np.concatenate([one.pixels] * times)).all()
    assert list(made.files) == list(one.files) * times
    assert len(made.skipped) == times
    assert watched.calls == sorted(watched.calls)
    assert watched.calls[-1] == (COUNT * times, COUNT * times)


def test_after_a_kill_nothing_runs_on_and_the_next_run_prepares_it_whole(
    files: list[Labelled], cache: Path, tmp_path: Path
) -> None:
    times = FEW // COUNT + 1
    child = asking(tmp_path / "asking.py", files, cache, times)
    assert child.stdout is not None
    assert [child.stdout.readline() for _ in range(2)] == ["asks\n", "decoded\n"]

    child.kill()
    child.communicate()  # ends once nobody holds the pipe: its workers have gone with it
    left = {path.suffix for path in cache.iterdir()}
    one = pool.prepare(files, SIDE, cache)
    parts_then = list(cache.glob("*.part"))
    made = pool.prepare(files * times, SIDE, cache)

    assert ".part" in left
    assert not left & {".pixels", ".json"}
    assert parts_then == []
    assert (made.pixels == np.concatenate([one.pixels] * times)).all()


def test_of_two_who_ask_at_once_one_decodes_for_both(
    files: list[Labelled], cache: Path, tmp_path: Path
) -> None:
    script = tmp_path / "asking.py"
    first = asking(script, files, cache, 1)
    assert first.stdout is not None
    assert [first.stdout.readline() for _ in range(2)] == ["asks\n", "decoded\n"]
    second = asking(script, files, cache, 1)
    assert second.stdout is not None
    assert second.stdout.readline() == "asks\n"

    decoded, _ = first.communicate("go on\n")
    waited, _ = second.communicate("go on\n")

    assert decoded.startswith(f"has {COUNT} ")
    assert waited == decoded


@pytest.mark.parametrize("harm", ["index", "pixels"])
def test_a_damaged_pool_is_made_again(files: list[Labelled], cache: Path, harm: str) -> None:
    before = pool.prepare(files, SIDE, cache).pixels.copy()
    if harm == "index":
        next(cache.glob("*.json")).write_text('{"skipped": [')
    else:
        os.truncate(next(cache.glob("*.pixels")), 100)

    after = pool.prepare(files, SIDE, cache)

    assert (after.pixels == before).all()


def test_more_than_the_disk_holds_is_refused_before_the_first_picture(
    files: list[Labelled], cache: Path
) -> None:
    pool.prepare(files, SIDE, cache)
    watched = Watched()

    with pytest.raises(
        CacheUnusable, match=rf"GB in {cache}, where .* GB are free: make room.*Earlier runs"
    ):
        pool.prepare(files, 10_000_000, cache, progress=watched)

    assert watched.calls == []


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), CacheUnusable),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_what_stops_halfway_leaves_nothing_unfinished(
    files: list[Labelled], cache: Path, stop: BaseException, told: type[BaseException]
) -> None:
    with pytest.raises(told, match=r"make room|^$"):
        pool.prepare(files, SIDE, cache, progress=Watched(stop))

    assert [path.name for path in cache.iterdir()] == [".lock"]


def test_a_cache_that_is_no_folder_is_refused(files: list[Labelled], cache: Path) -> None:
    cache.write_text("a file")

    with pytest.raises(CacheUnusable, match="choose another folder"):
        pool.prepare(files, SIDE, cache)


def counted(first: int, count: int) -> Pool:
    """Row i is filled with first + i."""
    numbers = np.arange(first, first + count, dtype=np.uint8)
    pixels = np.broadcast_to(numbers[:, None, None, None], (count, 2, 2, 3))
    return Pool.of_arrays(pixels, [Labelled(Path(str(number))) for number in numbers])


def test_joined_pools_answer_as_one() -> None:
    whole = pool.joined([counted(0, 3), pool.joined([counted(3, 1), counted(4, 2)])])
    rows = np.array([5, 0, 3, 3, 2])

    found = pool.gather(whole, rows)

    assert found[:, 1, 0, 2].tolist() == rows.tolist()
    assert (found == whole.pixels[rows]).all()
    assert [whole.files[row].path.name for row in rows] == ["5", "0", "3", "3", "2"]
    assert (len(whole), whole.side) == (6, 2)


def test_rows_are_gathered_into_the_array_given() -> None:
    into = np.zeros((2, 2, 2, 3), np.uint8)

    found = pool.gather(counted(0, 4), np.array([3, 1]), into)

    assert found is into
    assert into[:, 0, 0, 0].tolist() == [3, 1]


@pytest.mark.parametrize("row", [-1, 4])
def test_a_row_that_is_not_there_is_an_error(row: int) -> None:
    with pytest.raises(IndexError, match="of a pool of 4"):
        pool.gather(counted(0, 4), np.array([0, row]))


def test_pools_that_do_not_fit_are_not_joined() -> None:
    larger = Pool.of_arrays(np.zeros((1, 3, 3, 3), np.uint8), [Labelled(Path("a"))])

    with pytest.raises(ValueError, match=r"not of \[2, 3\]"):
        pool.joined([counted(0, 1), larger])
    with pytest.raises(ValueError, match="1 pictures for 0 files"):
        Pool.of_arrays(np.zeros((1, 3, 3, 3), np.uint8), [])
