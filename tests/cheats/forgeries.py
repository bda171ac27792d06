"""Tokens that we never signed, of every kind that somebody may try, drawn from a seed."""

import hashlib
import hmac
import struct
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from lookalike.tokens import MAC_BYTES, MAX_CHARACTERS
from tests.cheats.extended import extended
from tests.cheats.forger import Forger, decoded, spelt

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
GUESSED = (b"", b"\0" * 32, b"secret", b"password", b"changeme", b"k1", b"lookalike", b"null")
KEY_IDS = ("", "k", "k0", "K1", "k1 ", "k1\0", "current", "__proto__", "../k1", "ｋ１", "k" * 255)


Forge = Callable[[Forger], Any]


def random_bytes(by: Forger) -> str:
    return spelt(by.chance.randbytes(by.chance.randrange(1, 900)))


def random_text(by: Forger) -> str:
    letters = ALPHABET + "+/=%&\"'<>{}[]\\ \t\nü№\U0001f9f5\x00"
    return "".join(by.chance.choices(letters, k=by.chance.randrange(1, 600)))


def bit_flips(by: Forger) -> str:
    data = bytearray(by.one())
    for place in by.chance.sample(range(len(data)), by.chance.choice((1, 1, 1, 2, 5))):
        data[place] ^= 1 << by.chance.randrange(8)
    return spelt(bytes(data))


def bytes_changed(by: Forger) -> str:
    """Another byte for one, one too few, one too many, or two that changed places."""
    data = bytearray(by.one())
    place, kind = by.place(data), by.chance.randrange(4)
    if kind == 0:
        data[place] = (data[place] + by.chance.randrange(1, 256)) % 256
    elif kind == 1:
        del data[place]
    elif kind == 2:
        data.insert(place, by.chance.randrange(256))
    else:
        data[place : place + 2] = bytes([data[place] ^ 1]) + data[place + 1 : place + 2]
    return spelt(bytes(data))


def spliced(by: Forger) -> str:
    """The front of one and the back of another; often at the signature."""
    front, back = (decoded(token) for token in by.chance.sample(list(by.given), 2))
    cut = -MAC_BYTES if by.chance.random() < 0.5 else by.chance.randrange(8, len(front) - 1)
    kept = front[:cut]
    return spelt(kept + back[len(kept) :] if cut > 0 else kept + back[cut:])


def cut_or_longer(by: Forger) -> str:
    data = by.one()
    if by.chance.random() < 0.5:
        return spelt(data[: by.place(data)])
    more = by.chance.randbytes(by.chance.randrange(1, 40))
    return spelt(more + data if by.chance.random() < 0.5 else data + more)


def too_long(by: Forger) -> str:
    return spelt(by.one()) + "A" * (MAX_CHARACTERS - by.chance.randrange(50))


def other_key_id(by: Forger) -> str:
    """The old signature under another name of the key."""
    body, mac = by.parts()
    name = by.chance.choice([*KEY_IDS, f"k{by.chance.randrange(2, 99)}"]).encode()[:255]
    return spelt(body[:1] + bytes([len(name)]) + name + by.after_key_id(body) + mac)


def respelt(by: Forger) -> str:
    """The same bytes, written another way."""
    token = by.chance.choice(by.given)
    place = by.chance.randrange(len(token) + 1)
    spare = 4 if len(token) % 4 == 2 else 2  # bits of the last letter that no byte has
    last = ALPHABET[ALPHABET.index(token[-1]) ^ by.chance.randrange(1, 1 << spare)]
    between = by.chance.choice([" ", "\n", "=", "\t", "%", ".", "\r\n", "*", "\u200b", "é"])
    among = [token + "=", token + "==", token[:-1] + last, token[:place] + between + token[place:]]
    standard = token.translate(str.maketrans("-_", "+/"))
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in token)
    quoted = token.replace("-", "%2D").replace("_", "%5F")
    shouted = token.swapcase()
    among += [one for one in (standard, wide, quoted, shouted) if one != token]
    return by.chance.choice(among)


def other_times(by: Forger) -> str:
    """An answer of long ago, or one that lasts for ever, under the old signature."""
    body, mac = by.parts()
    at = 2 + body[1] + 16
    if by.chance.random() < 0.5:
        body = body[:at] + by.chance.randrange(1 << 48).to_bytes(6) + body[at + 6 :]
    else:
        body = (
            body[: at + 6] + b"\xff\xff\xff" + bytes([by.chance.randrange(256)]) + body[at + 10 :]
        )
    return spelt(body + mac)


def other_pictures(by: Forger) -> str:
    """The picture that the cheat wants, in a place of its own choosing."""
    body, mac = by.parts()
    start = 2 + body[1] + 26
    place = by.chance.randrange(start, len(body) - 16)
    return spelt(body[:place] + by.chance.randbytes(16) + body[place + 16 :] + mac)


def guessed_key(by: Forger) -> str:
    body, _ = by.parts()
    return spelt(body + hmac.digest(_guess(by), body, "sha256"))


def other_algorithm(by: Forger) -> str:
    """No signature, one by a plain hash, a shorter or a longer one."""
    body, mac = by.parts()
    key = _guess(by)
    among = [
        b"",
        bytes(MAC_BYTES),
        b"\xff" * MAC_BYTES,
        hashlib.sha256(body).digest(),
        hashlib.sha256(key + body).digest(),
        hashlib.sha256(body + key).digest(),
        hmac.digest(key, body, "sha512")[:MAC_BYTES],
        hmac.digest(key, body, "sha1").ljust(MAC_BYTES, b"\0"),
        hmac.digest(body, key, "sha256"),
        mac[::-1],
        mac[:16] * 2,
    ]
    return spelt(body + by.chance.choice(among))


def length_extended(by: Forger) -> str:
    """More results behind what was signed, hashed on from the signature as if it were plain."""
    body, mac = by.parts()
    guessed = by.chance.choice((0, 16, 32, 43, 64))  # how long the key may be before the body
    more, digest = extended(mac, guessed + len(body), by.chance.randbytes(16))
    return spelt(body + more + digest)


def made_up(by: Forger) -> str:
    """Wholly of our form, numbers at their limits included, and signed with a guessed key."""
    name = by.chance.choice((by.key_id, *KEY_IDS)).encode()[:255]
    count = by.chance.choice((0, 1, 24, 100, 255))
    pictures = b"".join(UUID(int=by.chance.getrandbits(128)).bytes for _ in range(min(count, 100)))
    odd = by.chance.choice((float("nan"), float("inf"), -1.0, 0.0, 1e-300, 1e300))
    body = b"".join(
        [
            bytes([by.chance.choice((1, 1, 1, 0, 2, 255))]),
            bytes([len(name)]) + name,
            by.chance.randbytes(16),
            by.chance.choice((bytes(6), b"\xff" * 6, by.chance.randbytes(6))),
            by.chance.choice((bytes(4), b"\xff" * 4)),
            bytes(16),
            b"\x05model\x06policy",
            bytes([count]) + pictures,
            b"\x01" + struct.pack(">BBd", by.chance.randrange(256), by.chance.randrange(256), odd),
        ]
    )
    return spelt(body + hmac.digest(_guess(by), body, "sha256"))


def no_text(by: Forger) -> Any:
    """What JSON has beside texts."""
    token = by.chance.choice(by.given)
    among: list[Any] = [
        *(0, -1, 1e308, float("nan"), float("inf"), 2**63, True, False),
        *([], {}, [token], {"token": token}, {"$gt": ""}, [[[]]], "", " ", "null", "0", "NaN"),
    ]
    return by.chance.choice(among)


def _guess(by: Forger) -> bytes:
    digest = hashlib.sha256(by.key_id.encode()).digest()
    return by.chance.choice((*GUESSED, digest, digest.hex().encode(), by.chance.randbytes(32)))


KINDS: dict[str, Forge] = {
    forge.__name__.replace("_", " "): forge
    for forge in (
        random_bytes,
        random_text,
        bit_flips,
        bytes_changed,
        spliced,
        cut_or_longer,
        too_long,
        other_key_id,
        respelt,
        other_times,
        other_pictures,
        guessed_key,
        other_algorithm,
        length_extended,
        made_up,
        no_text,
    )
}
RARE = {"too long": 20}  # each is 10 KB: one in so many of what the others have


def forged(by: Forger, count: int) -> Iterator[tuple[str, Any]]:
    """(kind, what is sent for a token), by turns; none of them is one that was given out."""
    valid, turn = set(by.given), 0
    while count:
        round_, which = divmod(turn, len(KINDS))
        turn += 1
        kind = list(KINDS)[which]
        if round_ % RARE.get(kind, 1):
            continue
        made = KINDS[kind](by)
        if not (isinstance(made, str) and made in valid):
            yield kind, made
            count -= 1
