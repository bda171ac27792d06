"""How fast a folder is indexed, against the loop that everybody writes first."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

from lookalike.models import SHIPPED
from tests.bench import stages
from tests.bench.bench import Bench
from tests.bench.clocks import Took, run
from tests.bench.pictures import gathered
from tests.bench.tables import Row, Table, at_least, times

TIMES_FASTER = 3.0
LOOKALIKE = Path(sys.executable).with_name("lookalike")

NAIVE = "tests.bench.naive"  # by name: only its own process shall import torch

numbers = count()


@dataclass(frozen=True, slots=True)
class Collection:
    """A set of pictures, each so many times, in a folder."""

    name: str
    pictures: Sequence[Path]
    copies: int
    folder: Path

    @property
    def files(self) -> list[Path]:
        return [*self.pictures] * self.copies


def tables(bench: Bench) -> Iterator[Table]:
    sizes, root = bench.sizes, bench.folder / "collections"
    collections = [
        Collection("small pictures", bench.small, 1, root / "small"),
        Collection("1-megapixel JPEGs", bench.web, sizes.web_copies, root / "web"),
        Collection("12-megapixel JPEGs", bench.phone, sizes.phone_copies, root / "phone"),
    ]
    for collection in collections:
        gathered(collection.pictures, collection.folder, collection.copies)
    yield _against_the_loop(bench, collections)
    yield stages.table(bench, {one.name: one.pictures for one in collections})


def _against_the_loop(bench: Bench, collections: Sequence[Collection]) -> Table:
    fixed = median(_index(bench, one_picture(bench)).wall for _ in range(bench.sizes.rounds))
    rows = [row for collection in collections for row in _rows(bench, collection, fixed)]
    notes = (
        f"Network: {bench.card.architecture}, {bench.card.preprocessing.size} pixels.",
        "Measured: `lookalike index` with its queue, handlers, thumbnails and index. Against: full "
        "decode, torchvision's resize and eager torch, one picture at a time, on all cores; its "
        "vectors go into a list.",
        f"The rates are without start and end: of the command those take {fixed:.1f} s, which is "
        "what it needs for a folder with one picture; of the loop only the loop is timed.",
        _describe(collections),
    )
    return Table("Indexing", rows, notes)


def _rows(bench: Bench, collection: Collection, fixed: float) -> Iterator[Row]:
    listing = collection.folder.with_suffix(".txt")
    listing.write_text("\n".join(map(str, collection.files)))
    run(["cat", *collection.files])  # both find the files in memory
    ours, theirs, loops = [], [], []
    for _ in range(bench.sizes.rounds):
        whole, loop = _naive(listing)
        theirs.append(whole.wall)
        loops.append(loop)
        ours.append(_index(bench, collection.folder).wall)
    yield _rate(collection, median(ours) - fixed, median(loops), fixed)
    yield Row(
        "whole commands, with their start",
        f"{median(ours):.1f} s",
        f"{median(theirs):.1f} s",
        times(median(theirs) / median(ours)),
    )


def _rate(collection: Collection, work: float, loop: float, fixed: float) -> Row:
    """work, loop: seconds for the pictures alone, ours and the naive ones."""
    pictures = len(collection.files)
    what = f"{pictures:,} {collection.name}: rate"
    if work < fixed / 2:
        return Row(what, "too few to tell", f"{pictures / loop:.0f}/s")
    ratio = loop / work
    goal = at_least(ratio, TIMES_FASTER, "3 ×")
    return Row(what, f"{pictures / work:.0f}/s", f"{pictures / loop:.0f}/s", times(ratio), goal)


def _index(bench: Bench, folder: Path) -> Took:
    data = bench.folder / f"data {next(numbers)}"
    return run([LOOKALIKE, "index", folder, "--data", data])


def _naive(listing: Path) -> tuple[Took, float]:
    """The whole program, and the seconds of its loop."""
    seconds = listing.with_suffix(".seconds")
    took = run([sys.executable, "-m", NAIVE, SHIPPED, listing, seconds])
    return took, float(seconds.read_text())


def one_picture(bench: Bench) -> Path:
    folder = bench.folder / "one picture"
    return folder if folder.exists() else gathered(bench.small[:1], folder)


def _describe(collections: Sequence[Collection]) -> str:
    sizes = []
    for collection in collections:
        files = collection.pictures
        size = sum(path.stat().st_size for path in files) / len(files)
        sizes.append(f"{collection.name} of {size / 1000:,.0f} KB on average")
    return "Files: " + ", ".join(sizes) + "."
