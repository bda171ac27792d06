"""Mutants: sound files with damage of the kinds that break decoders, the same for the same seed."""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tests.hostile.containers import Container, Piece, container_of
from tests.hostile.valid import valid_files

# What counters and sizes overflow, wrap round or multiply at.
SMALL = (0, 1, 2, 3, 7, 8, 15, 16, 127, 128, 255, 256, 4095, 4096, 16_383, 16_384, 32_767, 32_768)
LARGE = (65_535, 65_536, 2**24 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)
NUMBERS = (*SMALL, *LARGE)
FORMS = ("B", ">H", "<H", ">I", "<I")
HEAD = 48  # bytes at the beginning of a piece, where most of its numbers stand
IN_META = (b"ispe", b"iloc", b"ipma", b"av1C", b"pixi", b"iinf", b"infe", b"iref", b"colr", b"pitm")
IN_ITEMS = (b"auxC", b"irot", b"imir", b"ipco", b"hdlr")
IN_TRACKS = (b"stsz", b"stco", b"stsc", b"stts", b"tkhd")
BOXES = (*IN_META, *IN_ITEMS, *IN_TRACKS)
TIFF_HEADS = (b"II*\0", b"MM\0*")
# Fields of a TIFF that its reader calculates with: sizes, depths, layout, tables, directories.
SHAPES = (256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 292, 317, 320, 322, 323)
TABLES = (324, 325, 330, 338, 339, 347, 530, 532, 34665, 34675, 34853)
FIELDS = (*SHAPES, *TABLES)
CODECS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 32809, 34661, 34676, 34677, 34925, 50000, 50001)


@dataclass(frozen=True, slots=True)
class Mutant:
    """number: with the seed, all that is needed to make it again. name: what it was once."""

    number: int
    name: str
    data: bytes


def mutants(seed: int, count: int, first: int = 0) -> Iterator[Mutant]:
    """Each sound file has its turn, so that every format gets its share."""
    names = sorted(valid_files())
    for number in range(first, first + count):
        name = names[number % len(names)]
        yield Mutant(number, name, mutant(valid_files()[name], Random(f"{seed}/{number}")))


def mutant(data: bytes, random: Random) -> bytes:
    kind = container_of(data)
    pieces = list(kind.split(data))
    for _ in range(random.choice((1, 1, 2, 3))):
        pieces = random.choice(IN_PIECES)(pieces, kind, random) or pieces
    data = kind.join(pieces)
    if random.random() < 0.4:
        data = random.choice(IN_BYTES)(data, random)
    return data


def _changed(pieces: list[Piece], kind: Container, random: Random) -> list[Piece]:
    """A number within a piece; its checksum fits again."""
    at = _one_of(pieces, random)
    name, body = pieces[at]
    return [*pieces[:at], Piece(name, _with_number(body, random)), *pieces[at + 1 :]]


def _dropped(pieces: list[Piece], kind: Container, random: Random) -> list[Piece]:
    at = _one_of(pieces, random)
    return pieces[:at] + pieces[at + 1 :]


def _repeated(pieces: list[Piece], kind: Container, random: Random) -> list[Piece]:
    at = _one_of(pieces, random)
    return pieces[:at] + pieces[at : at + 1] * random.choice((1, 2, 99)) + pieces[at:]


def _swapped(pieces: list[Piece], kind: Container, random: Random) -> list[Piece]:
    one, other = _one_of(pieces, random), _one_of(pieces, random)
    pieces[one], pieces[other] = pieces[other], pieces[one]
    return pieces


def _cut(pieces: list[Piece], kind: Container, random: Random) -> list[Piece]:
    at = _one_of(pieces, random)
    name, body = pieces[at]
    return [*pieces[:at], Piece(name, body[: random.randint(0, len(body))]), *pieces[at + 1 :]]


def _taken(pieces: list[Piece], kind: Container, random: Random) -> list[Piece]:
    """A piece of another file of the format, put in or put in the place of one."""
    others = [data for data in valid_files().values() if container_of(data) is kind]
    other = random.choice(list(kind.split(random.choice(others))))
    at = _one_of(pieces, random)
    return [*pieces[:at], other, *pieces[at + random.randint(0, 1) :]]


def _deflated(pieces: list[Piece], kind: Container, random: Random) -> list[Piece]:
    """What is packed within: changed, cut or longer, and packed again."""
    packed = [at for at, piece in enumerate(pieces) if _packed(piece.body) >= 0]
    if not packed:
        return _changed(pieces, kind, random)
    at = random.choice(packed)
    name, body = pieces[at]
    start = _packed(body)
    plain = zlib.decompress(body[start:])
    plain = random.choice((_with_number, _shortened, _lengthened))(plain, random)
    return [*pieces[:at], Piece(name, body[:start] + zlib.compress(plain)), *pieces[at + 1 :]]


def _in_directory(pieces: list[Piece], kind: Container, random: Random) -> list[Piece]:
    """One entry of a TIFF, or of the EXIF block of another format."""
    found = [at for at, piece in enumerate(pieces) if _directory(piece.body) >= 0]
    if not found:
        return _changed(pieces, kind, random)
    at = random.choice(found)
    name, body = pieces[at]
    return [*pieces[:at], Piece(name, _with_entry(body, random)), *pieces[at + 1 :]]


def _in_box(pieces: list[Piece], kind: Container, random: Random) -> list[Piece]:
    """A number of a box within a box of an AVIF, or within an ICC profile's table of tags."""
    for at, (name, body) in enumerate(pieces):
        inner = [start for box in (*BOXES, b"acsp") if (start := body.find(box)) >= 0]
        if inner:
            start = random.choice(inner) + random.randint(-4, 40)
            return [*pieces[:at], Piece(name, _with_number(body, random, start)), *pieces[at + 1 :]]
    return _changed(pieces, kind, random)


IN_PIECES: Sequence[Callable[[list[Piece], Container, Random], list[Piece]]] = (
    *(_changed, _changed, _dropped, _repeated, _swapped, _cut, _taken, _deflated),
    *(_in_directory, _in_directory, _in_box),
)


def _one_of(pieces: Sequence[Piece], random: Random) -> int:
    return random.randrange(max(1, len(pieces)))


def _with_number(body: bytes, random: Random, at: int | None = None) -> bytes:
    form = random.choice(FORMS)
    if len(body) < struct.calcsize(form):
        return body + bytes(random.randint(0, 9))
    last = len(body) - struct.calcsize(form)
    if at is None:
        at = random.randint(0, min(last, random.choice((HEAD, 10**6))))
    at = max(0, min(last, at))
    limit = 256 ** struct.calcsize(form)
    number = random.choice((random.choice(NUMBERS), random.randrange(limit))) % limit
    return body[:at] + struct.pack(form, number) + body[at + struct.calcsize(form) :]


def _shortened(body: bytes, random: Random) -> bytes:
    return body[: random.randint(0, len(body))]


def _lengthened(body: bytes, random: Random) -> bytes:
    return body + bytes(random.choice((1, 1_000, 10**6)))


def _packed(body: bytes) -> int:
    """Where a deflated stream begins in it, -1 without one."""
    for start in (0, body[:90].find(b"\0\0") + 2):
        try:
            zlib.decompress(body[start:])
        except zlib.error:
            continue
        return start
    return -1


def _directory(body: bytes) -> int:
    return max(body.find(head) for head in TIFF_HEADS)


def _with_entry(body: bytes, random: Random) -> bytes:
    base = _directory(body)
    order = "<" if body[base : base + 1] == b"I" else ">"
    at = base + int.from_bytes(body[base + 4 : base + 8], "little" if order == "<" else "big")
    if at + 2 > len(body):
        return _with_number(body, random)
    (count,) = struct.unpack_from(order + "H", body, at)
    entry = at + 2 + 12 * random.randrange(max(1, count))
    if entry + 12 > len(body):
        return _with_number(body, random)
    if random.random() < 0.1:  # how many there are, or where the next directory is
        place, form = random.choice(((at, "H"), (at + 2 + 12 * count, "I"), (base + 4, "I")))
        return _with_number(body, random, place) if form == "H" else _pointing(body, place, order)
    fields = list(struct.unpack_from(order + "HHII", body, entry))
    what = random.randrange(4)
    choices = (FIELDS, range(20), NUMBERS, (*NUMBERS, *CODECS, len(body), len(body) - 1, at))
    fields[what] = random.choice(choices[what])
    return body[:entry] + struct.pack(order + "HHII", *fields) + body[entry + 12 :]


def _pointing(body: bytes, place: int, order: str) -> bytes:
    """A directory whose successor is the first one again."""
    return body[:place] + struct.pack(order + "I", 8) + body[place + 4 :]


def _bytes_changed(data: bytes, random: Random) -> bytes:
    for _ in range(random.randint(1, 6)):
        data = _with_number(data, random)
    return data


def _spliced(data: bytes, random: Random) -> bytes:
    """The middle of any other file put in."""
    other = random.choice(list(valid_files().values()))
    start, place = random.randrange(len(other)), random.randint(0, len(data))
    return data[:place] + other[start : start + random.randint(1, 64)] + data[place:]


IN_BYTES: Sequence[Callable[[bytes, Random], bytes]] = (_bytes_changed, _shortened, _spliced)
