"""How much memory the indexer holds, for how long, and what one picture can add to it."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench import formats, one_decode
from tests.bench.bench import Bench
from tests.bench.indexing import LOOKALIKE, one_picture
from tests.bench.pictures import gathered
from tests.bench.tables import Row, Table, at_most, megabytes, percent

MOST = 400e6  # bytes of the indexer, at its peak
MOST_ADDED = 300e6  # bytes that one accepted picture adds
MOST_GROWTH = 1.1  # flat: the last quarter of the time over the first
EVERY = 0.1  # seconds between two looks
STARTING = 3.0  # seconds in which every thread meets its first pictures
FEWEST = 20  # looks in a quarter


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a process held: at its peak, and whenever somebody looked."""

    peak: int
    samples: Sequence[int]

    def quarters(self) -> tuple[float, float] | None:
        """Medians of the first and the last quarter of the time after the start; None if short."""
        steady = self.samples[int(STARTING / EVERY) :]
        length = len(steady) // 4
        if length < FEWEST:
            return None
        return median(steady[:length]), median(steady[-length:])


def tables(bench: Bench) -> Iterator[Table]:
    if not Path("/proc/self/status").exists():
        yield Table("Memory", [], ["Measured on Linux only."])
        return
    yield _of_the_indexer(bench)
    yield _of_the_formats(bench)


def _of_the_indexer(bench: Bench) -> Table:
    copies = max(1, bench.sizes.flat // len(bench.phone))
    folder = gathered(bench.phone, bench.folder / "many phone photos", copies)
    start = _watched(bench, one_picture(bench), "one")
    many = _watched(bench, folder, "many")
    rows = [
        Row(
            f"peak over {copies * len(bench.phone):,} 12-megapixel JPEGs",
            megabytes(many.peak),
            megabytes(start.peak),
            f"{many.peak / start.peak:.1f} ×",
            at_most(many.peak, MOST, megabytes(MOST)),
        ),
    ]
    if quarters := many.quarters():
        first, last = quarters
        rows.append(
            Row(
                "last quarter of the time, against the first",
                megabytes(last),
                megabytes(first),
                percent(last / first),
                at_most(last / first, MOST_GROWTH, percent(MOST_GROWTH)),
            )
        )
    notes = (
        "Resident memory of the process of `lookalike index`, all cores at work; the second row "
        "is the median while it worked. Against, in the first row: a folder with one picture.",
    )
    return Table("Memory of the indexer", rows, notes)


def _watched(bench: Bench, folder: Path, name: str) -> Memory:
    command = [str(LOOKALIKE), "index", str(folder), "--data", str(bench.folder / f"memory {name}")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak, samples = 0, []
    while process.poll() is None:
        with suppress(OSError, KeyError):  # it ended meanwhile
            peak, now = one_decode.peak_and_now(process.pid)
            samples.append(now)
        time.sleep(EVERY)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed")
    return Memory(peak, samples)


def _of_the_formats(bench: Bench) -> Table:
    folder = bench.folder / "formats"
    folder.mkdir()
    rows = []
    for case in formats.CASES if bench.sizes.largest_formats else formats.CASES[:2]:
        file = case.write(folder)
        rows.append(_format_row(case, file))
        file.unlink()
    notes = (
        "The largest picture of each kind that is still accepted, to within a few percent. "
        "Measured: peak of a process that decodes it, over what that process held before.",
    )
    return Table("Memory that one picture adds", rows, notes)


def _format_row(case: formats.Case, file: Path) -> Row:
    command = [sys.executable, "-m", one_decode.__name__, str(file)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    added = int(said)
    return Row(
        f"{case.name}, {case.side}²",
        megabytes(added),
        megabytes(MOST_ADDED),
        percent(added / MOST_ADDED),
        at_most(added, MOST_ADDED, megabytes(MOST_ADDED)),
    )
