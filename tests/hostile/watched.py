"""A worker that is watched: when a file kills it or stops it, that is the file's fate."""

import json
import os
import resource
import select
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from tests.hostile.fates import Fate

MOST_WAITED = 60.0  # seconds on the wall, where others may hold the processor for most of it
STARTED = 120.0  # the same for a start, which loads the encoder
MOST_ADDRESSES = 4 * 2**30  # bytes: a bomb ends its worker, not the machine
ROOT = Path(__file__).parents[2]


class Watched:
    """One process after the other, each used until a file ends it.

    at_rest: bytes that the latest one held when it started. started: how many there have been.
    """

    def __init__(self, most_waited: float = MOST_WAITED) -> None:
        self.most_waited = most_waited
        self.started = 0
        self.at_rest = 0

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="hostile-")
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._end()
        self._folder.cleanup()

    def fate(self, file: Path) -> Fate:
        """Of this file, whatever it does to the process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(str(file)).encode() + b"\n")
        self._process.stdin.flush()
        told = self._told(self.most_waited)
        if isinstance(told, dict):
            return Fate(**told)
        self._end()
        self._start()
        return Fate(told)

    def _start(self) -> None:
        self.started += 1
        world = Path(self._folder.name) / str(self.started)
        world.mkdir()
        self._complaints = world / "stderr"
        with self._complaints.open("wb") as complaints:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.hostile.worker", str(world)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                cwd=ROOT,
                env={**os.environ, "POWERTOOLS_TRACE_DISABLED": "1"},
                preexec_fn=_bounded,
            )
        told = self._told(STARTED)
        if not isinstance(told, dict):
            raise RuntimeError(f"The worker did not start: {told}")
        self.at_rest = Fate(**told).at_rest

    def _told(self, within: float) -> dict[str, Any] | str:
        """What the worker says next, or what has become of it."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], within)[0]:
            return f"hung for {within:.0f} s"
        line = self._process.stdout.readline()
        if line:
            told: dict[str, Any] = json.loads(line)
            return told
        last = self._complaints.read_text(errors="replace").strip()[-1500:]
        return f"died with {self._process.wait()}: {last}"

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
