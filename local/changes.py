"""Which keys may have changed, said to the queue in S3's words."""

from collections.abc import Iterable
from itertools import islice

from local import events
from local.queue import Queue
from lookalike.catalogue import subject_of
from lookalike.folder import Folder

BATCH = 500  # messages in one commit: few enough that the first picture is found at once


class Changes:
    """Turns keys into notifications, as a bucket would by itself."""

    def __init__(self, store: Folder, queue: Queue) -> None:
        self.store = store
        self.queue = queue

    def report(self, keys: Iterable[str], urgent: bool = False) -> int:
        """Queue one message for each picture; returns how many.

        A picture and its sidecar are one subject, and one message while it waits. What died of a
        version of a picture is not offered that version again.
        """
        died = {letter.key: events.etag_of(letter.body) for letter in self.queue.dead_letters()}
        messages = (
            (subject, events.of(key, self.store.head(key)))
            for key in keys
            if (subject := subject_of(key)) not in died or self._etag(subject) != died[subject]
        )
        sent = 0
        while batch := list(islice(messages, BATCH)):
            self.queue.send(batch, urgent)
            sent += len(batch)
        return sent

    def _etag(self, key: str) -> str:
        head = self.store.head(key)
        return head.etag if head else ""
