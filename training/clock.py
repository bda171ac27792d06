"""Where the time of a training goes: into its steps, or into waiting for pictures."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from training.options import Options


class Clock:
    """Where the time of the steps since the last reading went."""

    def __init__(self) -> None:
        self.began, self.waited, self.steps = time.monotonic(), 0.0, 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        before = time.monotonic()
        yield
        self.waited += time.monotonic() - before

    def read(self, options: Options) -> dict[str, float]:
        """step_share: of the wall time that went into steps, not into getting pictures ready."""
        taken = time.monotonic() - self.began
        pictures = self.steps * (options.batch + options.mixtures)
        found = {"images_per_second": pictures / taken, "step_share": 1 - self.waited / taken}
        self.began, self.waited, self.steps = time.monotonic(), 0.0, 0
        return found
