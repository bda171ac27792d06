"""How time and processor time are taken: alternately, so that a busy moment hits both sides."""

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any, TypeVar

T = TypeVar("T")

Work = Callable[[T], Any]

IDLE_LOAD = 0.7  # of the one-minute load average: above it somebody else works here too
STAT = Path("/proc/stat")  # Linux; elsewhere nobody else's time is known


def alternately(
    rounds: Iterable[T], *works: Work[T], clock: Callable[[], float] = time.perf_counter
) -> list[list[float]]:
    """Seconds of each work, one list a work: A B A B, every round on another item."""
    seconds: list[list[float]] = [[] for _ in works]
    for item in rounds:
        for work, taken in zip(works, seconds, strict=True):
            began = clock()
            work(item)
            taken.append(clock() - began)
    return seconds


def p50(values: Sequence[float]) -> float:
    return median(values)


def p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[-1] if len(values) > 1 else values[0]


@dataclass(frozen=True, slots=True)
class Took:
    """cpu: user and system seconds, of the command and of all that it started and waited for."""

    wall: float
    cpu: float


def run(command: Sequence[str | Path], **environment: str) -> Took:
    """Run a command to its end. Raises RuntimeError with what it said if it failed."""
    began = time.perf_counter()
    process = subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=with_environment(environment),
    )
    assert process.stderr is not None
    with process.stderr as stderr:
        said = stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {said.decode(errors='replace')[-2000:]}")
    return Took(time.perf_counter() - began, usage.ru_utime + usage.ru_stime)


def with_environment(more: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **more}


class Quiet:
    """Tells how much of the machine others used since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._own = _own_seconds()
        self._busy = _busy_seconds()

    def others(self) -> float | None:
        """Share of all cores; None where the system does not say."""
        if self._busy is None:
            return None
        wall = (time.perf_counter() - self._began) * (os.cpu_count() or 1)
        busy = (_busy_seconds() or 0.0) - self._busy
        return max(0.0, busy - (_own_seconds() - self._own)) / wall


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _busy_seconds() -> float | None:
    with suppress(OSError, ValueError):
        user, nice, system, _, _, irq, softirq, *_ = map(
            int, STAT.read_text().partition("\n")[0].split()[1:]
        )
        return (user + nice + system + irq + softirq) / float(os.sysconf("SC_CLK_TCK"))
    return None
