"""python -m tests.hostile: files from strangers, thousands of them, through the real indexer."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from tempfile import mkdtemp

from tests.hostile.colours import ALIKE, measured
from tests.hostile.corpus import MOST_GROWN, Record, Stranger, exploding, follow, found, mutated
from tests.hostile.corpus import sound as sound_files
from tests.hostile.fates import MOST_ADDED, MOST_SECONDS, Fate
from tests.hostile.watched import Watched

ROBUSTNESS = Path(__file__).parents[2] / ".." / "shared" / "data" / "robustness"
EVERY = 1_000  # files between two lines of progress


def main(argv: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(argv)
    failures = asked.failures or Path(mkdtemp(prefix="hostile-failures-"))
    say(f"seed {asked.seed}; files that break a promise are kept in {failures}")
    record = Record()
    with Watched() as worker:
        follow(_strangers(asked), worker, record, failures, _progress(record))
        died = worker.started - 1
    say(report(record, died))
    say("\nCosine to the upright sRGB original, the worst of the pictures:")
    cosines = list(measured())
    say("\n".join(f"{name:40} {cosine:.4f}" for name, cosine in cosines))
    wrong = [f"{name}: {why}" for name, why in record.broken.items()]
    wrong += [f"{name}: cosine {cosine:.4f}" for name, cosine in cosines if cosine < ALIKE]
    if record.grown > MOST_GROWN:
        wrong.append(f"the worker held {record.grown / 1e6:.0f} MB more at rest in the end")
    say(
        "\n".join(["", *wrong[:50], f"{len(wrong)} promises broken" if wrong else "nothing broken"])
    )
    return 1 if wrong else 0


def _strangers(asked: argparse.Namespace) -> Iterator[Stranger]:
    folders = [ROBUSTNESS] if ROBUSTNESS.is_dir() else []
    yield from sound_files()
    yield from chain.from_iterable(map(found, [*folders, *asked.folders]))
    yield from mutated(asked.seed, asked.mutants)
    yield from exploding()


def report(record: Record, died: int) -> str:
    fates = sorted({fate for _, fate in record.counts})
    kinds = sorted({kind for kind, _ in record.counts})
    rows = [["", *fates]]
    rows += [[kind, *(str(record.counts[kind, fate] or "") for fate in fates)] for kind in kinds]
    totals = (sum(record.counts[kind, fate] for kind in kinds) for fate in fates)
    rows.append(["all", *map(str, totals)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
    return "\n".join(
        [
            "",
            *lines,
            "",
            f"{record.files:,} files in {record.seconds:,.0f} s of CPU; {died} workers died",
            f"longest: {record.slowest[0]:.2f} s (at most {MOST_SECONDS:.0f}): {record.slowest[1]}",
            f"largest: {record.largest[0] / 1e6:.0f} MB over the process before "
            f"(at most {MOST_ADDED / 1e6:.0f}): {record.largest[1]}",
            f"the process at rest grew by {record.grown / 1e6:.0f} MB at most",
        ]
    )


def _progress(record: Record) -> Callable[[str, Fate], None]:
    def tell(name: str, fate: Fate) -> None:
        if record.files % EVERY == 0:
            say(f"{record.files:,} files, {len(record.broken)} broken promises")

    return tell


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="more files")
    parser.add_argument("--mutants", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failures", type=Path, metavar="DIR", help="where they are kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
