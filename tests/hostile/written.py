"""Files that Pillow reads and does not write: Adam7, 16-bit colour, YCCK, RLE, tiles, planes."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin

from lookalike.limits import MAX_BYTES

Pixels = NDArray[np.uint8]  # (height, width, 3 or 4)

FULL = MAX_BYTES - 2**20  # as many bytes as may be sent, less a little for the rest of the file
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
LAST_PASS = (0, 1, 1, 2)
SHORT, LONG, RATIONAL = 3, 4, 5  # the types of TIFF's fields
SIZES = {SHORT: ("H", 2), LONG: ("I", 4), RATIONAL: ("II", 8)}


def chunk(name: bytes, data: bytes = b"") -> bytes:
    """Of a PNG, with the checksum that lets it past the first look."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    size: tuple[int, int],
    scanlines: bytes,
    *,
    depth: int = 8,
    colour: int = 2,
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """before, after: whole chunks around the pixels. colour: 0 grey, 2 RGB, 3 palette, 6 RGBA."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, int(interlaced))
    pixels = chunk(b"IDAT", zlib.compress(scanlines, 1))
    return PNG_HEAD + chunk(b"IHDR", header) + before + pixels + after + chunk(b"IEND")


def zeros(length: int) -> bytes:
    """Deflated, a thousandth of that; made of pieces."""
    deflate, piece = zlib.compressobj(1), bytes(2**20)
    whole, rest = divmod(length, len(piece))
    return (
        b"".join(deflate.compress(piece) for _ in range(whole))
        + deflate.compress(bytes(rest))
        + deflate.flush()
    )


def many(piece: bytes, most: int = FULL) -> bytes:
    return piece * (most // len(piece))


def png16(pixels: Pixels) -> bytes:
    height, width, channels = pixels.shape
    deep = (pixels.astype(">u2") * 257).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    return png((width, height), rows, depth=16, colour=2 if channels == 3 else 6)


def interlaced_png(pixels: Pixels) -> bytes:
    height, width, channels = pixels.shape
    rows = b"".join(
        b"\0" + row.tobytes()
        for x, y, across, down in (*ADAM7, LAST_PASS)
        for row in pixels[y::down, x::across]
    )
    return png((width, height), rows, colour=2 if channels == 3 else 6, interlaced=True)


def text_chunks() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a scarf")
    info.add_text("Comment", "red " * 99, zip=True)
    info.add_itxt("Description", "платок " * 40, "ru", "Описание", zip=True)
    info.add(b"prIv", b"own")
    return info


def ycck(picture: Image.Image) -> bytes:
    """As Adobe writes CMYK: inverted, and as luma and chroma besides the black."""
    black = Image.new("L", picture.size, 255)
    bands = (*ImageOps.invert(picture).convert("YCbCr").split(), black)
    stream = BytesIO()
    # Pillow inverts what it writes, and is given the opposite.
    Image.merge("CMYK", [band.point(lambda v: 255 - v) for band in bands]).save(
        stream, "JPEG", quality=95, subsampling=0
    )
    data = stream.getvalue()
    transform = data.index(b"Adobe") + 11
    return data[:transform] + b"\2" + data[transform + 1 :]


def rle_bmp(picture: Image.Image, bits: int) -> bytes:
    """Runs of one colour, row by row from the bottom."""
    palette = (picture.getpalette() or []) + [0] * 768
    colours = b"".join(bytes((*palette[3 * n : 3 * n + 3][::-1], 0)) for n in range(1 << bits))
    rows = np.asarray(picture)[::-1]
    runs = b"".join(b"".join(_runs(row, bits)) + b"\0\0" for row in rows) + b"\0\1"
    return bmp(picture.size, bits, 1 if bits == 8 else 2, colours, runs)


def bmp(size: tuple[int, int], bits: int, compression: int, colours: bytes, pixels: bytes) -> bytes:
    start = 14 + 40 + len(colours)
    header = (40, *size, 1, bits, compression, len(pixels), 0, 0, len(colours) // 4, 0)
    head = b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start)
    return head + struct.pack("<IiiHHIIiiII", *header) + colours + pixels


def _runs(row: NDArray[np.uint8], bits: int) -> Iterator[bytes]:
    ends = [*(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
    start = 0
    for end in ends:
        value = int(row[start])
        colour = value if bits == 8 else value << 4 | value
        for begin in range(start, end, 255):
            yield bytes((min(255, end - begin), colour))
        start = end


def tiff(
    pixels: Pixels, order: str = "<", *, tile: int = 0, rows: int = 0, planes: bool = False
) -> bytes:
    """RGB, deflated. tile: side of a tile; rows: of a strip; planes: each colour by itself."""
    height, width, _ = pixels.shape
    layers = [pixels[..., n : n + 1] for n in range(3)] if planes else [pixels]
    pieces = [
        zlib.compress(piece.tobytes())
        for layer in layers
        for piece in (_tiles(layer, tile) if tile else _strips(layer, rows))
    ]
    fields: list[tuple[int, int, Sequence[int]]] = [
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, [8, 8, 8]),
        (259, SHORT, [8]),
        (262, SHORT, [2]),
        (277, SHORT, [3]),
        (284, SHORT, [2 if planes else 1]),
    ]
    return ifd(order, fields, pieces, {"tile": tile} if tile else {"rows": rows})


def ifd(
    order: str,
    fields: Sequence[tuple[int, int, Sequence[int]]],
    pieces: Sequence[bytes],
    layout: dict[str, int],
) -> bytes:
    """A TIFF of one directory. pieces: strips or tiles, as the layout says."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    offsets, counts = (324, 325) if "tile" in layout else (273, 279)
    side = layout.get("tile", 0)
    shape = [(322, LONG, [side]), (323, LONG, [side])] if side else []
    if "rows" in layout:
        shape = [(278, LONG, [layout["rows"]])]
    entries = len(fields) + len(shape) + 2
    at = 8 + 2 + 12 * entries + 4
    starts = list(accumulate(map(len, pieces), initial=at))[:-1]
    body = b"".join(pieces)
    where = [(offsets, LONG, starts), (counts, LONG, [len(piece) for piece in pieces])]
    table, tail = b"", b""
    for tag, kind, values in sorted([*fields, *shape, *where]):
        packed = b"".join(struct.pack(order + SIZES[kind][0][0], value) for value in values)
        count = len(packed) // SIZES[kind][1]
        if len(packed) > 4:
            packed, tail = struct.pack(order + "I", at + len(body) + len(tail)), tail + packed
        table += struct.pack(order + "HHI", tag, kind, count) + packed.ljust(4, b"\0")
    return head + struct.pack(order + "H", entries) + table + bytes(4) + body + tail


def _tiles(layer: Pixels, side: int) -> Iterator[Pixels]:
    down, across = (-length % side for length in layer.shape[:2])
    padded = np.pad(layer, ((0, down), (0, across), (0, 0)))
    for top in range(0, padded.shape[0], side):
        for left in range(0, padded.shape[1], side):
            yield padded[top : top + side, left : left + side]


def _strips(layer: Pixels, rows: int) -> Iterator[Pixels]:
    for top in range(0, layer.shape[0], rows):
        yield layer[top : top + rows]
