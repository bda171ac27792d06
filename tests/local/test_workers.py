import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local import events
from local.queue import Queue
from local.workers import Workers

Answer = dict[str, Any]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = Queue(tmp_path / "queue.sqlite")
    yield made
    made.close()


def working(queue: Queue, handler: Callable[[Answer, Any], Answer], threads: int = 2) -> Workers:
    workers = Workers(queue, handler, threads)
    workers.start()
    return workers


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def succeed(event: Answer, context: Any) -> Answer:
    return {"batchItemFailures": []}


def fail(event: Answer, context: Any) -> Answer:
    return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}


def test_every_message_reaches_the_function_alone_as_lambda_would_hand_it_over(
    queue: Queue,
) -> None:
    seen: list[Answer] = []
    queue.send((f"{n} +é.jpg", events.created(f"{n} +é.jpg", 7, "etag")) for n in range(5))

    def handler(event: Answer, context: Any) -> Answer:
        seen.append(event)
        assert context.aws_request_id
        return succeed(event, context)

    workers = working(queue, handler)
    until(lambda: not queue.counts().pending)
    workers.stop()

    assert [len(event["Records"]) for event in seen] == [1] * 5
    record = seen[0]["Records"][0]
    change = json.loads(record["body"])["Records"][0]
    assert record["eventSource"] == "aws:sqs"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert change["eventName"] == "ObjectCreated:Put"
    assert change["s3"]["object"]["key"].endswith("+%2B%C3%A9.jpg")


@pytest.mark.parametrize("how", ["reports", "raises", "exits"])
def test_a_failure_is_left_in_the_queue_for_a_later_attempt(queue: Queue, how: str) -> None:
    def handler(event: Answer, context: Any) -> Answer:
        if how == "raises":
            raise RuntimeError("the index is gone")
        if how == "exits":
            raise SystemExit(1)
        return fail(event, context)

    queue.send([("a.jpg", events.removed("a.jpg"))])
    workers = working(queue, handler)
    until(lambda: workers._failures == 1)
    workers.stop()

    assert queue.counts().waiting == 1


def test_a_function_that_exits_ends_no_worker(queue: Queue) -> None:
    def handler(event: Answer, context: Any) -> Answer:
        if events.key_of(event["Records"][0]["body"]) == "bad.jpg":
            raise SystemExit(1)
        return succeed(event, context)

    queue.send((key, events.removed(key)) for key in ("bad.jpg", "good.jpg"))
    workers = working(queue, handler, threads=1)
    until(lambda: workers.finished == 1)
    workers.stop()

    assert queue.counts().waiting == 1


def test_one_bad_message_does_not_hold_up_the_others(queue: Queue) -> None:
    def handler(event: Answer, context: Any) -> Answer:
        bad = events.key_of(event["Records"][0]["body"]) == "bad.jpg"
        return fail(event, context) if bad else succeed(event, context)

    keys = ["bad.jpg", *(f"{n}.jpg" for n in range(20))]
    queue.send((key, events.removed(key)) for key in keys)
    workers = working(queue, handler)
    until(lambda: workers.finished == 20)
    workers.stop()

    assert queue.counts().pending == 1


def test_an_outage_slows_everybody_down_instead_of_filling_the_dead_letters(queue: Queue) -> None:
    queue.send((f"{n}.jpg", events.removed(f"{n}.jpg")) for n in range(200))
    calls = threading.Semaphore(0)

    def handler(event: Answer, context: Any) -> Answer:
        calls.release()
        return fail(event, context)

    workers = working(queue, handler)
    time.sleep(0.7)
    workers.stop()

    assert queue.counts().dead == 0
    assert workers._failures < 10
