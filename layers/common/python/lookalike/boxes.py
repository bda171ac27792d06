"""AVIF's boxes, as far as they say how much a decoder will make of the file.

libavif believes the AV1 stream about the size of a picture, and the boxes only afterwards: a file
that says 64 × 48 may hold 16,384 × 16,384. Pillow tells neither that size nor how long EXIF is.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lookalike.errors import UnreadableImage

WITHIN = frozenset([b"meta", b"iinf", b"moov", b"trak", b"mdia", b"minf", b"stbl"])
CODED = b"av01"  # the type of an item that is a picture, or a part of one
SEQUENCE_HEADER = 1  # the type of the unit of an AV1 stream that has the size
MAX_BOXES = 10_000  # looked at; a grid of 256 × 256 pictures has more, and no camera writes one
CHUNK_HEAD = 4096  # bytes of a chunk of a track, whose end we do not look up
SEQUENCE_BYTES = 1024  # of a sequence header: with every operating point it can have, half of that


class Item(NamedTuple):
    """kind: its type, b"" where none is given. spans: where its bytes begin and end."""

    kind: bytes
    spans: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        return sum(end - start for start, end in self.spans)


def coded_size(data: bytes) -> tuple[int, int]:
    """The largest picture that any AV1 stream in the file announces; (0, 0) without one.

    Raises UnreadableImage for a file whose streams cannot be told from one another.
    """
    coded = [item for item in items(data) if item.kind in (CODED, b"")]
    if sum(item.size for item in coded) > 2 * len(data):
        raise UnreadableImage("corrupt", "its pictures lie over each other")
    streams = (b"".join(data[start:end] for start, end in item.spans) for item in coded)
    sizes = (size for stream in streams for size in _announced(stream))
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


def exif_size(data: bytes) -> int:
    return sum(item.size for item in items(data) if item.kind == b"Exif")


def items(data: bytes) -> Iterator[Item]:
    """What the file is made of: pictures, their parts, metadata; of an animation, its chunks."""
    kinds: dict[int, bytes] = {}
    places: list[tuple[int, int, list[tuple[int, int]]]] = []
    within = 0  # where the bytes begin that items may have in the head of the file
    for count, (name, start, end) in enumerate(_boxes(data, 0, len(data))):
        _check_count(count)
        if name == b"infe":
            kinds.update(_kind(data[start:end]))
        elif name == b"idat":
            within = start
        elif name == b"iloc":
            places += _places(_Numbers(data[start:end]))
        elif name in (b"stco", b"co64"):
            yield from _chunks(data, data[start:end], 4 if name == b"stco" else 8)
    for number, method, extents in places:
        base = within if method == 1 else 0
        spans = (_span(data, base + at, size or len(data)) for at, size in extents)
        yield Item(kinds.get(number, b""), tuple(spans))


def _check_count(count: int) -> None:
    if count > MAX_BOXES:
        raise UnreadableImage("corrupt", f"in more than {MAX_BOXES:,} boxes")


def _span(data: bytes, start: int, size: int) -> tuple[int, int]:
    """As much of it as the file has."""
    start = min(start, len(data))
    return start, min(start + size, len(data))


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the content, of every box and of those within it."""
    while at + 8 <= end:
        size, name, head = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16]), 16
        stop = min(end, at + size) if size else end
        if stop < at + head:
            return
        yield name, at + head, stop
        if name in WITHIN:
            yield from _boxes(
                data, at + head + _before(name, data[at + head : at + head + 1]), stop
            )
        at = stop


def _before(name: bytes, version: bytes) -> int:
    """Bytes before the boxes within: version and flags, and how many boxes there are."""
    return {b"meta": 4, b"iinf": 8 if version == b"\1" else 6}.get(name, 0)


def _kind(body: bytes) -> dict[int, bytes]:
    """An item's number and type. Version 3 counts in 32 bits."""
    wide = 4 if body[:1] == b"\3" else 2
    return {int.from_bytes(body[4 : 4 + wide]): body[6 + wide : 10 + wide]}


class _Numbers:
    """Reads big-endian numbers one behind the other; 0 behind the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def next(self, size: int) -> int:
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at])


def _places(read: _Numbers) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """Number, method and extents (offset, size) of each item, as ISO 14496-12 has them."""
    version, _ = read.next(1), read.next(3)
    sizes = read.next(2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version == 2 else 2
    count = 0
    for _ in range(read.next(wide)):
        number = read.next(wide)
        method = read.next(2) & 15 if version else 0
        read.next(2)
        start = read.next(base)
        _check_count(count := count + 1)
        extents: list[tuple[int, int]] = []
        for _ in range(read.next(2)):
            _check_count(count := count + 1)
            read.next(index if version else 0)
            extents.append((start + read.next(offset), read.next(length)))
        yield number, method, extents


def _chunks(data: bytes, table: bytes, wide: int) -> Iterator[Item]:
    """Of a track: each begins with a frame, the first of them with a sequence header."""
    for count, entry in enumerate(range(8, len(table), wide)):
        _check_count(count)
        at = int.from_bytes(table[entry : entry + wide])
        yield Item(CODED, (_span(data, at, CHUNK_HEAD),))


def _announced(stream: bytes) -> Iterator[tuple[int, int]]:
    """Sizes in the sequence headers among the units of an AV1 stream."""
    at = count = 0
    while at < len(stream):
        _check_count(count := count + 1)
        head = stream[at]
        at += 2 if head & 4 else 1
        size, at = _leb128(stream, at) if head & 2 else (len(stream) - at, at)
        if head >> 3 & 15 == SEQUENCE_HEADER:
            yield _size(stream[at : at + min(size, SEQUENCE_BYTES)])
        at += size


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, and where it ends."""
    value = 0
    for place in range(8):
        byte = data[at : at + 1] or b"\0"
        at += 1
        value |= (byte[0] & 127) << 7 * place
        if byte[0] < 128:
            break
    return value, at


def _size(header: bytes) -> tuple[int, int]:
    """Width and height of a sequence header (AV1 specification, 5.5.1)."""
    bits = _Bits(header)
    bits.next(3)  # profile
    bits.next(1)  # still picture
    if bits.next(1):  # reduced header
        bits.next(5)
    else:
        _skip_operating_points(bits)
    wide, high = bits.next(4) + 1, bits.next(4) + 1
    return bits.next(wide) + 1, bits.next(high) + 1


class _Bits:
    """Reads numbers bit by bit; zeros behind the end."""

    def __init__(self, data: bytes) -> None:
        self.bits = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def next(self, count: int) -> int:
        self.at += count
        return int(self.bits[self.at - count : self.at].ljust(count, "0") or "0", 2)


def _skip_operating_points(bits: _Bits) -> None:
    model = delay = 0
    if bits.next(1):  # timing info
        bits.next(64)
        if bits.next(1):  # equal picture interval
            _skip_uvlc(bits)
        model = bits.next(1)
        if model:
            delay = bits.next(5) + 1
            bits.next(42)
    shown = bits.next(1)
    for _ in range(bits.next(5) + 1):
        bits.next(12)
        if bits.next(5) > 7:  # level
            bits.next(1)
        if model and bits.next(1):
            bits.next(2 * delay + 1)
        if shown and bits.next(1):
            bits.next(4)


def _skip_uvlc(bits: _Bits) -> None:
    zeros = 0
    while zeros < 32 and not bits.next(1):
        zeros += 1
    bits.next(zeros if zeros < 32 else 0)
