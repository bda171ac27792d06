"""When a run must end before its last step: asked by a signal, or out of time."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch

from training import distributed

SIGNALS = (signal.SIGTERM, signal.SIGINT)  # a spot interruption, Ctrl-C


class Stop:
    """Asked between steps, so that the step under way is kept.

    While it listens, a signal only sets a mark; a second one ends the program at once. Before the
    first step and after the last there is nothing to keep, and signals do what they always do.
    """

    def __init__(self, minutes: float, device: torch.device) -> None:
        self.until = time.monotonic() + minutes * 60 if minutes else float("inf")
        self.signal, self.device = 0, device

    @property
    def exit_code(self) -> int:
        """What shells give to a program that a signal ended; 0 without one."""
        return 128 + self.signal if self.signal else 0

    def now(self) -> bool:
        """The same answer in every process: a step that one leaves out is a step that others
        wait for."""
        asked = bool(self.signal) or time.monotonic() > self.until
        if distributed.world() == 1:
            return asked
        return bool(distributed.summed(torch.tensor(float(asked), device=self.device)))

    @contextmanager
    def listening(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread hears signals
            return
        before = {number: signal.signal(number, self._mark) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _mark(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        signal.signal(number, signal.SIG_DFL)
