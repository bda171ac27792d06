"""python -m tests.bench.training: what training must reach, measured here and now; half an hour."""

import argparse
import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lookalike.errors import CallerError
from tests.bench.__main__ import machine, say, tell_of_others
from tests.bench.clocks import Quiet
from tests.bench.tables import Table
from tests.bench.training_plan import Plan

SECTIONS = {  # by what they measure, the soonest first
    "pixels": "tests.bench.training_pixels",
    "rivals": "tests.bench.training_against",
    "bars": "tests.bench.training_bars",
}
USAGE, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """0 measured, whatever the figures; 2 when the data or a library is not there."""
    asked = _parser().parse_args(arguments)
    plan = Plan(
        data=asked.data,
        work=asked.work,
        minutes=asked.minutes,
        seeds=asked.seeds,
        rival_size=asked.size,
    )
    try:
        plan.check()
        say(machine(), sys.stdout)
        for name in asked.sections or SECTIONS:
            quiet = Quiet()
            for table in section(name, plan):
                say(f"\n{table}", sys.stdout)
            tell_of_others(quiet.others(), sys.stdout)
    except CallerError as error:
        say(f"bench: {error}", sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def section(name: str, plan: Plan) -> Iterator[Table]:
    tables: Iterator[Table] = importlib.import_module(SECTIONS[name]).tables(plan)
    return tables


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.training", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), metavar="DIR", help="for development"
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("artifacts/bench_training"),
        metavar="DIR",
        help="finished trainings are kept there, and not repeated",
    )
    parser.add_argument(
        "--minutes", type=float, default=4.0, help="of each training against another library"
    )
    parser.add_argument("--seeds", type=int, default=1, help="of each of these")
    parser.add_argument("--size", type=int, default=128, help="pixels, of these")
    return parser


if __name__ == "__main__":
    sys.exit(main())
