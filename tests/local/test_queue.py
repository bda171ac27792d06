import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.queue import DIED, FAILED, MAX_RECEIVES, VISIBILITY_SECONDS, Counts, Message, Queue


class Clock:
    """Time that passes when told to."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Iterator[Callable[[], Queue]]:
    """Open the same queue again and again, as processes one after the other."""
    queues: list[Queue] = []

    def open_queue() -> Queue:
        queues.append(Queue(tmp_path / "queue.sqlite", clock))
        return queues[-1]

    yield open_queue
    for queue in queues:
        queue.close()


@pytest.fixture
def queue(opened: Callable[[], Queue]) -> Queue:
    return opened()


def received(queue: Queue) -> Message:
    message = queue.receive()
    assert message is not None
    return message


def test_a_message_comes_once_and_is_gone_when_deleted(queue: Queue) -> None:
    queue.send([("a.jpg", "body")])

    message = received(queue)
    queue.delete(message.receipt)

    assert (message.key, message.body, message.receives) == ("a.jpg", "body", 1)
    assert queue.receive() is None
    assert queue.counts() == Counts(waiting=0, in_flight=0, dead=0)


def test_messages_come_in_the_order_they_were_sent_but_urgent_ones_first(queue: Queue) -> None:
    queue.send([("a", ""), ("b", "")])
    queue.send([("now", "")], urgent=True)

    assert [received(queue).key for _ in range(3)] == ["now", "a", "b"]


def test_a_burst_of_changes_to_one_file_is_one_message_with_the_last_body(queue: Queue) -> None:
    queue.send([("a.jpg", "first"), ("a.jpg", "second")])
    queue.send([("a.jpg", "third")])

    assert received(queue).body == "third"
    assert queue.receive() is None


def test_a_change_to_a_file_that_is_being_worked_on_makes_another_message(queue: Queue) -> None:
    queue.send([("a.jpg", "old")])
    in_flight = received(queue)
    queue.send([("a.jpg", "new")])

    queue.delete(in_flight.receipt)

    assert received(queue).body == "new"


def test_a_change_to_a_waiting_file_makes_it_urgent_if_the_change_is(queue: Queue) -> None:
    queue.send([("a", ""), ("b", "")])
    queue.send([("b", "")], urgent=True)

    assert received(queue).key == "b"


def test_an_undeleted_message_comes_again_after_its_time(queue: Queue, clock: Clock) -> None:
    queue.send([("a", "")])
    first = received(queue)

    assert queue.receive() is None
    clock.now += VISIBILITY_SECONDS

    second = received(queue)
    assert second.receives == 2
    assert second.receipt != first.receipt


def test_a_late_delete_with_an_old_receipt_does_nothing(queue: Queue, clock: Clock) -> None:
    queue.send([("a", "")])
    late = received(queue)
    clock.now += VISIBILITY_SECONDS
    received(queue)

    queue.delete(late.receipt)

    assert queue.counts().in_flight == 1


def test_a_failed_message_comes_again_when_it_was_told_to(queue: Queue, clock: Clock) -> None:
    queue.send([("a", "")])
    queue.change_visibility(received(queue).receipt, 8)

    assert queue.receive() is None
    clock.now += 8

    assert received(queue).receives == 2


def test_a_file_that_changes_during_its_backoff_is_tried_at_once(queue: Queue) -> None:
    queue.send([("a", "")])
    queue.change_visibility(received(queue).receipt, 1000)

    queue.send([("a", "")])

    assert received(queue).receives == 2


def fail_for_good(queue: Queue, key: str) -> None:
    queue.send([(key, "")])
    for _ in range(MAX_RECEIVES):
        queue.change_visibility(received(queue).receipt, 0)


def test_three_failures_make_a_dead_letter(queue: Queue) -> None:
    fail_for_good(queue, "a")

    assert queue.receive() is None
    assert [(x.key, x.receives, x.fault) for x in queue.dead_letters()] == [("a", 3, FAILED)]


def test_what_ends_the_process_three_times_becomes_a_dead_letter_and_the_rest_goes_on(
    opened: Callable[[], Queue],
) -> None:
    opened().send([("poison", ""), ("fine", "")])
    seen = []
    for _ in range(MAX_RECEIVES):
        queue = opened()
        queue.release_in_flight()
        seen.append(received(queue).key)  # and here the process ends

    queue = opened()
    queue.release_in_flight()

    assert seen == ["poison"] * 3
    assert [(x.key, x.fault) for x in queue.dead_letters()] == [("poison", DIED)]
    assert received(queue).key == "fine"


def test_the_neighbours_of_what_ends_the_process_are_worked_on(opened: Callable[[], Queue]) -> None:
    """Three workers have a message each when one of them ends the process, every time."""
    opened().send((key, "") for key in ("before", "poison", "after", "later"))
    done: list[str] = []

    for _ in range(MAX_RECEIVES + 1):
        queue = opened()
        queue.release_in_flight()
        while in_flight := [message for _ in range(3) if (message := queue.receive())]:
            if "poison" in [message.key for message in in_flight]:
                break  # and here the process ends
            for message in in_flight:
                queue.delete(message.receipt)
                done.append(message.key)

    assert [letter.key for letter in queue.dead_letters()] == ["poison"]
    assert sorted(done) == ["after", "before", "later"]


def after_death(opened: Callable[[], Queue], key: str) -> Queue:
    """Opened again, after a process that worked on this died."""
    queue = opened()
    queue.send([(key, "")])
    received(queue)
    queue = opened()
    queue.release_in_flight()
    return queue


def test_what_a_dead_process_worked_on_is_handed_out_when_nothing_else_is_in_flight(
    opened: Callable[[], Queue],
) -> None:
    queue = after_death(opened, "a")
    queue.send([("b", "")])
    queue.send([("c", "")], urgent=True)

    urgent = received(queue)
    assert (urgent.key, queue.receive()) == ("c", None)
    queue.delete(urgent.receipt)

    suspect = received(queue)
    assert (suspect.key, queue.receive()) == ("a", None)
    queue.delete(suspect.receipt)

    assert received(queue).key == "b"


def test_workers_that_wait_for_a_suspect_go_on_when_it_is_done(opened: Callable[[], Queue]) -> None:
    queue = after_death(opened, "a")
    queue.send([("b", "")])
    suspect = received(queue)
    found: list[Message | None] = []
    waiting = threading.Thread(target=lambda: found.append(queue.receive(30)))
    waiting.start()

    queue.delete(suspect.receipt)
    waiting.join(5)

    assert [message and message.key for message in found] == ["b"]


def test_a_suspect_that_takes_too_long_holds_up_nobody_for_ever(
    opened: Callable[[], Queue], clock: Clock
) -> None:
    queue = after_death(opened, "a")
    queue.send([("b", "")])
    assert received(queue).key == "a"

    clock.now += VISIBILITY_SECONDS
    again = received(queue)
    clock.now += VISIBILITY_SECONDS

    assert (again.key, again.receives) == ("a", MAX_RECEIVES)
    assert received(queue).key == "b"


def test_sending_a_waiting_message_again_does_not_forget_how_often_it_was_received(
    opened: Callable[[], Queue],
) -> None:
    queue = after_death(opened, "poison")

    queue.send([("poison", "")])

    assert received(queue).receives == 2


def test_redriven_dead_letters_have_all_their_attempts_again(queue: Queue) -> None:
    fail_for_good(queue, "a")

    assert queue.redrive() == 1

    assert queue.dead_letters() == []
    assert received(queue).receives == 1


def test_only_the_dead_letters_of_one_fault_are_redriven_when_asked(queue: Queue) -> None:
    fail_for_good(queue, "a")

    assert queue.redrive(DIED) == 0
    assert queue.redrive(FAILED) == 1


def test_a_later_success_clears_the_dead_letter_of_the_same_file(queue: Queue) -> None:
    fail_for_good(queue, "a")
    queue.send([("a", "mended")])

    queue.delete(received(queue).receipt)

    assert queue.dead_letters() == []


def test_a_waiting_receive_returns_as_soon_as_a_message_is_sent(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue.sqlite")
    found: list[Message | None] = []
    waiting = threading.Thread(target=lambda: found.append(queue.receive(30)))
    waiting.start()

    queue.send([("a", "")])
    waiting.join(5)

    assert [message and message.key for message in found] == ["a"]
    queue.close()


def test_a_waiting_receive_can_be_woken_with_nothing(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue.sqlite")
    found: list[Message | None] = []
    waiting = threading.Thread(target=lambda: found.append(queue.receive(30)))
    waiting.start()

    while waiting.is_alive():
        queue.wake()
        waiting.join(0.01)

    assert found == [None]
    queue.close()


def test_many_threads_get_every_message_once(queue: Queue) -> None:
    keys = [f"{number}.jpg" for number in range(400)]
    queue.send((key, "") for key in keys)
    seen: list[str] = []

    def work() -> None:
        while message := queue.receive():
            seen.append(message.key)
            queue.delete(message.receipt)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(seen) == sorted(keys)


WORK_UNTIL_KILLED = """
import sys
from pathlib import Path
from local.queue import Queue

queue = Queue(Path(sys.argv[1]))
queue.release_in_flight()
number = int(sys.argv[2])
while True:
    queue.send([(f"{number}-{i}", "") for i in range(7)])
    print("sent", number, flush=True)
    for _ in range(5):
        message = queue.receive()
        print("received", message.key, flush=True)
        queue.delete(message.receipt)
        print("deleted", message.key, flush=True)
    number += 1
"""


def test_kill_9_loses_no_sent_message_and_repeats_at_most_the_one_in_flight(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite"
    sent, deleted, received_but_not_deleted = set(), [], set()
    for round_ in range(4):
        command = [sys.executable, "-c", WORK_UNTIL_KILLED, str(path), str(round_ * 10_000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            lines = [worker.stdout.readline() for _ in range(150 + 7 * round_)]
            os.kill(worker.pid, signal.SIGKILL)
            lines += worker.stdout.readlines()
        words = [line.split() for line in lines if line.endswith("\n")]
        sent |= {f"{number}-{i}" for what, number in words if what == "sent" for i in range(7)}
        deleted += [key for what, key in words if what == "deleted"]
        received_but_not_deleted |= {key for what, key in words if what == "received"}

    queue = Queue(path)
    queue.release_in_flight()
    left = set()
    while message := queue.receive():
        left.add(message.key)
        queue.delete(message.receipt)
    queue.close()

    assert len(deleted) == len(set(deleted))
    assert sent <= left | received_but_not_deleted
    assert not left & set(deleted)
