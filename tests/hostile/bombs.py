"""Bombs: files that would cost a careless reader its memory, its time or its life."""

import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from itertools import chain

from PIL import Image

from tests.hostile import profiles
from tests.hostile.canvases import AVIFS, BMPS, GIFS, WEBPS
from tests.hostile.directories import EXIF_BOMBS, TIFF_BOMBS
from tests.hostile.valid import drawn, file
from tests.hostile.written import FULL, PNG_HEAD, chunk, many, png, zeros

ROW = bytes(1 + 3 * 64)

Make = Callable[[], bytes]


def bombs() -> Mapping[str, Make]:
    """Each by its name; made when it is asked for, since many take all the bytes they may."""
    kinds = (PNGS, JPEGS, GIFS, BMPS, WEBPS, AVIFS, TIFF_BOMBS, EXIF_BOMBS, PROFILES)
    return dict(chain.from_iterable(kind.items() for kind in kinds))


def _png(before: bytes = b"", after: bytes = b"") -> bytes:
    return png((64, 48), ROW * 48, before=before, after=after)


def _header(width: int, height: int, colour: int = 2, depth: int = 8) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def _promised(width: int, height: int, pixels: bytes, colour: int = 2, depth: int = 8) -> bytes:
    """A PNG whose pixels are these deflated bytes, whatever the header promises."""
    head = _header(width, height, colour, depth)
    return PNG_HEAD + head + chunk(b"IDAT", pixels) + chunk(b"IEND")


def _titles() -> bytes:
    """Texts under as many names as there is room for."""
    return b"".join(chunk(b"tEXt", b"%07d\0" % n) for n in range(1_000_000))


PNGS: dict[str, Make] = {
    "png of 65,000 × 65,000": lambda: _promised(65_000, 65_000, zeros(1000)),
    "png of 2³¹ × 1": lambda: _promised(2**31 - 1, 1, zeros(1000)),
    "png of 60,000 × 800": lambda: _promised(60_000, 800, zeros(60_000 * 3 * 800 + 800)),
    "png of 49 megapixels of RGBA": lambda: _promised(
        7_000, 7_000, zeros(7_000 * 28_001), colour=6
    ),
    "png of 49 megapixels of 16-bit RGBA": lambda: _promised(
        7_000, 7_000, zeros(7_000 * 56_001), colour=6, depth=16
    ),
    "png with 300 MB for 16 pixels": lambda: _promised(4, 4, zeros(3 * 10**8)),
    "png with a text of 200 MB": lambda: _png(chunk(b"zTXt", b"a\0\0" + zeros(200 * 10**6))),
    "png with an international text of 200 MB": lambda: _png(
        chunk(b"iTXt", b"a\0\1\0\0\0" + zeros(200 * 10**6))
    ),
    "png with texts of a megabyte": lambda: _png(
        b"".join(chunk(b"zTXt", b"%d\0\0" % n + zeros(2**20 - 99)) for n in range(70))
    ),
    "png with a profile of 200 MB": lambda: _png(chunk(b"iCCP", b"a\0\0" + zeros(200 * 10**6))),
    "png with a million titles": lambda: _png(_titles()),
    "png with millions of private chunks": lambda: _png(many(chunk(b"prIv"))),
    "png with millions of physical sizes": lambda: _png(many(chunk(b"pHYs", bytes(9)))),
    "png with millions of chunks behind": lambda: _png(after=many(chunk(b"prIv"))),
    "png with millions of empty pixels": lambda: _png(after=many(chunk(b"IDAT"))),
    "png with millions of empty pixels before": lambda: _png(many(chunk(b"IDAT"))),
    "png with a private chunk of 60 MB": lambda: _png(chunk(b"prIv", bytes(FULL))),
    "png of 2³¹ frames": lambda: _png(chunk(b"acTL", struct.pack(">II", 2**31, 0))),
    "png with millions of frames": lambda: _png(
        chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)),
        many(chunk(b"fcTL", struct.pack(">IIIIIHHBB", 1, 64, 48, 0, 0, 1, 1, 0, 0))),
    ),
    "png with a chunk of 2³¹ bytes": lambda: _png(struct.pack(">I", 2**31 - 1) + b"prIv"),
}


def segment(marker: int, body: bytes = b"") -> bytes:
    """Of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _jpeg(before: bytes) -> bytes:
    plain = file(drawn(), "JPEG")
    return plain[:2] + before + plain[2:]


def _scans(size: tuple[int, int], scans: int, **options: int) -> bytes:
    """A progressive JPEG that comes back to its pixels: the last scan over and over."""
    plain = file(drawn(size), "JPEG", progressive=True, **options)
    last = plain.rindex(b"\xff\xda")
    scan = plain[last:-2]
    return plain[:last] + scan * scans + b"\xff\xd9"


def _flat(size: tuple[int, int], **options: int) -> bytes:
    return file(Image.new("RGB", size, "teal"), "JPEG", quality=30, **options)


def _first_scan_again(size: tuple[int, int], scans: int) -> bytes:
    plain = _flat(size, progressive=True, subsampling=0)
    start = plain.index(b"\xff\xda")
    scan = plain[start : plain.index(b"\xff\xc4", start)]
    return plain[:start] + scan * scans + plain[start:]


JPEGS: dict[str, Make] = {
    "jpeg of 65,000 × 760": lambda: _flat((65_000, 760)),
    "jpeg of 49 megapixels in scans": lambda: _flat((7_000, 7_000), progressive=True),
    "jpeg of 40 megapixels in full scans": lambda: _flat(
        (6_300, 6_300), progressive=True, subsampling=0
    ),
    "jpeg of 40 megapixels in 90 scans": lambda: _first_scan_again((6_300, 6_300), 80),
    "jpeg of ten thousand scans": lambda: _scans((64, 48), 10_000),
    "jpeg with millions of empty segments": lambda: _jpeg(many(segment(0xEA))),
    "jpeg with millions of comments": lambda: _jpeg(many(segment(0xFE))),
    "jpeg with a thousand full segments": lambda: _jpeg(many(segment(0xEA, bytes(65_533)))),
    "jpeg with 60 MB of padding": lambda: _jpeg(b"\xff" * FULL),
    "jpeg with 60 MB of nothing": lambda: _jpeg(bytes(FULL)),
    "jpeg with 60 MB of escapes": lambda: _jpeg(b"\xff\0" * (FULL // 2)),
    "jpeg with a million tables": lambda: _jpeg(many(segment(0xDB, bytes(65) * 1_008))),
    "jpeg with millions of resources": lambda: _jpeg(
        many(segment(0xED, b"Photoshop 3.0\0" + (b"8BIM\4\4" + bytes(6)) * 5_400))
    ),
    "jpeg with 60 MB of one profile's parts": lambda: _jpeg(
        many(segment(0xE2, b"ICC_PROFILE\0\1\xff" + bytes(65_500)), 255 * 65_518)
    ),
    "jpeg with 60 MB of EXIF": lambda: _jpeg(many(segment(0xE1, b"Exif\0\0" + bytes(65_500)))),
    "jpeg with ten thousand frames": lambda: file(
        drawn((8, 8)), "MPO", save_all=True, append_images=[drawn((8, 8))] * 3_000
    ),
    "jpeg with millions of restarts": lambda: _flat((7_000, 7_000), restart_marker_blocks=1),
}


def _profiled(profile: bytes) -> bytes:
    stream = BytesIO()
    drawn((900, 700)).save(stream, "TIFF", icc_profile=profile)
    return stream.getvalue()


PROFILES: dict[str, Make] = {
    f"tiff with a profile {name}": (lambda made=made: _profiled(made()))  # type: ignore[misc]
    for name, made in profiles.BOMBS.items()
}
