"""Files on their way through a watched worker, and what all of them came to."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hostile.bombs import bombs
from tests.hostile.fates import Fate
from tests.hostile.mutants import mutants
from tests.hostile.valid import valid_files
from tests.hostile.watched import Watched

MOST_GROWN = 150 * 10**6  # bytes that a worker may hold more at rest after all files than before
Stranger = tuple[str, str, Callable[[], bytes]]  # kind, name, bytes


def sound() -> Iterator[Stranger]:
    for name, data in valid_files().items():
        yield name.partition("-")[0], name, lambda data=data: data  # type: ignore[misc]


def mutated(seed: int, count: int) -> Iterator[Stranger]:
    for one in mutants(seed, count):
        kind = one.name.partition("-")[0]
        yield kind, f"mutant {one.number} of {one.name}", lambda one=one: one.data  # type: ignore[misc]


def exploding() -> Iterator[Stranger]:
    for name, make in bombs().items():
        yield "bombs", name, make


def found(folder: Path) -> Iterator[Stranger]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield folder.name, str(path.relative_to(folder)), path.read_bytes


@dataclass
class Record:
    """What has been seen. broken: names of files, with the promise that each of them broke."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: dict[str, str] = field(default_factory=dict)
    slowest: tuple[float, str] = (0.0, "")
    largest: tuple[int, str] = (0, "")
    files: int = 0
    seconds: float = 0.0
    grown: int = 0

    def add(self, kind: str, name: str, fate: Fate) -> None:
        self.files += 1
        self.seconds += fate.seconds
        self.counts[kind, fate.reason or fate.outcome.partition(" ")[0]] += 1
        self.slowest = max(self.slowest, (fate.seconds, name))
        self.largest = max(self.largest, (fate.added, name))
        if broken := fate.broken():
            self.broken[name] = broken


def follow(
    strangers: Iterable[Stranger],
    worker: Watched,
    record: Record,
    failures: Path | None = None,
    tell: Callable[[str, Fate], None] = lambda name, fate: None,
) -> None:
    """One after the other. failures: where files that broke a promise are kept."""
    at_rest = worker.at_rest
    with TemporaryDirectory(prefix="hostile-") as folder:
        path = Path(folder) / "stranger"
        for kind, name, make in strangers:
            path.write_bytes(make())
            fate = worker.fate(path)
            record.add(kind, name, fate)
            record.grown = max(record.grown, fate.at_rest - at_rest)
            if fate.broken() and failures:
                keep(path, failures / f"{record.files:06}", f"{name}: {fate.broken()}")
            tell(name, fate)


def keep(file: Path, to: Path, why: str) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, to)
    to.with_suffix(".txt").write_text(why + "\n", encoding="utf-8")
