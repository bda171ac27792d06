"""A queue in memory: at least once, in no order, three receives and then the dead letters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from lookalike.catalogue import subject_of

MAX_RECEIVES = 3


@dataclass(slots=True)
class Message:
    """subject: the key of the picture that it is about."""

    body: str
    subject: str
    receives: int = 0


class MemoryQueue:
    """SQS's standard queue, with as much of its client as ChangesQueue asks for."""

    def __init__(self) -> None:
        self.waiting: list[Message] = []
        self.in_flight: list[Message] = []
        self.dead: list[Message] = []
        self.refuses = 0  # so many of the entries to come, though it takes the others
        self._events = 0

    def notify(self, key: str, name: str) -> None:
        """S3's own words. Its sequencer grows with each change of a key, and nothing else does."""
        self._events += 1
        changed = {"key": quote_plus(key, safe="/"), "sequencer": f"{self._events:018X}"}
        record = {
            "eventSource": "aws:s3",
            "eventName": name,
            "s3": {"bucket": {"name": "pictures"}, "object": changed},
        }
        self.send(json.dumps({"Records": [record]}))

    def send(self, body: str) -> None:
        changed = json.loads(body)["Records"][0]["s3"]["object"]["key"]
        self.waiting.append(Message(body, subject_of(unquote_plus(changed))))

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        entries = request["Entries"]
        refused, taken = entries[: self.refuses], entries[self.refuses :]
        self.refuses -= len(refused)
        for entry in taken:
            self.send(entry["MessageBody"])
        return {
            "Successful": [{"Id": entry["Id"]} for entry in taken],
            "Failed": [{"Id": entry["Id"], "Code": "InternalError"} for entry in refused],
        }

    def receive(self, number: int) -> Message:
        message = self.waiting.pop(number % len(self.waiting))
        message.receives += 1
        self.in_flight.append(message)
        return message

    def delete(self, message: Message) -> None:
        self.in_flight = [one for one in self.in_flight if one is not message]

    def release(self, message: Message) -> None:
        """Nobody acknowledged it in time."""
        if any(one is message for one in self.in_flight):
            self.delete(message)
            given_up = message.receives >= MAX_RECEIVES
            (self.dead if given_up else self.waiting).append(message)

    def redrive(self) -> None:
        for message in self.dead:
            self.waiting.append(Message(message.body, message.subject))
        self.dead = []

    def subjects(self) -> set[str]:
        """Of every picture that some message, waiting, in flight or dead, may still mend."""
        return {one.subject for one in self.waiting + self.in_flight + self.dead}
