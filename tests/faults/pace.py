"""How long anybody waits: the real seconds, or all of them divided by one number, for CI."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from lookalike import clients, deadline, models, secret_store

API_SECONDS = 29.0  # infra/functions.py; a test holds them together
EMBED_SECONDS = 60.0  # infra/environment.py
RECONCILE_SECONDS = 900.0  # infra/clock.py
QDRANT_SECONDS = 5  # lookalike.settings, in whole seconds
START_SECONDS = 10.0  # what Lambda gives a function to start, before its deadline counts
SLACK_SECONDS = 3.0  # of a busy machine; never divided


@dataclass(frozen=True, slots=True)
class Pace:
    """faster: what every timeout, every deadline and every pause of a fault is divided by."""

    faster: float = 1.0

    def of(self, seconds: float) -> float:
        return seconds / self.faster

    @contextmanager
    def kept(self) -> Iterator[None]:
        """The one place where timeouts are changed. What was read is too old at once, so that the
        warmest sandbox asks again; but not how long one waits to ask a dependency that failed.
        """
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clients, "CONNECT_SECONDS", self.of(clients.CONNECT_SECONDS))
            patch.setattr(clients, "READ_SECONDS", self.of(clients.READ_SECONDS))
            patch.setattr(deadline, "SPARE_SECONDS", self.of(deadline.SPARE_SECONDS))
            patch.setattr(deadline, "REFRESH_SECONDS", self.of(deadline.REFRESH_SECONDS))
            patch.setattr(models, "STATE_SECONDS", 0.0)
            patch.setattr(secret_store, "SECRET_SECONDS", 0.0)
            qdrant = str(max(1, round(self.of(QDRANT_SECONDS))))
            patch.setenv("LOOKALIKE_QDRANT_TIMEOUT_SECONDS", qdrant)
            yield
