"""Events for a folder that changes, worked on by a process that is killed again and again."""

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from local import client, events
from local.data_folder import DataFolder
from local.queue import Queue
from lookalike.folder import Folder
from lookalike.index import COLLECTION_PREFIX
from tests.load.agreement import Difference, differences, drift
from tests.load.changes import Change, Plan, make

LOOK_SECONDS = 0.005
PACE_SECONDS = 0.02  # between changes that nobody waits for
PATIENCE_SECONDS = 120.0  # without any progress
START_SECONDS = 1.5  # of a process, within which it is killed once
OUTCOME = re.compile(r'"outcome": ?"(\w+)"')

Tell = Callable[[str], None]


@dataclass
class Found:
    """unaccounted: pictures that differed when the process was killed, and of which no message
    waited: an event acknowledged and not done."""

    seconds: float = 0.0
    changes: int = 0
    sent: int = 0
    kills: int = 0
    in_flight: int = 0  # messages that the kills interrupted
    behind: int = 0  # pictures that differed at the kills, all with a message
    unaccounted: set[str] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    dead: list[str] = field(default_factory=list)
    drift: set[str] = field(default_factory=set)
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not (self.unaccounted or self.dead or self.drift or self.differences)


class Run:
    """One plan carried out in a folder."""

    def __init__(self, plan: Plan, folder: Path, tell: Tell) -> None:
        self.plan = plan
        self.tell = tell
        self.found = Found()
        self.pictures = folder / "pictures"
        self.pictures.mkdir()
        self.store = Folder(self.pictures)
        self.data = DataFolder(folder / "data")
        self.data.claim(self.pictures)
        self.queue = Queue(self.data.queue)
        self._bodies: dict[int, str] = {}  # of the events, by change
        self._untold: defaultdict[str, set[int]] = defaultdict(set)  # changes, by picture
        self._rng = random.Random(plan.seed + 2)
        self._process = self._start()
        self._wait_for(lambda: any((self.data.path / "index").glob(f"{COLLECTION_PREFIX}*")))

    def __call__(self) -> Found:
        try:
            began = time.monotonic()
            self._change_and_kill()
            self._drain()
            self.found.seconds = time.monotonic() - began
            self._stop()
        finally:
            self._process.kill()
            self._process.communicate()
        self._compare()
        self.queue.close()
        return self.found

    def _change_and_kill(self) -> None:
        killed_after = self.plan.killed_after()
        for step in self.plan.steps():
            if isinstance(step, Change):
                self._make(step)
                continue
            self._wait_for(lambda: self.queue.counts().pending < self.plan.waiting)
            self._send(step.of)
            self.found.sent += 1
            if self.found.sent in killed_after:
                self._kill_and_look()
                if self.found.kills == self.plan.kills - 1:
                    self._kill_while_it_starts()

    def _make(self, change: Change) -> None:
        make(change, self.pictures)
        head = self.store.head(change.changed)
        self._bodies[change.number] = events.of(change.changed, head)
        self._untold[change.key].add(change.number)
        self.found.changes += 1

    def _send(self, change: Change) -> None:
        self.queue.send([(change.key, self._bodies[change.number])])
        self._untold[change.key].discard(change.number)

    def _kill_and_look(self) -> None:
        """Whatever differs at this moment is still to be done, or to be told of."""
        time.sleep(self._rng.uniform(0, 0.02))
        self._kill()
        self.found.in_flight += self.queue.counts().in_flight
        waiting = _keys(self.data.queue)
        differing = drift(self.data)
        self.found.behind += len(differing)
        self.found.unaccounted |= {
            key for key in differing if key not in waiting and not self._untold[key]
        }
        self.tell(f"killed after {self.found.sent} events; {len(differing)} pictures to be done")
        self._process = self._start()

    def _kill_while_it_starts(self) -> None:
        time.sleep(self._rng.uniform(0, START_SECONDS))
        self._kill()
        self.tell("killed again while it started")
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.load.indexer", str(self.data.path)]
        hasty = ["hasty"] if self.plan.hasty else []
        return subprocess.Popen([*command, *hasty], stdin=subprocess.PIPE)

    def _kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self.found.kills += 1

    def _drain(self) -> None:
        self._wait_for(self.queue.is_idle)

    def _stop(self) -> None:
        self._process.communicate(timeout=PATIENCE_SECONDS)  # closes its standard input
        if self._process.returncode:
            raise RuntimeError(f"the process ended with {self._process.returncode}")

    def _wait_for(self, true: Callable[[], bool], look_seconds: float = LOOK_SECONDS) -> None:
        until, seen = 0.0, None
        while not true():
            if (counts := self.queue.counts()) != seen:
                until, seen = time.monotonic() + PATIENCE_SECONDS, counts
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"it ended or hangs: {counts}")
            time.sleep(look_seconds)

    def _compare(self) -> None:
        self.found.outcomes = Counter(_outcomes(self.data.log))
        self.found.dead = [letter.key for letter in self.queue.dead_letters()]
        self.found.drift = drift(self.data)
        self.found.differences = differences(self.data, self.data.path.with_name("anew"))


class WholeRun(Run):
    """The same changes in front of `lookalike up`, which is told of none: it watches the folder,
    and when it starts it compares."""

    def _send(self, change: Change) -> None:
        time.sleep(PACE_SECONDS)

    def _start(self) -> subprocess.Popen[bytes]:
        given = [str(self.pictures), "--data", str(self.data.path), "--port", "0", "--no-browser"]
        command = [sys.executable, "-m", "local.cli", "up", *given]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def _drain(self) -> None:
        """Until it finds nothing to do itself."""
        assert self._process.stdout is not None
        url = self._process.stdout.readline().decode().split()[-1]
        self._wait_for(
            lambda: self.queue.is_idle() and not client.get(f"{url}local/drift")["differ"], 0.5
        )

    def _stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=PATIENCE_SECONDS)


def _keys(queue: Path) -> set[str]:
    """Of the messages that wait or are in flight."""
    with closing(sqlite3.connect(queue)) as db:
        return {key for (key,) in db.execute("SELECT key FROM messages WHERE state != 'dead'")}


def _outcomes(log: Path) -> list[str]:
    """What the embed function said of each event, as far back as its log goes.

    No JSON is read: a kill cuts a line off anywhere, and the next one goes on in it.
    """
    files = (log.with_suffix(".old.log"), log)
    return [name for file in files if file.exists() for name in OUTCOME.findall(file.read_text())]


def told(found: Found) -> str:
    """In the words of docs/reliability.md."""
    lines = [
        f"{found.changes} changes, {found.sent} events, {found.kills} kills in "
        f"{found.seconds:.0f} s: {found.sent / found.seconds:.0f} events/s",
        f"done: {dict(found.outcomes)}",
        f"interrupted by kills: {found.in_flight} messages; to be done then: {found.behind} "
        f"pictures, of which without a message: {sorted(found.unaccounted)}",
        f"dead letters: {found.dead}; found by the comparison: {sorted(found.drift)}; other than "
        f"in an index made anew: {[each.key for each in found.differences]}",
    ]
    return "\n".join(lines)
