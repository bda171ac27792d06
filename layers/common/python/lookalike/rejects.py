"""Rejects: the pictures that cannot be indexed, each with a reason its owner can read."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Self

from lookalike.catalogue import image_id_of
from lookalike.errors import RejectReason
from lookalike.stores import MissingObject, Store

PREFIX = "rejects/"


@dataclass(frozen=True, slots=True)
class Reject:
    """One version of one picture that was refused. detail: the decoder's own words, if any."""

    key: str
    etag: str
    reason: RejectReason
    detail: str
    uploaded_at: str
    rejected_at: str

    @property
    def image_id(self) -> str:
        return image_id_of(self.key)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        return cls(**json.loads(data))


class Rejects:
    """The record of what was refused, in the derived store: one object per picture."""

    def __init__(self, derived: Store) -> None:
        self.derived = derived

    def record(self, reject: Reject) -> None:
        data = json.dumps(asdict(reject), ensure_ascii=False).encode()
        self.derived.put(_object(reject.image_id), data, "application/json")

    def clear(self, image_id: str) -> None:
        self.derived.delete(_object(image_id))

    def get(self, image_id: str) -> Reject | None:
        """A record that cannot be read is none: its picture is looked at again, and it replaced."""
        try:
            return Reject.from_json(self.derived.get(_object(image_id))[0])
        except (MissingObject, ValueError, TypeError):
            return None

    def all(self) -> Iterator[Reject]:
        for key, _ in self.derived.keys(PREFIX):
            reject = self.get(key.removeprefix(PREFIX).removesuffix(".json"))
            if reject is not None:  # cleared since it was listed, or unreadable
                yield reject


def _object(image_id: str) -> str:
    return f"{PREFIX}{image_id}.json"
