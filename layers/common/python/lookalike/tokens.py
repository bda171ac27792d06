"""The signed name of an answer: what was shown where, in a form that nobody else can write.

    version 1 │ key id │ query 16 │ issued 6, ms │ lifetime 4, s │ anchor 16, zeros for none │
    model │ policy │ n 1 │ n × image id 16 │ m 1 │ m × (place 1, slot 1, propensity 8) │ HMAC 32

Texts have their length before them, in one byte; numbers are big-endian. Results count from place 0
and are organic and certain unless the second list says otherwise. As base64url without padding.
"""

import base64
import binascii
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from lookalike.placement import Slot

VERSION = 1
MAC_BYTES = 32
MAX_RESULTS = 255  # what one byte counts; an answer has at most 100
MAX_CHARACTERS = 10_000  # above the longest there can be, so that nothing longer is even decoded
NOBODY = bytes(16)  # the nil UUID, which no image has
SLOTS: tuple[Slot, ...] = ("organic", "sponsored", "explore")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TokenReason = Literal[
    "malformed_query",  # not in our format at all
    "unknown_key",  # another deployment's, or signed with a key that is gone
    "forged_query",  # changed, or never ours
    "expired_query",
]


class RefusedToken(Exception):
    """A query_id that is not believed."""

    def __init__(self, reason: TokenReason) -> None:
        super().__init__(reason)
        self.reason: TokenReason = reason


@dataclass(frozen=True, slots=True)
class Shown:
    """One place of an answer. propensity: the chance that this image was put there."""

    image_id: str
    position: int  # from 1
    slot: Slot = "organic"
    propensity: float = 1.0


@dataclass(frozen=True, slots=True)
class SignedAnswer:
    """What a token says. Times have whole milliseconds; positions are 1, 2, 3 … in order."""

    query_id: str
    anchor_image_id: str | None
    model: str
    policy: str
    issued_at: datetime
    lifetime: timedelta  # whole seconds
    results: tuple[Shown, ...]

    @property
    def expires_at(self) -> datetime:
        return self.issued_at + self.lifetime

    def find(self, image_id: str) -> Shown | None:
        return next((one for one in self.results if one.image_id == image_id), None)


def sign(answer: SignedAnswer, key_id: str, key: bytes) -> str:
    """Raises ValueError for an answer that the format cannot hold."""
    if len(answer.results) > MAX_RESULTS:
        raise ValueError(f"more than {MAX_RESULTS} results")
    special = [
        struct.pack(">BBd", place, SLOTS.index(one.slot), one.propensity)
        for place, one in enumerate(answer.results)
        if one.slot != "organic" or one.propensity != 1.0
    ]
    body = b"".join(
        [
            bytes([VERSION]),
            _text(key_id),
            _binary(answer.query_id),
            _milliseconds(answer.issued_at).to_bytes(6),
            int(answer.lifetime.total_seconds()).to_bytes(4),
            _binary(answer.anchor_image_id) if answer.anchor_image_id else NOBODY,
            _text(answer.model),
            _text(answer.policy),
            bytes([len(answer.results)]),
            *[_binary(one.image_id) for one in answer.results],
            bytes([len(special)]),
            *special,
        ]
    )
    return _base64(body + hmac.digest(key, body, "sha256"))


def verify(token: str, key_of: Callable[[str], bytes | None]) -> SignedAnswer:
    """What the token says, whether or not it has expired. Raises RefusedToken.

    key_of: the key with this id, None where there is none. Of each token one spelling is accepted.
    """
    data = _bytes_of(token)
    body, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
    reader = _Reader(body)
    try:
        if reader.number(1) != VERSION:
            raise RefusedToken("malformed_query")
        key = key_of(reader.text())
        if key is None:
            raise RefusedToken("unknown_key")
        if not hmac.compare_digest(hmac.digest(key, body, "sha256"), mac):
            raise RefusedToken("forged_query")
        return reader.answer()
    except (ValueError, IndexError, OverflowError) as error:
        raise RefusedToken("malformed_query") from error


class _Reader:
    """Reads the format from the front. ValueError where the bytes end early or go on."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        taken = self.data[self.at : self.at + size]
        if len(taken) != size:
            raise ValueError("it ends early")
        self.at += size
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def text(self) -> str:
        return self.take(self.number(1)).decode()

    def answer(self) -> SignedAnswer:
        """What follows the key id."""
        query_id = str(UUID(bytes=self.take(16)))
        issued_at = EPOCH + timedelta(milliseconds=self.number(6))
        lifetime = timedelta(seconds=self.number(4))
        anchor = self.take(16)
        model, policy = self.text(), self.text()
        image_ids = [str(UUID(bytes=self.take(16))) for _ in range(self.number(1))]
        special = dict(self._special() for _ in range(self.number(1)))
        if self.at != len(self.data):
            raise ValueError("it goes on")
        return SignedAnswer(
            query_id,
            None if anchor == NOBODY else str(UUID(bytes=anchor)),
            model,
            policy,
            issued_at,
            lifetime,
            tuple(
                Shown(image_id, place + 1, *special.get(place, ("organic", 1.0)))
                for place, image_id in enumerate(image_ids)
            ),
        )

    def _special(self) -> tuple[int, tuple[Slot, float]]:
        place, slot, propensity = struct.unpack(">BBd", self.take(10))
        return place, (SLOTS[slot], propensity)


def _text(text: str) -> bytes:
    data = text.encode()
    if len(data) > 255:
        raise ValueError("a name is longer than 255 bytes")
    return bytes([len(data)]) + data


def _binary(uuid: str) -> bytes:
    data = bytes.fromhex(uuid.replace("-", ""))
    if len(data) != 16:
        raise ValueError(f"{uuid!r} is no UUID")
    return data


def _milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes_of(token: str) -> bytes:
    """Spelt in one way only: Python ignores foreign characters and the bits after the end."""
    if len(token) > MAX_CHARACTERS:
        raise RefusedToken("malformed_query")
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError) as error:
        raise RefusedToken("malformed_query") from error
    if len(data) <= MAC_BYTES or _base64(data) != token:
        raise RefusedToken("malformed_query")
    return data
