"""Bombs whose frames, canvases and runs are not what they say: GIF, BMP, WebP and AVIF."""

import struct
from collections.abc import Callable
from functools import cache

from PIL import Image

from lookalike.boxes import items
from tests.hostile import written
from tests.hostile.directories import exif_of_tables
from tests.hostile.valid import drawn, file, frames, valid_files
from tests.hostile.written import FULL, many

Make = Callable[[], bytes]


def _gif(before: bytes, screen: tuple[int, int] = (64, 48)) -> bytes:
    plain = file(drawn(), "GIF", interlace=0)
    colours = 13 + 3 * 2 ** ((plain[10] & 7) + 1)
    return plain[:6] + struct.pack("<HH", *screen) + plain[10:colours] + before + plain[colours:]


def _frame(left: int, top: int, width: int, height: int) -> bytes:
    return b"," + struct.pack("<HHHHB", left, top, width, height, 0) + b"\x08\x01\x00\x00"


GIFS: dict[str, Make] = {
    "gif of 65,535 × 65,535": lambda: _gif(b"", (65_535, 65_535)),
    "gif of 7,000 × 7,000": lambda: _gif(b"", (7_000, 7_000)),
    "gif with a frame out of its canvas": lambda: _gif(_frame(60_000, 60_000, 5_000, 5_000)),
    "gif with a wide frame out of its canvas": lambda: _gif(_frame(65_000, 0, 500, 700)),
    "gif with a frame of nothing": lambda: _gif(_frame(0, 0, 0, 0)),
    "gif with millions of extensions": lambda: _gif(many(b"!\xfa\0")),
    "gif with millions of comments": lambda: _gif(many(b"!\xfe\x01a\0")),
    "gif with a comment of 60 MB": lambda: _gif(b"!\xfe" + many(b"\xff" + b"a" * 255) + b"\0"),
    "gif with a comment in crumbs": lambda: _gif(b"!\xfe" + many(b"\x01a") + b"\0"),
    "gif with an application in crumbs": lambda: _gif(b"!\xff" + many(b"\x01a") + b"\0"),
    "gif with 60 MB of zeros": lambda: _gif(bytes(FULL)),
    "gif with pixels in crumbs": lambda: _gif(
        b"," + struct.pack("<HHHHB", 0, 0, 64, 48, 0) + b"\x08" + many(b"\x01\x80")
    ),
    "gif of a hundred thousand frames": lambda: (
        file(drawn(), "GIF")[:-1] + _frame(0, 0, 1, 1) * 100_000
    ),
}


def _rle(side: int, bits: int, runs: bytes) -> bytes:
    return written.bmp((side, side), bits, 1 if bits == 8 else 2, bytes(4 << bits), runs)


BMPS: dict[str, Make] = {
    "bmp of 7,000 × 7,000 in runs of one": lambda: _rle(7_000, 8, many(b"\1\2")),
    "bmp of 7,000 × 7,000 in long runs": lambda: _rle(7_000, 8, b"\xff\2" * 200_000),
    "bmp of 7,000 × 7,000 in half bytes": lambda: _rle(7_000, 4, b"\xff\2" * 200_000),
    "bmp of 7,000 × 7,000 in empty rows": lambda: _rle(7_000, 8, b"\1\2\0\0" * 7_000),
    "bmp of 7,000 × 7,000 in leaps": lambda: _rle(7_000, 8, b"\0\2\xff\xff" * 7_000),
    "bmp of a row that never ends": lambda: _rle(64, 8, many(b"\xff\2")),
    "bmp of leaps to where it is": lambda: _rle(64, 8, many(b"\0\2\0\0")),
    "bmp of 65,535 × 65,535": lambda: written.bmp((65_535, 65_535), 24, 0, b"", bytes(999)),
    "bmp that is upside down by 2³¹": lambda: written.bmp((9, -(2**31)), 24, 0, b"", bytes(999)),
    "bmp of 60,000 × 800 of two colours": lambda: written.bmp(
        (60_000, 800), 1, 0, bytes(8), bytes(60_000 * 100)
    ),
}


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)
        for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _canvas(width: int, height: int, flags: int = 2) -> tuple[bytes, bytes]:
    sides = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return b"VP8X", bytes((flags, 0, 0, 0)) + sides


def _animated(width: int, height: int, count: int) -> bytes:
    picture = file(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    one = b"ANMF", bytes(6) + bytes(6) + b"\1\0\0\0" + picture
    return riff(_canvas(width, height), (b"ANIM", bytes(6)), *[one] * count)


def _extended(flags: int, *chunks: tuple[bytes, bytes]) -> bytes:
    picture = file(drawn(), "WEBP")[20:]
    return riff(_canvas(64, 48, flags), *chunks, (b"VP8 ", picture))


def _in_crumbs(chunks: bytes) -> bytes:
    """These chunks between the canvas and the picture."""
    plain = _extended(0)
    body = plain[8:30] + chunks + plain[30:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


WEBPS: dict[str, Make] = {
    "webp of 16,384 × 16,384": lambda: _animated(16_384, 16_384, 1),
    "webp of 14 megapixels": lambda: file(
        Image.new("RGBA", (3_800, 3_800)), "WEBP", lossless=True, quality=0, method=0
    ),
    "webp of 3,800 × 3,800 around a pixel": lambda: _animated(3_800, 3_800, 1),
    "webp of half a million frames": lambda: _animated(64, 48, 500_000),
    "webp with millions of unknown chunks": lambda: _in_crumbs(many(b"prIv" + bytes(4))),
    "webp with 60 MB of profile": lambda: _extended(32, (b"ICCP", bytes(FULL))),
    "webp with 60 MB of tables in EXIF": lambda: _extended(8, (b"EXIF", exif_of_tables(FULL))),
    "webp with a frame out of its canvas": lambda: riff(
        _canvas(8, 8), (b"ANIM", bytes(6)), (b"ANMF", file(drawn(), "WEBP")[12:])
    ),
}


@cache
def _avif_of(size: tuple[int, int]) -> bytes:
    return file(Image.new("RGB", size, "teal"), "AVIF", speed=10)


def _avif_that_says(size: tuple[int, int], says: tuple[int, int]) -> bytes:
    """An AVIF whose boxes say another size than its pixels."""
    return _avif_of(size).replace(
        b"ispe" + bytes(4) + struct.pack(">II", *size),
        b"ispe" + bytes(4) + struct.pack(">II", *says),
    )


def _avif_with(block: bytes) -> bytes:
    """A sound file whose EXIF item is moved behind everything, where this block stands."""
    data = valid_files()["avif-metadata"]
    start, end = next(item.spans[0] for item in items(data) if item.kind == b"Exif")
    said = struct.pack(">II", start, end - start)
    return data.replace(said, struct.pack(">II", len(data), len(block) + 4)) + bytes(4) + block


AVIFS: dict[str, Make] = {
    "avif of 16 megapixels": lambda: _avif_that_says((4_096, 4_096), (4_096, 4_096)),
    "avif of 20 megapixels": lambda: _avif_that_says((4_500, 4_500), (4_500, 4_500)),
    "avif of 20 megapixels that says 64 × 48": lambda: _avif_that_says((4_500, 4_500), (64, 48)),
    "avif of 64 × 48 that says 4,000 × 4,000": lambda: _avif_that_says((64, 48), (4_000, 4_000)),
    "avif of 64 × 48 that says 2³² × 1": lambda: _avif_that_says((64, 48), (2**32 - 1, 1)),
    "avif with 60 MB of fractions in EXIF": lambda: _avif_with(exif_of_tables(FULL)),
    "avif of a hundred frames": lambda: file(
        drawn(), "AVIF", speed=10, save_all=True, append_images=frames() * 50
    ),
}
