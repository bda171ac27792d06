"""Of all learning runs, one at a time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lookalike.errors import RunInProgress, StoreUnavailable
from lookalike.folder import Folder
from lookalike.lease import LEASE_KEY, LEASE_TIME, Lease
from lookalike.stores import PreconditionFailed


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 3, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lease(tmp_path: Path, clock: Clock) -> Lease:
    return Lease(Folder(tmp_path), clock)


def test_a_second_run_is_told_who_runs_and_until_when(lease: Lease) -> None:
    lease.take("first")

    with pytest.raises(RunInProgress, match="first is running, until 2026-11-25T03:00:00"):
        lease.take("second")


def test_the_same_run_may_take_it_again(lease: Lease, clock: Clock) -> None:
    lease.take("first")
    clock.now += LEASE_TIME / 2
    lease.take("first")
    clock.now += LEASE_TIME / 2 + timedelta(hours=1)

    with pytest.raises(RunInProgress):
        lease.take("second")


def test_what_was_given_back_is_free(lease: Lease) -> None:
    lease.take("first")
    for _ in range(2):
        lease.give_back("first")

    lease.take("second")


def test_another_runs_lease_is_not_given_back(lease: Lease) -> None:
    lease.give_back("nobody")
    lease.take("first")
    lease.give_back("second")

    with pytest.raises(RunInProgress):
        lease.take("third")


def test_a_run_that_died_holds_nobody_back_for_ever(lease: Lease, clock: Clock) -> None:
    lease.take("first")
    clock.now += LEASE_TIME

    lease.take("second")
    lease.give_back("first")  # it was not dead after all, but it is too late

    with pytest.raises(RunInProgress, match="second"):
        lease.take("third")


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"execution": "x", "until": "later"}'])
def test_a_lease_that_cannot_be_read_is_free(lease: Lease, data: bytes) -> None:
    lease.store.put(LEASE_KEY, data, "application/json")

    lease.take("first")

    with pytest.raises(RunInProgress):
        lease.take("second")


def test_of_two_that_want_it_at_once_one_gets_it(
    lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = lease.store.put

    def outrun(key: str, data: bytes, content_type: str, if_match: str | None = None) -> str:
        real(key, data.replace(b"second", b"first"), content_type, if_match)
        raise PreconditionFailed(key)

    with monkeypatch.context() as patch:
        patch.setattr(lease.store, "put", outrun)
        with pytest.raises(StoreUnavailable, match="asks for the lease just now"):
            lease.take("second")

    with pytest.raises(RunInProgress, match="first"):
        lease.take("second")
