"""python -m tests.simulator: a hundred thousand schedules, or the story of one that fails."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from tests.simulator import hunt
from tests.simulator.hunt import Failure

AT_ONCE = 250  # schedules that a process is given: some seconds
TELL_SECONDS = 15.0


def main(argv: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(argv)
    if asked.planted:
        from tests.simulator import planted_hunt

        return planted_hunt.report(asked.schedules or 30_000, asked.seed, asked.processes)
    schedules = asked.schedules or 100_000
    print(f"seed {asked.seed}, {schedules:,} schedules, {asked.processes} processes", flush=True)
    began = time.monotonic()
    happened, failure = _simulate(schedules, asked.seed, asked.processes)
    seconds = time.monotonic() - began
    if failure:
        print("\n".join(failure.story))
        print(f"\nseed {failure.seed} of hunt.walk, after {happened['schedules']:,} schedules")
        return 1
    print(_table(happened, seconds))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--schedules", type=int, help="100,000; for --planted 30,000 for each bug")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--planted", action="store_true", help="how soon planted bugs are found")
    return parser


def _simulate(schedules: int, seed: int, processes: int) -> tuple[Counter[str], Failure | None]:
    """As far as the first failure. What happened is counted over all processes."""
    happened: Counter[str] = Counter()
    told = time.monotonic()
    for counts, failure in _portions(schedules, seed, processes):
        happened.update(counts)
        if failure:
            return happened, failure
        if time.monotonic() - told > TELL_SECONDS:
            told = time.monotonic()
            print(f"{happened['schedules']:,} schedules, no failure", flush=True)
    return happened, None


def _portions(
    schedules: int, seed: int, processes: int
) -> Iterator[tuple[Counter[str], Failure | None]]:
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        portions = [
            pool.submit(hunt.portion, seed, first, min(AT_ONCE, schedules - first))
            for first in range(0, schedules, AT_ONCE)
        ]
        for done in as_completed(portions):
            if done.result()[1]:
                pool.shutdown(wait=False, cancel_futures=True)
            yield done.result()


def _table(happened: Counter[str], seconds: float) -> str:
    schedules, cpu = happened.pop("schedules"), happened.pop(hunt.CPU) / 1000
    rate = f"{schedules:,} schedules in {seconds:,.0f} s: {schedules / cpu:,.0f} a second of CPU"
    rows = [f"{count:>12,}  {what}" for what, count in happened.most_common()]
    return "\n".join([rate, *rows, "no promise was broken"])


if __name__ == "__main__":
    sys.exit(main())
