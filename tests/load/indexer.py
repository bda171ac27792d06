"""The process that is killed: the queue, its workers, the real embed function, and nothing else.

No watcher tells it of changes and nothing compares folder and index when it starts, as in
`lookalike up`: what is right in the end, the queue alone has brought right.
"""

import os
import select
import sys
from pathlib import Path

from local.data_folder import DataFolder
from local.opening import functions_of
from local.queue import FAILED, Message, Queue
from local.workers import Workers

LOOK_SECONDS = 0.02  # for messages that another process sent


class HastyQueue(Queue):
    """The bug that the run has to find: a message is done with before the work is."""

    def receive(self, wait_seconds: float = 0.0) -> Message | None:
        message = super().receive(wait_seconds)
        if message is not None:
            self.delete(message.receipt)
        return message


def main() -> None:
    """DATA [hasty]; works until its standard input is closed."""
    data = DataFolder(Path(sys.argv[1]))
    data.lock()
    with functions_of(data):
        from local.laptop import function, prepare
        from lookalike import wiring

        prepare()
        queue = (HastyQueue if "hasty" in sys.argv else Queue)(data.queue)
        queue.release_in_flight()
        queue.redrive(FAILED)
        workers = Workers(queue, function("embed"), (os.cpu_count() or 1) + 1)
        workers.start()
        while not select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
            queue.wake()
        workers.stop()
        wiring.index().close()
        queue.close()


if __name__ == "__main__":
    main()
