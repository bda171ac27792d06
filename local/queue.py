"""The laptop's SQS: messages in one SQLite file, with retries and dead letters.

What it promises is what a standard SQS queue promises, and no more:

- At least once. A received message is hidden for `VISIBILITY_SECONDS`; unless it is deleted by then
  it comes again. Whoever works on it must not mind doing it twice.
- A receive is counted before the message is handed out, so a picture that kills the process is
  counted too: after `MAX_RECEIVES` receives it becomes a dead letter, and the rest goes on. What a
  dead process had in flight is handed out alone: its neighbours do not die with it again.
- No order, but for two lanes: `urgent` messages come before the others, oldest first.

One promise is the laptop's own: while a message of a key waits, another of the same key replaces
its body instead of joining the line, so a burst of changes to one file is one message. A message in
flight does not count as waiting: a change that arrives meanwhile makes another.

SQLite in WAL mode with synchronous=NORMAL: a commit survives kill -9 of this process at any moment.
A power cut may lose the last commits; the comparison of folder and index at start finds them again.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

MAX_RECEIVES = 3  # as the queue in the cloud
VISIBILITY_SECONDS = 300.0  # far above the slowest picture; six times the function's timeout there
DIED = "died"  # the process ended while it worked on the message
FAILED = "failed"  # the handler said that a dependency failed

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    lane INTEGER NOT NULL,               -- 0 urgent, 1 backlog
    state TEXT NOT NULL,                 -- waiting, in_flight, dead
    visible_at REAL NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0,
    fault TEXT NOT NULL DEFAULT 'died',  -- how the last receive ended, pessimistic until it does
    receipt TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS one_waiting ON messages (key) WHERE state = 'waiting';
CREATE UNIQUE INDEX IF NOT EXISTS one_dead ON messages (key) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS next_up ON messages (state, lane, id);
CREATE INDEX IF NOT EXISTS by_receipt ON messages (receipt) WHERE receipt IS NOT NULL;
"""

SEND = """
INSERT INTO messages (key, body, lane, state, visible_at) VALUES (?, ?, ?, 'waiting', 0)
ON CONFLICT (key) WHERE state = 'waiting'
DO UPDATE SET body = excluded.body, lane = min(lane, excluded.lane), visible_at = 0
"""


@dataclass(frozen=True, slots=True)
class Message:
    """receives: how often it was handed out, this time included."""

    id: int
    key: str
    body: str
    receipt: str
    receives: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    key: str
    body: str
    receives: int
    fault: str  # DIED or FAILED


@dataclass(frozen=True, slots=True)
class Counts:
    waiting: int
    in_flight: int
    dead: int

    @property
    def pending(self) -> int:
        return self.waiting + self.in_flight


class Queue:
    """Safe for any number of threads. One process works a queue; others may read its counts."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {SCHEMA}")
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._woken = 0
        self._suspect: int | None = None  # the message that is in flight alone

    def send(self, messages: Iterable[tuple[str, str]], urgent: bool = False) -> None:
        """Add (key, body) pairs, all or none. Durable when it returns."""
        lane = 0 if urgent else 1
        with self._transaction() as db:
            db.executemany(SEND, ((key, body, lane) for key, body in messages))
            self._changed.notify_all()

    def receive(self, wait_seconds: float = 0.0) -> Message | None:
        """Take one message, waiting for one if need be; None when there is none in that time."""
        deadline = time.monotonic() + wait_seconds
        with self._changed:
            woken = self._woken
            while True:
                message, next_at = self._take()
                left = deadline - time.monotonic()
                if message is not None or left <= 0 or woken != self._woken:
                    return message
                until_next = left if next_at is None else max(next_at - self.clock(), 0.001)
                self._changed.wait(min(left, until_next))

    def wake(self) -> None:
        """Whoever waits in `receive` returns at once, with a message or with None."""
        with self._changed:
            self._woken += 1
            self._changed.notify_all()

    def delete(self, receipt: str) -> None:
        """The work is done. An old receipt, of a message that was handed out again, does nothing.

        Done is done: an older dead letter of the same key goes too.
        """
        with self._transaction() as db:
            for (key,) in db.execute("SELECT key FROM messages WHERE receipt = ?", (receipt,)):
                db.execute("DELETE FROM messages WHERE key = ? AND state = 'dead'", (key,))
            db.execute("DELETE FROM messages WHERE receipt = ?", (receipt,))
            self._changed.notify_all()  # who waits for a suspect goes on

    def change_visibility(self, receipt: str, seconds: float) -> None:
        """The handler failed: hand the message out again in so many seconds, or give it up."""
        with self._transaction() as db:
            row = db.execute("SELECT id FROM messages WHERE receipt = ?", (receipt,)).fetchone()
            if row is not None:
                db.execute("UPDATE messages SET fault = ? WHERE id = ?", (FAILED, row[0]))
                self._release(row[0], self.clock() + seconds)
            self._changed.notify_all()

    def release_in_flight(self) -> int:
        """What a dead process worked on is visible again; for the one process, before it begins."""
        with self._transaction() as db:
            left = db.execute("SELECT id FROM messages WHERE state = 'in_flight'").fetchall()
            for (id_,) in left:
                self._release(id_, 0.0)
        return len(left)

    def dead_letters(self) -> list[DeadLetter]:
        query = "SELECT key, body, receives, fault FROM messages WHERE state = 'dead' ORDER BY id"
        with self._lock:
            return [DeadLetter(*row) for row in self._db.execute(query)]

    def redrive(self, fault: str | None = None) -> int:
        """Give dead letters (of one fault) three more receives. Returns how many there were."""
        of = ("%" if fault is None else fault,)
        with self._transaction() as db:
            again = "SELECT key, body, 1 FROM messages WHERE state = 'dead' AND fault LIKE ?"
            rows = db.execute(again, of).fetchall()
            db.executemany(SEND, rows)
            db.execute("DELETE FROM messages WHERE state = 'dead' AND fault LIKE ?", of)
            self._changed.notify_all()
        return len(rows)

    def counts(self) -> Counts:
        with self._lock:
            rows = self._db.execute("SELECT state, count(*) FROM messages GROUP BY state")
            by_state = dict(rows.fetchall())
        return Counts(*(by_state.get(state, 0) for state in ("waiting", "in_flight", "dead")))

    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is in flight; cheaper than counting."""
        query = "SELECT 1 FROM messages WHERE state IN ('waiting', 'in_flight') LIMIT 1"
        with self._lock:
            return self._db.execute(query).fetchone() is None

    def close(self) -> None:
        """What was not deleted comes again next time."""
        with self._lock:
            self._db.close()

    def _take(self) -> tuple[Message | None, float | None]:
        """The next visible message, or when the next one becomes visible."""
        with self._transaction() as db:
            now = self.clock()
            self._expire(db, now)
            row = db.execute(
                "SELECT id, key, body, receives, fault FROM messages WHERE state = 'waiting'"
                " AND visible_at <= ? ORDER BY lane, id LIMIT 1",
                (now,),
            ).fetchone()
            if row is None:
                query = "SELECT min(visible_at) FROM messages WHERE state != 'dead'"
                return None, db.execute(query).fetchone()[0]
            id_, key, body, receives, fault = row
            is_suspect = bool(receives) and fault == DIED
            if until := self._alone_until(db, is_suspect):
                return None, until
            self._suspect = id_ if is_suspect else None
            receipt = uuid4().hex
            db.execute(
                "UPDATE messages SET state = 'in_flight', receives = receives + 1, receipt = ?,"
                " visible_at = ?, fault = ? WHERE id = ?",
                (receipt, now + VISIBILITY_SECONDS, DIED, id_),
            )
            return Message(id_, key, body, receipt, receives + 1), None

    def _alone_until(self, db: sqlite3.Connection, is_suspect: bool) -> float | None:
        """When that is over for which this one must wait: all of it, or a suspect."""
        query = "SELECT min(visible_at) FROM messages WHERE state = 'in_flight' AND (? OR id = ?)"
        until: float | None = db.execute(query, (is_suspect, self._suspect)).fetchone()[0]
        return until

    def _expire(self, db: sqlite3.Connection, now: float) -> None:
        query = "SELECT id FROM messages WHERE state = 'in_flight' AND visible_at <= ?"
        for (id_,) in db.execute(query, (now,)).fetchall():
            self._release(id_, now)

    def _release(self, id_: int, visible_at: float) -> None:
        """From in flight to waiting, or to the dead letters, or away if a newer one waits."""
        query = "SELECT key, receives FROM messages WHERE id = ?"
        key, receives = self._db.execute(query, (id_,)).fetchone()
        state = "dead" if receives >= MAX_RECEIVES else "waiting"
        same = "FROM messages WHERE key = ? AND state = ?"
        if state == "dead":
            self._db.execute(f"DELETE {same}", (key, state))
        elif self._db.execute(f"SELECT 1 {same}", (key, state)).fetchone():
            self._db.execute("DELETE FROM messages WHERE id = ?", (id_,))
            return
        self._db.execute(
            "UPDATE messages SET state = ?, visible_at = ?, receipt = NULL WHERE id = ?",
            (state, visible_at, id_),
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
