"""What a file is made of, counted before a library makes an object of every piece.

Pillow reads headers in Python: a loop and an object for each chunk, segment, block or value. A
file of 64 MB can hold millions of empty ones, and a minute's work in them.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from lookalike.boxes import exif_size
from lookalike.errors import UnreadableImage

MAX_PIECES = 50_000  # chunks of a PNG, segments of a JPEG, blocks of a GIF before its pixels
MAX_METADATA = 16 * 2**20  # bytes before and beside the pixels; large ones are histories and depths
MAX_EXIF = 4 * 2**20  # bytes; cameras write tens of KB
MAX_FILLING = 2**16  # bytes that mean nothing between the segments of a JPEG
MAX_VALUES = 500_000  # numbers in a TIFF's directories; 65,535 strips in three planes have 393,210

PNG_PIXELS = (b"IDAT", b"fdAT")
# Markers of a JPEG without a length: Pillow goes on behind their two bytes.
BARE_MARKERS = frozenset([0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)])
START_OF_SCAN, EXIF_SEGMENT = 0xDA, 0xE1

# TIFF: bytes of a value, by the type of its field. Text and opaque bytes are one object each.
NUMBER_BYTES = {3: 2, 4: 4, 5: 8, 6: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
DIRECTORIES = frozenset([330, 34665, 34853, 40965])  # fields that point to further ones
MAX_DIRECTORIES = 20  # read of one file: the first page's and those below it


def check_pieces(data: bytes) -> None:
    """Refuse a file of more pieces, or more bytes besides the pixels, than pictures have.

    Costs microseconds a piece, and looks at no pixel. A file that is no picture at all passes:
    its decoder says so.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        _check_sizes(_png_pieces(data))
    elif data.startswith(b"\xff\xd8\xff"):
        _check_sizes(_jpeg_pieces(data))
    elif data.startswith(b"GIF8"):
        _check_sizes(_gif_pieces(data))
    elif data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        _check_directories(data)
    elif data.startswith(b"RIFF"):
        _check_sizes(_riff_pieces(data))
    elif data[4:8] == b"ftyp":
        _check_exif(exif_size(data))


def _check_exif(size: int) -> None:
    if size > MAX_EXIF:
        raise UnreadableImage("too_many_bytes", f"{size:,} bytes of EXIF; at most {MAX_EXIF:,}")


def _check_sizes(pieces: Iterator[tuple[bool, int]]) -> None:
    """pieces: whether it is EXIF, and how many bytes it has besides pixels.

    What claims more bytes than the file has left counts with those: its decoder finds it broken.
    """
    metadata = exif = 0
    for count, (is_exif, size) in enumerate(pieces):
        if count >= MAX_PIECES:
            raise UnreadableImage("corrupt", f"in more than {MAX_PIECES:,} pieces")
        metadata += size
        exif += size if is_exif else 0
        if metadata > MAX_METADATA:
            detail = f"more than {MAX_METADATA:,} bytes besides the pixels"
            raise UnreadableImage("too_many_bytes", detail)
        _check_exif(exif)


def _png_pieces(data: bytes) -> Iterator[tuple[bool, int]]:
    at = 8
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        yield name == b"eXIf", 0 if name in PNG_PIXELS else min(size, len(data) - at)
        at += 12 + size


def _riff_pieces(data: bytes) -> Iterator[tuple[bool, int]]:
    at = 12
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at + 4 : at + 8], "little"), data[at : at + 4]
        kept = min(size, len(data) - at) if name in (b"EXIF", b"ICCP", b"XMP ") else 0
        yield name == b"EXIF", kept
        at += 8 + size + (size & 1)


def _jpeg_pieces(data: bytes) -> Iterator[tuple[bool, int]]:
    """Of what comes before the first scan; what comes behind it is libjpeg's."""
    at, filling = 2, 0
    while at + 2 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker in (0x00, 0xFF):
            at, filling = at + 1, filling + 1
            if filling > MAX_FILLING:
                raise UnreadableImage("corrupt", f"more than {MAX_FILLING:,} bytes of filling")
        elif marker in BARE_MARKERS:
            yield False, 0
            at += 2
        elif marker == START_OF_SCAN:
            return
        else:
            size = int.from_bytes(data[at + 2 : at + 4])
            yield marker == EXIF_SEGMENT and data[at + 4 : at + 8] == b"Exif", size
            at += 2 + max(2, size)


def _gif_pieces(data: bytes) -> Iterator[tuple[bool, int]]:
    """Of what comes before the first frame."""
    at = 13 + _colours(data[10:11])
    while at < len(data) and data[at] not in b",;":
        yield False, 0
        at += 1
        if data[at - 1] == ord("!"):
            at += 1
            while data[at : at + 1] not in (b"", b"\0"):
                yield False, data[at]
                at += 1 + data[at]
            at += 1


def _colours(flags: bytes) -> int:
    """Bytes of a GIF's palette, if it has one."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 128 else 0


def _check_directories(data: bytes) -> None:
    values = sum(count for kind, count in _tiff_values(data) if kind in NUMBER_BYTES)
    if values > MAX_VALUES:
        raise UnreadableImage("corrupt", f"tables of {values:,} values; at most {MAX_VALUES:,}")


def opaque_bytes(data: bytes) -> int:
    """Of a TIFF: text and other fields that are copied as they are."""
    return sum(count for kind, count in _tiff_values(data) if kind not in NUMBER_BYTES)


def _tiff_values(data: bytes) -> Iterator[tuple[int, int]]:
    """Type and count, of each field of the first page and of the directories below it.

    Fields that claim more than the file has are passed over, as Pillow does.
    """
    order = "<" if data[:2] == b"II" else ">"
    layout = _Layout(order, 8, "HHQ8s", "Q") if 43 in data[2:4] else _Layout(order, 4, "HHI4s", "H")
    waiting, seen = [layout.number(data, layout.word)], set[int]()
    while waiting and len(seen) < MAX_DIRECTORIES:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        for tag, kind, count, value in _fields(data, at, layout):
            if count * NUMBER_BYTES.get(kind, 1) <= len(data):
                yield kind, count
            if tag in DIRECTORIES:
                waiting.append(value)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Of a TIFF or a BigTIFF. word: bytes of an offset. field, counter: as struct names them."""

    order: str
    word: int
    field: str
    counter: str

    def number(self, data: bytes, at: int) -> int:
        """The offset that stands there; 0 at the end of the file."""
        return int.from_bytes(data[at : at + self.word], "little" if self.order == "<" else "big")


def _fields(data: bytes, at: int, layout: _Layout) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, count and the value or its offset, of each field that the file has room for."""
    counter, field = (struct.Struct(layout.order + form) for form in (layout.counter, layout.field))
    if not 0 < at <= len(data) - counter.size:
        return
    (count,) = counter.unpack_from(data, at)
    start = at + counter.size
    end = start + min(count, (len(data) - start) // field.size) * field.size
    for tag, kind, many, value in field.iter_unpack(data[start:end]):
        yield tag, kind, many, layout.number(value, 0)
