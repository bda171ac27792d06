"""Files taken apart into the pieces that their format is made of, and put together again.

`join(split(data)) == data` for every valid file; after a piece was changed its length and checksum
are made right again, so that the damage gets past the first look.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.hostile.written import PNG_HEAD


class Piece(NamedTuple):
    """name: as the format has it, b"" for bytes that are no piece of their own."""

    name: bytes
    body: bytes


class Container(NamedTuple):
    begins: tuple[bytes, ...]
    split: Callable[[bytes], Iterator[Piece]]
    join: Callable[[Sequence[Piece]], bytes]


def container_of(data: bytes) -> Container:
    """ANY, one piece, for formats that are not made of pieces in a row: TIFF and BMP."""
    return next((kind for kind in CONTAINERS if data.startswith(kind.begins)), ANY)


def _split_png(data: bytes) -> Iterator[Piece]:
    at = len(PNG_HEAD)
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield Piece(data[at + 4 : at + 8], data[at + 8 : at + 8 + size])
        at += 12 + size


def _join_png(pieces: Sequence[Piece]) -> bytes:
    return PNG_HEAD + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in pieces
    )


def _split_jpeg(data: bytes) -> Iterator[Piece]:
    """Segments; the bytes of a scan, up to the next marker, belong to its own."""
    at = 2
    while at < len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker in (0xD8, 0xD9):  # the end, or a picture behind it
            yield Piece(b"", data[at:])
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        while marker == 0xDA and not _next_marker(data, end):
            end += 1
        yield Piece(bytes([marker]), data[at + 4 : end])
        at = end


def _next_marker(data: bytes, at: int) -> bool:
    return at >= len(data) or (
        data[at] == 0xFF and data[at + 1 : at + 2] not in (b"", b"\0", *RESTARTS)
    )


RESTARTS = tuple(bytes([marker]) for marker in range(0xD0, 0xD8))


def _join_jpeg(pieces: Sequence[Piece]) -> bytes:
    return b"\xff\xd8" + b"".join(map(_segment, pieces))


def _segment(piece: Piece) -> bytes:
    """Of a scan, only its head counts for its length."""
    if not piece.name:
        return piece.body
    size = len(piece.body)
    if piece.name == b"\xda" and piece.body:
        size = min(size, 4 + 2 * piece.body[0])
    return b"\xff" + piece.name + struct.pack(">H", (size + 2) & 0xFFFF) + piece.body


def _split_riff(data: bytes) -> Iterator[Piece]:
    at = 12
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        yield Piece(data[at : at + 4], data[at + 8 : at + 8 + size])
        at += 8 + size + (size & 1)


def _join_riff(pieces: Sequence[Piece]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)
        for name, body in pieces
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _split_gif(data: bytes) -> Iterator[Piece]:
    """The screen with its palette, then blocks, each up to its end."""
    at = 13 + _palette(data[10])
    yield Piece(b"", data[:at])
    while at < len(data) and data[at : at + 1] in (b"!", b","):
        start = at
        at += 2 if data[at : at + 1] == b"!" else 11 + _palette(data[at + 9])
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
        yield Piece(data[start : start + 1], data[start + 1 : at])
    yield Piece(b"", data[at:])


def _palette(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 128 else 0


def _join_gif(pieces: Sequence[Piece]) -> bytes:
    return b"".join(name + body for name, body in pieces)


def _split_boxes(data: bytes) -> Iterator[Piece]:
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield Piece(data[at + 4 : at + 8], data[at + 8 : at + size])
        at += max(8, size)


def _join_boxes(pieces: Sequence[Piece]) -> bytes:
    return b"".join(struct.pack(">I", len(body) + 8) + name + body for name, body in pieces)


def _split_any(data: bytes) -> Iterator[Piece]:
    yield Piece(b"", data)


CONTAINERS = (
    Container((PNG_HEAD,), _split_png, _join_png),
    Container((b"\xff\xd8",), _split_jpeg, _join_jpeg),
    Container((b"RIFF",), _split_riff, _join_riff),
    Container((b"GIF8",), _split_gif, _join_gif),
    Container((b"\0\0\0\x1cftyp", b"\0\0\0\x20ftyp", b"\0\0\0\x2cftyp"), _split_boxes, _join_boxes),
)
ANY = Container((), _split_any, _join_gif)
