"""python -m tests.bench: the figures that we promise, measured here and now."""

import argparse
import importlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from tests.bench.bench import Bench
from tests.bench.clocks import IDLE_LOAD, Quiet
from tests.bench.sizes import QUICK, Sizes
from tests.bench.tables import Table

SECTIONS = ("indexing", "queries", "recall", "start", "memory", "clicks", "reembed", "retrain")
PACKAGES = ("onnxruntime", "pillow", "qdrant-edge-py", "torch", "aws-lambda-powertools")
DISTURBED = 0.05  # of the machine: others who use more of it than this move the figures


def main(argv: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(argv)
    pictures = asked.pictures.resolve() if asked.pictures else None
    terminal = sys.stdout  # worlds divert what functions print
    say(machine(), terminal)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=asked.scratch) as folder:
        os.environ["XDG_DATA_HOME"] = folder  # the person's own folders stay as they are
        bench = Bench(QUICK if asked.quick else Sizes(), pictures, Path(folder))
        for name in asked.sections or SECTIONS:
            quiet = Quiet()
            for table in section(name, bench):
                say(f"\n{table}", terminal)
            tell_of_others(quiet.others(), terminal)
    return 0


def section(name: str, bench: Bench) -> Iterator[Table]:
    tables: Iterator[Table] = importlib.import_module(f"tests.bench.{name}").tables(bench)
    return tables


def machine() -> str:
    load = os.getloadavg()[0]
    busy = " (not idle: the figures are only as good as that)" if load > IDLE_LOAD else ""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} cores, {_processor()}; Python {platform.python_version()}, {versions}; "
        f"load average {load:.2f}{busy}"
    )


def _processor() -> str:
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    return platform.processor() or platform.machine()


def tell_of_others(others: float | None, terminal: TextIO) -> None:
    if others is None:
        return
    advice = "; run it again on an idle one" if others > DISTURBED else ""
    say(f"\nOther programs used {100 * others:.0f} % of the machine meanwhile{advice}.", terminal)


def say(text: str, stream: TextIO) -> None:
    stream.write(text + "\n")
    stream.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="your own, to be indexed")
    parser.add_argument("--quick", action="store_true", help="small, in two minutes: a rehearsal")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="where temporary files go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
