"""python -m tests.faults: every fault of every dependency, at the timeouts of a deployment."""

import argparse
import multiprocessing
from collections.abc import Sequence

from tests.faults.matrix import DEPENDENCIES, FAULTS
from tests.faults.measuring import measured, say
from tests.faults.table import markdown


def main(argv: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(argv)
    say(f"seed {asked.seed}, timeouts divided by {asked.faster:g}")
    chosen = [one for one in DEPENDENCIES if asked.dependency in (None, one.name)]
    work = [(one, asked.faults, asked.faster, asked.seed) for one in chosen]
    with multiprocessing.get_context("spawn").Pool(asked.processes, maxtasksperchild=1) as pool:
        found = [one for some in pool.starmap(measured, work, chunksize=1) for one in some]
    say(f"\n{markdown(found)}\n")
    broken = [f"{one.cell.name}: {words}" for one in found for words in one.broken]
    say("\n".join(broken))
    lost = sum(one.lost for one in found)
    say(f"{len(found)} cells, {len(broken)} promises broken, {lost} acknowledged writes lost.")
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    names = [one.name for one in DEPENDENCIES]
    parser.add_argument("--dependency", choices=names, help="this one alone")
    parser.add_argument("--faults", nargs="*", choices=[*FAULTS], default=[], help="these alone")
    parser.add_argument("--faster", type=float, default=1.0, help="divide all timeouts by this")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=6)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
