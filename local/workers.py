"""Threads that hand queued changes to the real embed function, as Lambda's poller would."""

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

from local import events
from local.queue import Message, Queue
from local.sandbox import Context

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

WAIT_SECONDS = 20.0  # how long a poll waits for a message, as SQS's longest
PATIENCE = 3  # failures in a row, on whatever keys, before everybody slows down
LONGEST_PAUSE_SECONDS = 30.0
RATE_WINDOW_SECONDS = 20.0  # what "now" means in images per second

logger = logging.getLogger("lookalike.workers")


class Workers:
    """Receive, invoke, delete; a reported failure stays in the queue and comes again later.

    One message per invocation: one image fails alone. When one failure follows another, whatever
    the keys, a dependency is down (disk full, index gone): everybody pauses, 1 s and doubling up
    to LONGEST_PAUSE_SECONDS, so that an outage does not turn a whole folder into dead letters.
    """

    def __init__(self, queue: Queue, handler: Handler, threads: int) -> None:
        self.queue = queue
        self.handler = handler
        self.finished = 0
        self._failures = 0
        self._recent: deque[float] = deque(maxlen=10_000)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every worker finish its picture; what still waits comes again next time."""
        self._stopping.set()
        self.queue.wake()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def rate(self) -> float | None:
        """Messages per second lately; None while too few to tell."""
        since = monotonic() - RATE_WINDOW_SECONDS
        recent = [moment for moment in tuple(self._recent) if moment >= since]
        if len(recent) < 2:
            return None
        return (len(recent) - 1) / max(monotonic() - recent[0], 0.001)

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                message = self.queue.receive(WAIT_SECONDS)
                if message is not None:
                    self._invoke(message)
            except sqlite3.Error:  # the disk is full; what is in flight comes again
                logger.exception("the queue cannot be written")
                self._failures += PATIENCE
            self._pause()

    def _invoke(self, message: Message) -> None:
        if self._succeeds(message):
            self.queue.delete(message.receipt)
            self._failures = 0
            self.finished += 1
            self._recent.append(monotonic())
            return
        self._failures += 1
        self.queue.change_visibility(message.receipt, 2.0**message.receives)

    def _succeeds(self, message: Message) -> bool:
        """Whatever comes out of the handler is a failure too: Lambda would hand it out again.

        Also what is no Exception, a panic of the engine or an exit: nobody would miss this thread.
        """
        try:
            answer = self.handler(events.to_lambda(message), Context("embed"))
        except BaseException:
            logger.exception("embed failed on %r", message.key)
            return False
        failed = bool(answer["batchItemFailures"])
        if failed:
            logger.warning("embed failed on %r, receive %d", message.key, message.receives)
        return not failed

    def _pause(self) -> None:
        in_a_row = self._failures - PATIENCE
        if in_a_row >= 0:
            self._stopping.wait(min(2.0**in_a_row, LONGEST_PAUSE_SECONDS))
