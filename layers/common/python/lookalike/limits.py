"""How large a picture may be: in bytes, in pixels, and in the memory that decoding it takes.

The figures behind it are measured, format by format, in docs/decisions/0003-untrusted-images.md.
"""

from typing import Any

from PIL import ExifTags, Image

from lookalike.errors import UnreadableImage

MAX_BYTES = 64 * 2**20  # a 50-megapixel photo as PNG has up to this; as JPEG a quarter of it
MAX_PIXELS = (
    50_000_000  # the largest phones and full-frame cameras; larger is a mistake or an attack
)
MAX_SIDE = 65_535  # what JPEG and GIF can say at all; a longer ribbon shows nothing
MAX_SCANS = 100  # of a JPEG; encoders write about ten, an attack thousands over the same pixels

# What decoding may hold at its peak. Picture, bands and answer stay within 300 MB with it.
DECODING_BYTES = 270 * 10**6
STORED_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # in Pillow; others: 4
# Per pixel, measured: WebP holds two canvases, a lossless decoder's buffer, the frame as bytes and
# Pillow's picture; AVIF planes of up to 16 bits, the frame as bytes and Pillow's picture.
CODEC_BYTES = {"WEBP": 18.5, "AVIF": 16.0}
BITS_PER_SAMPLE = 258  # the TIFF tag


def check_cost(image: Image.Image, size: tuple[int, int], data: bytes) -> None:
    """Refuse by the header alone, before any pixel is decoded.

    image: opened and perhaps drafted, not loaded. size: of the original.
    """
    pixels = size[0] * size[1]
    if pixels > MAX_PIXELS or max(size) > MAX_SIDE:
        raise UnreadableImage("too_many_pixels", f"{size[0]} × {size[1]}; at most {MAX_PIXELS:,}")
    if _in_several_scans(image, data) and data.count(b"\xff\xda") > MAX_SCANS:
        raise UnreadableImage("corrupt", f"more than {MAX_SCANS} scans")
    needed = _decoding_bytes(image, pixels, data)
    if needed > DECODING_BYTES:
        detail = f"{size[0]} × {size[1]} needs {needed / 1e6:.0f} MB to decode as {image.format}"
        raise UnreadableImage("too_many_pixels", detail)


def _decoding_bytes(image: Image.Image, pixels: int, data: bytes) -> float:
    stored = STORED_BYTES.get(image.mode, 4)
    held = image.width * image.height * stored
    if image.format in CODEC_BYTES:
        return pixels * CODEC_BYTES[image.format]
    if image.format in ("JPEG", "MPO"):
        return held + pixels * _coefficient_bytes(image, data)
    if image.format == "TIFF":
        return held + pixels * _strip_bytes(image, stored)
    return held


def _strip_bytes(image: Image.Image, stored: int) -> float:
    """Per pixel: a strip may be the whole picture, and Pillow turns the full size upright."""
    tags: dict[int, Any] = image.tag_v2  # type: ignore[attr-defined]
    samples = float(sum(tags.get(BITS_PER_SAMPLE, (8,))) / 8)
    return samples if tags.get(ExifTags.Base.Orientation, 1) == 1 else samples + stored


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
