"""How large a picture may be: in bytes, in pixels, and in the memory that decoding it takes.

The figures behind it are measured, format by format, in docs/decisions/0003-untrusted-images.md.
"""

import math
from typing import Any

from PIL import ExifTags, Image

from lookalike.boxes import coded_size
from lookalike.errors import UnreadableImage
from lookalike.pieces import opaque_bytes

MAX_BYTES = 64 * 2**20  # a 50-megapixel photo as PNG has up to this; as JPEG a quarter of it
MAX_PIXELS = (
    50_000_000  # the largest phones and full-frame cameras; larger is a mistake or an attack
)
MAX_SIDE = 65_535  # what JPEG and GIF can say at all; a longer ribbon shows nothing
MAX_SCANS = 100  # of a JPEG; encoders write about ten, an attack thousands over the same pixels
MAX_SCANNED = 1_500_000_000  # pixels of a JPEG times its scans: thirty over the largest picture
# What a BMP in runs may take: its pixels, and four times its bytes. Pillow reads both in Python.
MAX_RUN_WORK = 32_000_000

# What the file and its decoding may hold at their peak. With bands and answer that is 300 MB.
DECODING_BYTES = 270 * 10**6
STORED_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # in Pillow; others: 4
# Per pixel, measured: two canvases, a lossless decoder's buffer, the frame as bytes and Pillow's
# picture; for AVIF planes of up to 16 bits, the frame as bytes and Pillow's picture.
WEBP_BYTES = 18.5
AVIF_BYTES = 16.0
TIFF_COPIES = 3  # that Pillow makes of opaque fields, such as a Photoshop file's layers
BITS_PER_SAMPLE = 258  # the TIFF tag
TILE_SIDES = (322, 323)  # the TIFF tags: width and length


def check_cost(image: Image.Image, size: tuple[int, int], data: bytes) -> None:
    """Refuse by the header alone, before any pixel is decoded.

    image: opened and perhaps drafted, not loaded. size: of the original.
    """
    pixels = size[0] * size[1]
    if pixels > MAX_PIXELS or max(size) > MAX_SIDE:
        raise UnreadableImage("too_many_pixels", f"{size[0]} × {size[1]}; at most {MAX_PIXELS:,}")
    if _in_several_scans(image, data):
        _check_scans(data.count(b"\xff\xda"), pixels)
    if image.tile and image.tile[0].codec_name == "bmp_rle":  # type: ignore[attr-defined]
        _check_runs(pixels + 4 * len(data))
    needed = len(data) + _decoding_bytes(image, pixels, data)
    if needed > DECODING_BYTES:
        detail = f"{size[0]} × {size[1]} needs {needed / 1e6:.0f} MB to decode as {image.format}"
        raise UnreadableImage("too_many_pixels", detail)


def _check_scans(scans: int, pixels: int) -> None:
    most = min(MAX_SCANS, MAX_SCANNED // max(1, pixels))
    if scans > most:
        raise UnreadableImage("corrupt", f"{scans:,} scans; at most {most}")


def _check_runs(work: int) -> None:
    if work > MAX_RUN_WORK:
        raise UnreadableImage("too_many_pixels", "in runs of one colour; save it without")


def _decoding_bytes(image: Image.Image, pixels: int, data: bytes) -> float:
    stored = STORED_BYTES.get(image.mode, 4)
    held = image.width * image.height * stored
    if image.format == "AVIF":
        return max(pixels, math.prod(coded_size(data))) * AVIF_BYTES
    if image.format == "WEBP":
        return pixels * WEBP_BYTES
    if image.format in ("JPEG", "MPO"):
        return held + pixels * _coefficient_bytes(image, data)
    if image.format == "TIFF":
        return held + _tiff_bytes(image, pixels, stored) + TIFF_COPIES * opaque_bytes(data)
    return held


def _tiff_bytes(image: Image.Image, pixels: int, stored: int) -> float:
    """A strip may be the whole picture, a tile far more, and Pillow turns the full size upright."""
    tags: dict[int, Any] = image.tag_v2  # type: ignore[attr-defined]
    samples = float(sum(tags.get(BITS_PER_SAMPLE, (8,))) / 8)
    turned = 0 if tags.get(ExifTags.Base.Orientation, 1) == 1 else stored * pixels
    return samples * max(pixels, _tile_pixels(tags)) + turned


def _tile_pixels(tags: dict[int, Any]) -> int:
    width, length = (tags.get(tag, 0) for tag in TILE_SIDES)
    return width * length if isinstance(width, int) and isinstance(length, int) else 0


def _coefficient_bytes(image: Image.Image, data: bytes) -> float:
    """Per pixel: libjpeg keeps all 16-bit coefficients of a JPEG that comes in several scans."""
    if not _in_several_scans(image, data):
        return 0.0
    samplings = [(across, down) for _, across, down, _ in image.layer]  # type: ignore[attr-defined]
    widest, tallest = (max(sides) for sides in zip(*samplings, strict=True))
    return float(2 * sum(across * down for across, down in samplings) / (widest * tallest))


def _in_several_scans(image: Image.Image, data: bytes) -> bool:
    """Whether libjpeg comes back to the same pixels; of other JPEGs it reads one scan only."""
    if image.format not in ("JPEG", "MPO"):
        return False
    components = len(image.layer)  # type: ignore[attr-defined]
    return "progressive" in image.info or not _in_one_scan(data, components)


def _in_one_scan(data: bytes, components: int) -> bool:
    """Whether the first scan holds all components; False also where the markers are odd."""
    at = 2  # after the start-of-image marker
    while data[at : at + 1] == b"\xff":
        if data[at + 1 : at + 2] == b"\xda":
            return data[at + 4 : at + 5] == bytes([components])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return False
