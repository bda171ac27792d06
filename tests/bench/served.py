"""A Lookalike that runs beside the bench, asked over HTTP as the page asks it."""

import http.client
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench.clocks import run
from tests.bench.indexing import LOOKALIKE

LOOK_SECONDS = 0.1  # between two looks at how far it is
LATEST = 600.0  # seconds; what takes longer than this has failed
IDLE = 0.05  # of one core: less is a process that waits


@dataclass(frozen=True)
class Served:
    """url: ends in a slash. pid: of the server, which does all the work in its own process."""

    url: str
    pid: int
    data: Path

    def ask(self, path: str) -> Any:
        """The JSON answer. Raises RuntimeError with what it said if it is none."""
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        try:
            connection.request("GET", f"/{path}")
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}: {body[:500]!r}")
        return json.loads(body)

    def progress(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("local/progress")
        return found

    def looks(self) -> Iterator[dict[str, Any]]:
        """How far it is, again and again. Raises RuntimeError when it takes too long."""
        latest = time.monotonic() + LATEST
        while time.monotonic() < latest:
            yield self.progress()
            time.sleep(LOOK_SECONDS)
        raise RuntimeError(f"after {LATEST:.0f} s it was not done: {self.progress()}")

    def command(self, *words: str | Path) -> None:
        run([LOOKALIKE, *words, "--data", self.data])

    @contextmanager
    def promoting(self, version: str) -> Iterator[Callable[[], bool]]:
        """`lookalike promote`, and whether it is over. Raises RuntimeError if it failed."""
        command = [LOOKALIKE, "promote", version, "--data", self.data]
        latest = time.monotonic() + LATEST
        with subprocess.Popen(
            list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            yield lambda: process.poll() is not None or time.monotonic() > latest
            process.terminate()
            said = process.communicate()[1]
        if process.returncode:
            raise RuntimeError(f"{version} was not let in: {said[-2000:]}")

    def settle(self) -> None:
        """Wait until nothing is left to do, the graph of the index included."""
        for progress in self.looks():
            before, began = _cpu_seconds(self.pid), time.monotonic()
            time.sleep(5 * LOOK_SECONDS)
            used = (_cpu_seconds(self.pid) - before) / (time.monotonic() - began)
            if not progress["pending"] and not progress["filling"] and used < IDLE:
                return


@contextmanager
def served(pictures: Path, data: Path) -> Iterator[Served]:
    """While the block runs. Its first look at the pictures begins with the block."""
    command = [LOOKALIKE, "up", pictures, "--data", data, "--port", "0", "--no-browser"]
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        if "http://" not in said:
            raise RuntimeError(f"lookalike up said {said!r}")
        yield Served(said.split()[-1], process.pid, data)
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _cpu_seconds(pid: int) -> float:
    """User and system; nothing where the system does not say, so that everybody seems idle."""
    with suppress(OSError):
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / float(os.sysconf("SC_CLK_TCK"))
    return 0.0
