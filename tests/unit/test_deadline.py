"""An invocation ends before whoever called gives up on it, whatever it waits for."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from lookalike import deadline
from lookalike.deadline import before_the_end, while_starting
from lookalike.errors import DependencyError, OutOfTime


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "SPARE_SECONDS", 0.1)
    monkeypatch.setattr(deadline, "AGAIN_SECONDS", 0.02)


@pytest.fixture(autouse=True)
def bell() -> Iterator[list[int]]:
    """Whoever else rings: pytest-timeout, for one."""
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    timer = signal.setitimer(signal.ITIMER_REAL, 0)
    yield rung
    signal.signal(signal.SIGALRM, before)
    signal.setitimer(signal.ITIMER_REAL, *timer)


def wait(seconds: float = 10) -> None:
    time.sleep(seconds)


def test_what_takes_too_long_is_a_dependency_that_may_be_asked_again() -> None:
    began = time.monotonic()

    with pytest.raises(DependencyError) as caught, before_the_end(200):
        wait()

    assert isinstance(caught.value, OutOfTime)
    assert time.monotonic() - began < 5


def test_what_is_done_in_time_is_done() -> None:
    with before_the_end(1_000):
        wait(0.01)

    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_nothing_is_begun_when_no_time_is_left() -> None:
    with pytest.raises(OutOfTime), before_the_end(100):
        pytest.fail("it began")


def test_an_adapter_does_not_take_it_for_a_fault_of_its_own() -> None:
    """Each of ours turns every Exception of a client into an error, and some try again."""

    def stubborn() -> None:
        for _ in range(1000):
            with suppress(Exception):
                wait(0.02)

    with pytest.raises(OutOfTime), before_the_end(150):
        stubborn()


def test_it_rings_again_where_the_first_ring_is_swallowed() -> None:
    def deaf_once() -> None:
        with suppress(BaseException):
            wait()
        wait()

    with pytest.raises(OutOfTime), before_the_end(150):
        deaf_once()


def test_an_error_of_the_work_is_told_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), before_the_end(1_000):
        raise ZeroDivisionError

    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_who_rang_before_rings_after(bell: list[int]) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.05)

    with pytest.raises(OutOfTime), before_the_end(200):
        wait()
    wait(0.2)

    assert bell == [signal.SIGALRM]


def test_a_thread_is_left_alone() -> None:
    """A laptop calls its functions in threads, where Python rings for nobody."""
    done: list[bool] = []

    def work() -> None:
        with before_the_end(110):
            wait(0.05)
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert done == [True]


def test_what_cannot_be_read_in_time_keeps_no_function_from_starting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadline, "START_SECONDS", 0.05)
    began = time.monotonic()

    with while_starting():
        wait()
    with while_starting():
        raise DependencyError

    assert time.monotonic() - began < 5


def test_it_never_rings_once_it_is_over(bell: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """It rings so often here that it rings while it is put up and taken down too."""
    monkeypatch.setattr(deadline, "AGAIN_SECONDS", 0.0005)
    monkeypatch.setattr(deadline, "START_SECONDS", 0.0005)

    for _ in range(300):
        with while_starting():
            wait(0.0006)
        with suppress(OutOfTime), before_the_end(100 + 1):
            wait(0.0011)

    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert bell == []


def test_within_one_wall_another_may_stand() -> None:
    def impatient_once() -> None:
        with suppress(OutOfTime), before_the_end(150):
            wait()
        wait()

    with pytest.raises(OutOfTime), before_the_end(400):
        impatient_once()
