"""Colour profiles: sound ones of wide gamut, and some that mean harm."""

import struct
from collections.abc import Callable

from PIL import ImageCms

FULL = 60 * 10**6
HEAD = 128  # bytes before the table of tags

Make = Callable[[], bytes]


def profile(tags: dict[bytes, bytes], space: bytes = b"RGB ", kind: bytes = b"mntr") -> bytes:
    """An ICC profile, version 2, to XYZ."""
    at, table, body = HEAD + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, kind, space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">III", 63190, 65536, 54061)
    return head.ljust(HEAD, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(v * 65536) for v in (x, y, z)))


def gamma(value: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256)) + bytes(2)


def described(text: str) -> bytes:
    ascii_ = text.encode() + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(ascii_)) + ascii_ + bytes(78)


def of_primaries(name: str, primaries: tuple[tuple[float, float, float], ...]) -> bytes:
    """A matrix profile; primaries: XYZ of red, green and blue, adapted to D50."""
    red, green, blue = primaries
    curve = gamma(2.2)
    return profile(
        {
            b"desc": described(name),
            b"wtpt": xyz(0.9642, 1.0, 0.8249),
            b"rXYZ": xyz(*red),
            b"gXYZ": xyz(*green),
            b"bXYZ": xyz(*blue),
            b"rTRC": curve,
            b"gTRC": curve,
            b"bTRC": curve,
        }
    )


def display_p3() -> bytes:
    return of_primaries(
        "Display P3",
        ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
    )


def adobe_rgb() -> bytes:
    return of_primaries(
        "Adobe RGB (1998)",
        ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
    )


def lut(points: int, inputs: int = 3, claimed: int = 0) -> bytes:
    """A profile with a table of points ** inputs colours. claimed: points that its head says."""
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    head = b"mft2" + bytes(4) + bytes((inputs, 3, claimed or points, 0)) + matrix
    curves = struct.pack(">HH", 0, 65535)
    size = points**inputs * 6
    data = head + struct.pack(">HH", 2, 2) + curves * inputs + bytes(size) + curves * 3
    space = {3: b"RGB ", 4: b"CMYK", 1: b"GRAY"}[inputs]
    return profile({b"desc": described("odd"), b"A2B0": data}, space, b"prtr")


def curve(entries: int) -> bytes:
    table = b"curv" + bytes(4) + struct.pack(">I", entries) + bytes(2 * entries)
    whites = {b"wtpt": xyz(0.96, 1.0, 0.82), b"rXYZ": xyz(0.4, 0.2, 0.1)}
    more = {b"gXYZ": xyz(0.4, 0.7, 0.1), b"bXYZ": xyz(0.1, 0.1, 0.7)}
    return profile({**whites, **more, b"rTRC": table, b"gTRC": gamma(2), b"bTRC": gamma(2)})


def tags(count: int) -> bytes:
    """A profile that counts more tags than it has."""
    sound = display_p3()
    return sound[:HEAD] + struct.pack(">I", count) + sound[HEAD + 4 :]


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


BOMBS: dict[str, Make] = {
    "of 60 MB": lambda: display_p3() + bytes(FULL),
    "of 200³ colours": lambda: lut(200),
    "of 100³ colours": lambda: lut(100),
    "that claims 255³ colours": lambda: lut(3, claimed=255),
    "with a curve of 25 million points": lambda: curve(25_000_000),
    "with a curve of a million points": lambda: curve(1_000_000),
    "that counts 2³² tags": lambda: tags(2**32 - 1),
    "that counts 101 tags": lambda: tags(101),
    "without any tag": lambda: profile({}),
    "of only a head": lambda: srgb()[:HEAD],
}
