"""Whoever forges tokens: what they know, and how they write."""

import base64
import random
from collections.abc import Sequence
from dataclasses import dataclass

from lookalike.tokens import MAC_BYTES


@dataclass(frozen=True)
class Forger:
    """Knows tokens that were given out, as any visitor does, and no key.

    given: valid ones. key_id: that they name, which is no secret.
    """

    given: Sequence[str]
    key_id: str
    chance: random.Random

    def one(self) -> bytes:
        return decoded(self.chance.choice(self.given))

    def parts(self) -> tuple[bytes, bytes]:
        """Body and signature of one."""
        data = self.one()
        return data[:-MAC_BYTES], data[-MAC_BYTES:]

    def place(self, data: bytes | bytearray) -> int:
        return self.chance.randrange(len(data))

    def after_key_id(self, body: bytes) -> bytes:
        return body[2 + body[1] :]


def decoded(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def spelt(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
