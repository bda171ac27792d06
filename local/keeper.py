"""What nobody tells the laptop: missed changes, a next model to fill, a graph to build."""

import logging
import sqlite3
import threading
import time
from dataclasses import dataclass
from typing import Any

from local.changes import Changes
from local.queue import Queue
from lookalike import wiring
from lookalike.errors import LookalikeError, ModelUnavailable
from lookalike.reconcile import missed

ROUND_SECONDS = 0.2
COMPARE_SECONDS = 600.0  # the comparison that nobody asked for: against missed changes
SPARE_SHARE = 5  # a comparison that took 1 s is followed by 5 s without another
PATIENCE_SECONDS = 10.0  # between attempts to bring up a next model that stays behind

logger = logging.getLogger("lookalike.keeper")


@dataclass(frozen=True, slots=True)
class Filling:
    """A next model on its way: how many pictures it lacked, and how many of those are done."""

    model: str
    done: int
    total: int


class Keeper:
    """One thread that makes the laptop whole again, whatever happened while it did not look."""

    def __init__(self, changes: Changes, queue: Queue) -> None:
        self.changes = changes
        self.queue = queue
        self.compared = threading.Event()  # the first comparison is done: the queue holds the rest
        self.trouble = ""  # what keeps the last round from ending well
        self._asked = True
        self._next_compare = 0.0
        self._fill_again = 0.0
        self._filling: Filling | None = None
        self._optimizer: threading.Thread | None = None
        self._worked = False
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def compare(self) -> None:
        """Compare folder and index soon. Asking often costs nothing."""
        self._asked = True
        self._wake.set()

    def settled(self) -> bool:
        """Whether nothing is left to do: all compared, no message pending, no model to fill."""
        idle = self.compared.is_set() and not self._asked and self.queue.is_idle()
        built = not self._worked and not self._is_building()
        return idle and built and wiring.serving().read()[0].filling is None

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._round()
                self.trouble = ""
            except (LookalikeError, OSError, sqlite3.Error) as error:
                logger.exception("will try again")
                self.trouble = str(error)
                self._stopping.wait(PATIENCE_SECONDS)
            self._wake.wait(ROUND_SECONDS)
            self._wake.clear()

    def _round(self) -> None:
        now = time.monotonic()
        due = self._asked and now >= self._next_compare
        if due or now >= self._next_compare + COMPARE_SECONDS:
            self._compare()
        state = wiring.serving().read()[0]
        if state.filling is not None:
            self._fill(state.filling)
            state = wiring.serving().read()[0]  # it may serve by now, and needs its graph
        else:
            self._filling = None  # a rollback lets go of it
        self._build_graphs(tuple(filter(None, (state.live, state.challenger))))

    def _compare(self) -> None:
        """Queue what differs. A missing folder is an unplugged disk, not a thousand deletions."""
        self._asked = False
        if not self.changes.store.root.is_dir():
            logger.warning("%s is not there", self.changes.store.root)
            self._asked = True
            self._next_compare = time.monotonic() + PATIENCE_SECONDS
            return
        began = time.monotonic()
        state = wiring.serving().read()[0]
        others = [model for model in state.models() if model not in (state.live, state.filling)]
        stores = wiring.image_store(), wiring.index(), wiring.rejects()
        found = missed(*stores, state.live, others)
        sent = self.changes.report([*found.keys, *found.retriable])
        self._worked = self._worked or sent > 0
        took = time.monotonic() - began
        logger.info("compared in %.1f s: %d differ", took, sent)
        self._next_compare = time.monotonic() + SPARE_SHARE * took
        self.compared.set()

    def _fill(self, model: str) -> None:
        """Fill through the queue, like any change; let in when nothing is behind."""
        pending = self.queue.counts().pending
        if self._filling is None or self._filling.model != model:
            self._filling = Filling(model, 0, 0)
        total = self._filling.total
        self._filling = Filling(model, max(0, total - pending), max(total, pending))
        if pending or time.monotonic() < self._fill_again:
            return
        behind = wiring.reindex().behind()
        if self.changes.report(behind):
            self._fill_again = time.monotonic() + ROUND_SECONDS
            return
        self._fill_again = time.monotonic() + PATIENCE_SECONDS
        self._let_in(model)
        self._filling = None
        self._fill_again = 0.0

    def _let_in(self, model: str) -> None:
        """Raises ModelUnavailable, and lets the model go, if its collection is not fit to serve."""
        if said := wiring.reindex().problems(model):
            self.trouble = f"{model} is not fit to serve: {' '.join(said)}"
            wiring.reindex().abandon(model)
            raise ModelUnavailable(self.trouble)
        state = wiring.reindex().let_in(model)
        self.trouble = ""  # whoever waits for this model need not hear of earlier attempts
        self._worked = True  # its graph is to be built, also where another process filled it
        wiring.reindex().retire()  # what served, or was tried, before the last one
        logger.info("%s %s", model, "serves" if state.live == model else "is on trial")

    def _build_graphs(self, models: tuple[str, ...]) -> None:
        """After a batch of work, in a thread of its own: it takes minutes for a large catalogue."""
        idle = self.queue.is_idle()
        if not idle or self._is_building() or not self._worked:
            self._worked = self._worked or not idle
            return
        self._worked = False
        self._optimizer = threading.Thread(target=_optimize, args=models, daemon=True)
        self._optimizer.start()

    def _is_building(self) -> bool:
        return self._optimizer is not None and self._optimizer.is_alive()

    def as_json(self) -> dict[str, Any] | None:
        found = self._filling
        return {"model": found.model, "done": found.done, "total": found.total} if found else None


def _optimize(*models: str) -> None:
    for model in models:
        try:
            wiring.index().optimize(model)
        except LookalikeError:
            logger.exception("the graph of %s was not built", model)
