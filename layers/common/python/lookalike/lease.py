"""The lease: of all learning runs, one at a time."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from lookalike.errors import RunInProgress, StoreUnavailable
from lookalike.stores import ABSENT, MissingObject, PreconditionFailed, Store

LEASE_KEY = "learning/lease.json"
# A run that was killed gives nothing back. Longer than any run may last (the state machine's own
# limit), and over before next week's begins.
LEASE_TIME = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who runs, and until when (RFC 3339, UTC) nobody else may."""

    execution: str
    until: str


class Lease:
    """One object, changed by compare-and-set: of two that want it at once, one gets it."""

    def __init__(
        self, store: Store, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.store = store
        self.clock = clock

    def take(self, execution: str) -> None:
        """Taking it again, as a repeated step does, makes it last longer. Raises RunInProgress."""
        holder, etag = self._read()
        now = self.clock()
        if holder and holder.execution != execution and _ends(holder) > now:
            raise RunInProgress(
                f"{holder.execution} is running, until {holder.until} at the latest; wait for it, "
                f"or, if it was killed, delete {LEASE_KEY} in the model store."
            )
        mine = Holder(execution, (now + LEASE_TIME).isoformat(timespec="seconds"))
        try:
            data = json.dumps(asdict(mine)).encode()
            self.store.put(LEASE_KEY, data, "application/json", if_match=etag)
        except PreconditionFailed as error:
            raise StoreUnavailable("Another run asks for the lease just now.") from error

    def give_back(self, execution: str) -> None:
        """What another holds, or nobody, stays as it is."""
        holder, etag = self._read()
        if holder and holder.execution == execution:
            # Written, not deleted: a deletion knows no condition.
            free = Holder("", self.clock().isoformat(timespec="seconds"))
            try:
                data = json.dumps(asdict(free)).encode()
                self.store.put(LEASE_KEY, data, "application/json", if_match=etag)
            except PreconditionFailed:
                return  # ours had ended, and another took it

    def _read(self) -> tuple[Holder | None, str]:
        """A lease that cannot be read holds nobody back: its writer is not one of ours."""
        try:
            data, etag = self.store.get(LEASE_KEY)
        except MissingObject:
            return None, ABSENT
        try:
            holder = Holder(**json.loads(data))
            _ends(holder)
        except (ValueError, TypeError):
            return None, etag
        return holder, etag


def _ends(holder: Holder) -> datetime:
    ends = datetime.fromisoformat(holder.until)
    return ends if ends.tzinfo else ends.replace(tzinfo=UTC)
