"""Bombs in TIFF's directories, which EXIF blocks are made of too."""

import struct
from collections.abc import Callable, Sequence

import numpy as np

from tests.hostile.valid import drawn, file
from tests.hostile.written import FULL, LONG, RATIONAL, SHORT, chunk, png, tiff, zeros

WIDTH, HEIGHT, BITS, CODEC, SPACE, OFFSETS, ORIENTATION = 256, 257, 258, 259, 262, 273, 274
SAMPLES, ROWS, COUNTS, ACROSS, RESOLUTION, PLANES = 277, 278, 279, 322, 282, 284
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, COLOURS, EXTRA, FORMAT = 322, 323, 324, 320, 338, 339
RAW, LZW, JPEG, DEFLATED, PACKBITS, ZSTD, LZMA, WEBP = 1, 5, 7, 8, 32773, 50000, 34925, 50001
BYTES = 7  # opaque ones
ITEM = {BYTES: 1, SHORT: 2, LONG: 4, RATIONAL: 8}

Make = Callable[[], bytes]
Entry = tuple[int, int, int, int]  # tag, type, count, value or offset


def directory(entries: Sequence[Entry], body: bytes = b"", following: int = 0) -> bytes:
    """A TIFF, little-endian, of one directory with these very entries; `body` comes behind it."""
    table = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + table + struct.pack("<I", following) + body


def after(entries: int) -> int:
    """Where the body of a directory of so many entries begins."""
    return 8 + 2 + 12 * entries + 4


def plain(**changed: int) -> dict[int, Entry]:
    """A grey picture of 64 × 48, by tag; its pixels are the first bytes of the body."""
    said = {"width": 64, "height": 48, "codec": RAW, "rows": 48, **changed}
    return {
        WIDTH: (WIDTH, LONG, 1, said["width"]),
        HEIGHT: (HEIGHT, LONG, 1, said["height"]),
        BITS: (BITS, SHORT, 1, 8),
        CODEC: (CODEC, SHORT, 1, said["codec"]),
        SPACE: (SPACE, SHORT, 1, 1),
        ROWS: (ROWS, LONG, 1, said["rows"]),
        COUNTS: (COUNTS, LONG, 1, 64 * 48),
    }


def _with_table(tag: int, kind: int, codec: int = RAW) -> bytes:
    """One entry whose values fill the file."""
    entries = plain(codec=codec, rows=1)
    entries[OFFSETS] = (OFFSETS, LONG, 1, 0)
    entries.pop(tag, None)
    at = after(len(entries) + 1)
    entries[tag] = (tag, kind, FULL // ITEM[kind], at)
    if tag != OFFSETS:
        entries[OFFSETS] = (OFFSETS, LONG, 1, at)
    return directory(list(entries.values()), b"\1\0\0\0" * (FULL // 4))


def _tiles(side: int, codec: int = DEFLATED) -> bytes:
    """A picture of 64 × 48 in one tile that is far larger."""
    entries = plain(codec=codec)
    del entries[ROWS], entries[COUNTS]
    at = after(len(entries) + 4)
    entries[TILE_WIDTH] = (TILE_WIDTH, LONG, 1, side)
    entries[TILE_LENGTH] = (TILE_LENGTH, LONG, 1, side)
    entries[TILE_OFFSETS] = (TILE_OFFSETS, LONG, 1, at)
    entries[325] = (325, LONG, 1, min(side * side, 2**31) if codec == RAW else 10**6)
    pixels = bytes(64) if codec == RAW else zeros(side * side)
    return directory(list(entries.values()), pixels)


def _strip(width: int, height: int, codec: int = DEFLATED, **fields: int) -> bytes:
    entries = plain(width=width, height=height, rows=height, codec=codec)
    pixels = zeros(width * height)
    entries[COUNTS] = (COUNTS, LONG, 1, len(pixels))
    at = after(len(entries) + 1)
    entries[OFFSETS] = (OFFSETS, LONG, 1, at)
    return directory(list(entries.values()), pixels)


def _loop() -> bytes:
    return directory([*plain().values(), (OFFSETS, LONG, 1, 8)], bytes(64 * 48), following=8)


def _nested(tag: int) -> bytes:
    """A directory whose EXIF (or other) directory is itself."""
    return directory([*plain().values(), (OFFSETS, LONG, 1, 8), (tag, LONG, 1, 8)], bytes(64 * 48))


def _with_exif(tag: int) -> bytes:
    """A directory of fractions below the first one."""
    at = after(9)
    below = struct.pack("<HHHII", 1, 33434, RATIONAL, FULL // 8, at + 18) + bytes(4)
    fields = [*plain().values(), (OFFSETS, LONG, 1, at), (tag, LONG, 1, at)]
    return directory(fields, below + b"\1\0\0\0" * (FULL // 4))


def _layered(megapixels: int) -> bytes:
    """As Photoshop writes it: a flat picture, and its layers in a field of opaque bytes."""
    side = int((megapixels * 10**6) ** 0.5)
    entries = plain(width=side, height=side, rows=side, codec=DEFLATED)
    pixels = zeros(side * side)
    entries[COUNTS] = (COUNTS, LONG, 1, len(pixels))
    at = after(len(entries) + 2)
    entries[OFFSETS] = (OFFSETS, LONG, 1, at)
    entries[37724] = (37724, BYTES, FULL, at + len(pixels))
    return directory(list(entries.values()), pixels + bytes(FULL))


def _chain(length: int) -> bytes:
    """Directory after directory, each naming the next."""
    size = 2 + 12 + 4
    first = directory([*plain().values(), (OFFSETS, LONG, 1, 8)], following=after(8))
    links = (
        struct.pack("<HHHIII", 1, WIDTH, LONG, 1, 1, len(first) + size * (n + 1))
        for n in range(length)
    )
    return first + b"".join(links)


def _full_directory(count: int = 65_535) -> bytes:
    """As many entries as a directory can count, under as many tags."""
    known = plain()
    known[OFFSETS] = (OFFSETS, LONG, 1, after(count))
    rest = [(tag, LONG, 2_000, 8) for tag in range(65_535) if tag not in known]
    return directory([*known.values(), *rest[: count - len(known)]], bytes(64 * 48))


def _jpeg_strip(progressive: bool, says: tuple[int, int], size: tuple[int, int]) -> bytes:
    data = file(drawn(size).convert("L"), "JPEG", progressive=progressive)
    entries = plain(width=says[0], height=says[1], rows=says[1], codec=JPEG)
    entries[COUNTS] = (COUNTS, LONG, 1, len(data))
    entries[OFFSETS] = (OFFSETS, LONG, 1, after(len(entries) + 1))
    return directory(list(entries.values()), data)


def _crumbs(side: int) -> bytes:
    """Tiles of 16 × 16, as many as a large picture has."""
    return tiff(np.zeros((side, side, 3), np.uint8), tile=16)


def exif_of_tables(length: int, tag: int = ORIENTATION) -> bytes:
    """An EXIF block whose one entry is a table of fractions."""
    body = b"\1\0\0\0" * (length // 4)
    return directory([(tag, RATIONAL, length // 8, after(1))], body)


def _png_with(exif: bytes) -> bytes:
    rows = bytes((1 + 3 * 64) * 48)
    return png((64, 48), rows, before=chunk(b"eXIf", exif))


def _jpeg_with(exif: bytes) -> bytes:
    """In as many segments as it needs."""
    parts = (exif[at : at + 65_000] for at in range(0, len(exif), 65_000))
    segments = (struct.pack(">HH", 0xFFE1, len(p) + 8) + b"Exif\0\0" + p for p in parts)
    data = file(drawn(), "JPEG")
    return data[:2] + b"".join(segments) + data[2:]


def _huge() -> bytes:
    entries = plain(width=65_535, height=65_535, rows=65_535, codec=DEFLATED)
    entries[OFFSETS] = (OFFSETS, LONG, 1, after(len(entries) + 1))
    return directory(list(entries.values()), bytes(999))


TIFF_BOMBS: dict[str, Make] = {
    "tiff with millions of strips": lambda: _with_table(OFFSETS, LONG),
    "tiff with millions of deflated strips": lambda: _with_table(OFFSETS, LONG, DEFLATED),
    "tiff with millions of strips' lengths": lambda: _with_table(COUNTS, LONG, DEFLATED),
    "tiff with millions of depths": lambda: _with_table(BITS, SHORT),
    "tiff with millions of widths": lambda: _with_table(WIDTH, SHORT),
    "tiff with millions of fractions": lambda: _with_table(RESOLUTION, RATIONAL),
    "tiff with millions of orientations": lambda: _with_table(ORIENTATION, RATIONAL),
    "tiff with millions of extra samples": lambda: _with_table(EXTRA, SHORT),
    "tiff with millions of sample formats": lambda: _with_table(FORMAT, SHORT),
    "tiff with millions of colours": lambda: _with_table(COLOURS, SHORT),
    "tiff of one tile of 20,000 × 20,000": lambda: _tiles(20_000),
    "tiff of one tile of 65,536 × 65,536": lambda: _tiles(65_536, RAW),
    "tiff of one tile of 8,000 × 8,000 in lzw": lambda: _tiles(8_000, LZW),
    "tiff of 7,000 × 7,000 in one strip": lambda: _strip(7_000, 7_000),
    "tiff of 60,000 × 800 in one strip": lambda: _strip(60_000, 800),
    "tiff of 65,535 × 65,535": _huge,
    "tiff of 4,000 × 4,000 in crumbs": lambda: _crumbs(4_000),
    "tiff whose next directory is itself": _loop,
    "tiff whose exif is itself": lambda: _nested(34665),
    "tiff whose places are itself": lambda: _nested(34853),
    "tiff whose child is itself": lambda: _nested(330),
    "tiff of a million directories": lambda: _chain(1_000_000),
    "tiff of 65,535 entries": _full_directory,
    "tiff with 60 MB of layers": lambda: _with_table(37724, BYTES),
    "tiff with 60 MB of layers and 30 megapixels": lambda: _layered(30),
    "tiff with 60 MB of fractions in EXIF": lambda: _with_exif(34665),
    "tiff with 60 MB of fractions in places": lambda: _with_exif(34853),
    "tiff of 64 × 48 around a larger jpeg": lambda: _jpeg_strip(True, (64, 48), (6_000, 6_000)),
    "tiff of 6,000 × 6,000 around a jpeg in scans": lambda: _jpeg_strip(
        True, (6_000, 6_000), (6_000, 6_000)
    ),
    "tiff of 6,000 × 6,000 around a small jpeg": lambda: _jpeg_strip(
        False, (6_000, 6_000), (64, 48)
    ),
}


EXIF_BOMBS: dict[str, Make] = {
    "png with 60 MB of fractions in EXIF": lambda: _png_with(exif_of_tables(FULL)),
    "png with 60 MB of fractions in EXIF's resolution": lambda: _png_with(
        exif_of_tables(FULL, RESOLUTION)
    ),
    "jpeg with 60 MB of fractions in EXIF": lambda: _jpeg_with(exif_of_tables(FULL)),
    "jpeg with 60 MB of fractions in EXIF's resolution": lambda: _jpeg_with(
        exif_of_tables(FULL, RESOLUTION)
    ),
    "png whose EXIF is itself": lambda: _png_with(_nested(34665)),
    "jpeg whose EXIF is itself": lambda: _jpeg_with(_nested(34665)),
    "jpeg with EXIF of 5,000 entries": lambda: _jpeg_with(_full_directory(5_000)),
}
