"""SHA-256 gone on with from a digest: what length extension does to a plain hash (FIPS 180-4)."""

import struct
from math import isqrt

WORD = 0xFFFFFFFF
BLOCK = 64  # bytes
Words = tuple[int, ...]


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _cube_root(number: int) -> int:
    """Rounded down."""
    root: int = round(number ** (1 / 3))
    while root**3 > number:
        root -= 1
    while (root + 1) ** 3 <= number:
        root += 1
    return root


ROUNDS = [_cube_root(prime << 96) & WORD for prime in _primes(64)]
START: Words = tuple(isqrt(prime << 64) & WORD for prime in _primes(8))


def padding(length: int) -> bytes:
    """What a message of so many bytes is filled up with before it is hashed."""
    return b"\x80" + bytes((55 - length) % BLOCK) + struct.pack(">Q", 8 * length)


def gone_on(state: Words, data: bytes) -> bytes:
    """The digest, when hashing goes on from a state with whole blocks."""
    for at in range(0, len(data), BLOCK):
        state = _compressed(state, data[at : at + BLOCK])
    return struct.pack(">8I", *state)


def extended(digest: bytes, hashed: int, more: bytes) -> tuple[bytes, bytes]:
    """What to append, and the digest of all, for a message of `hashed` bytes that nobody told."""
    glue = padding(hashed)
    whole = hashed + len(glue) + len(more)
    return glue + more, gone_on(struct.unpack(">8I", digest), more + padding(whole))


def _compressed(state: Words, block: bytes) -> Words:
    w = list(struct.unpack(">16I", block))
    for i in range(16, 64):
        near = _turned(w[i - 15], 7) ^ _turned(w[i - 15], 18) ^ w[i - 15] >> 3
        far = _turned(w[i - 2], 17) ^ _turned(w[i - 2], 19) ^ w[i - 2] >> 10
        w.append((w[i - 16] + near + w[i - 7] + far) & WORD)
    a, b, c, d, e, f, g, h = state
    for word, constant in zip(w, ROUNDS, strict=True):
        mixed = _turned(e, 6) ^ _turned(e, 11) ^ _turned(e, 25)
        first = h + mixed + (e & f ^ ~e & g) + constant + word
        second = (_turned(a, 2) ^ _turned(a, 13) ^ _turned(a, 22)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (first + second) & WORD, a, b, c, (d + first) & WORD, e, f, g
    return tuple((x + y) & WORD for x, y in zip(state, (a, b, c, d, e, f, g, h), strict=True))


def _turned(word: int, by: int) -> int:
    return (word >> by | word << 32 - by) & WORD
