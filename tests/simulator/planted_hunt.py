"""The simulator against the planted bugs, one by one: how long each of them stays hidden."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from multiprocessing import get_context

from tests.simulator.planted import Bug, planted
from tests.simulator.planted_delivery import EMBED, POLLER, QUEUE
from tests.simulator.planted_ingest import CATALOGUE, INGEST, REJECTS
from tests.simulator.planted_rarely import RARE
from tests.simulator.planted_serving import MODELS, RECONCILE, REINDEX

BUGS = INGEST + CATALOGUE + REJECTS + EMBED + POLLER + QUEUE + REINDEX + MODELS + RECONCILE
ALL = BUGS + RARE
HEAD = "| planted bug | schedules | seconds of CPU | what it breaks |\n|---|--:|--:|---|"


@dataclass(frozen=True, slots=True)
class Hunt:
    """schedules: how many it took, or, where it was not found, how many were in vain.

    story: as the simulator tells it, empty where the bug was not found. seconds: of CPU.
    """

    bug: str
    schedules: int
    seconds: float
    story: tuple[str, ...]

    @property
    def is_found(self) -> bool:
        return bool(self.story)

    @property
    def row(self) -> str:
        said = self.story[-1].removeprefix("WRONG: ") if self.story else "**not found**"
        return f"| {self.bug} | {self.schedules:,} | {self.seconds:.1f} | {said} |"


def hunt(bug: Bug, schedules: int, seed: int) -> Hunt:
    """Run the simulator over code that has this bug, until it finds it or has no schedules left."""
    began = time.process_time()
    with planted(bug):
        failure = import_module("tests.simulator.hunt").run(schedules, seed)
    seconds = time.process_time() - began
    if failure is None:
        return Hunt(bug.name, schedules, seconds, ())
    return Hunt(bug.name, failure.schedules, seconds, tuple(failure.story))


def hunt_all(bugs: Iterable[Bug], schedules: int, seed: int, processes: int = 1) -> Iterator[Hunt]:
    """In the order of the bugs."""
    one = partial(hunt, schedules=schedules, seed=seed)
    if processes == 1:
        yield from map(one, bugs)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(one, bugs)


def report(schedules: int, seed: int, processes: int) -> int:
    """Print the table; the exit code is 1 where a bug stayed hidden."""
    print(f"seed {seed}, at most {schedules:,} schedules for each of {len(ALL)} bugs\n\n{HEAD}")
    hidden = 0
    for found in hunt_all(ALL, schedules, seed, processes):
        print(found.row, flush=True)
        hidden += not found.is_found
    print(f"\n{len(ALL) - hidden} of {len(ALL)} found")
    return 1 if hidden else 0
