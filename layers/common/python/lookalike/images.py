"""Bytes from strangers to upright sRGB pixels within limits, and what is made of those pixels."""

import math
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from lookalike.cards import Preprocessing
from lookalike.errors import InvalidRequest, UnreadableImage
from lookalike.fingerprints import colour_distance, hash_distance, mean_colour, perceptual_hash
from lookalike.limits import MAX_BYTES, MAX_PIXELS, check_cost
from lookalike.pieces import check_pieces
from lookalike.quiet import Quiet
from lookalike.srgb import reduce_to_native, to_srgb

__all__ = [
    "ACCEPTED_FORMATS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "PICTURE_SUFFIXES",
    "THUMBNAIL_SIDE",
    "CropBox",
    "Picture",
    "colour_distance",
    "crop",
    "decode",
    "enough_for",
    "fit",
    "hash_distance",
    "looks_like_picture",
    "mean_colour",
    "perceptual_hash",
    "thumbnail",
]

CODECS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")  # tried in this order
ACCEPTED_FORMATS = frozenset({*CODECS, "MPO"})  # MPO: several JPEGs in one file; we read the first
PICTURE_SUFFIXES = frozenset(  # more than we accept: the others are rejected where a person sees it
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"}
    | {".tif", ".tiff", ".avif", ".heic", ".heif", ".jp2", ".j2k", ".jxl", ".svg", ".ico", ".psd"}
    | {".tga", ".ppm", ".pgm", ".qoi", ".dng", ".cr2", ".cr3", ".nef", ".arw"}
)
# How files of our formats begin, but for BMP, WebP and AVIF, which need a second look.
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

THUMBNAIL_SIDE = 512
# Enough to make a thumbnail of: libjpeg's eighth of a 12-megapixel photo has 500 or 504 pixels, and
# decoding it to a quarter and shrinking that costs half as much again.
THUMBNAIL_LEAST = 480
THUMBNAIL_QUALITY = 80
THUMBNAIL_METHOD = 0  # of WebP: 3 ms less than 2 for a picture, at a seventh more bytes
MOST_ASKED = 2048  # of decode's at_least: a tenth of a picture then still has 200 pixels a side
PADDING = (128, 128, 128)  # the border of a padded picture: grey, as far from white as from black
CROP_ROUNDING = 1e-6  # a browser's fractions may add up to a little more than 1

quiet = Quiet()


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image.

    pixels: RGB, upright, sRGB, on white, without metadata; possibly smaller than the original.
    width, height: of the original, upright.
    """

    pixels: Image.Image
    width: int
    height: int
    format: str


@dataclass(frozen=True, slots=True)
class CropBox:
    """A part of an upright picture, in fractions of its sides from the top left corner.

    Raises InvalidRequest with the pointer /crop/x, /crop/y, /crop/w or /crop/h.
    """

    x: float
    y: float
    w: float
    h: float

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidRequest(f"/crop/{name}", "must be a number")
            if not 0 <= value <= 1 or (name in "wh" and value == 0):
                above = "above 0 and" if name in "wh" else "at least 0 and"
                raise InvalidRequest(f"/crop/{name}", f"must be {above} at most 1")
        for start, extent in (("x", "w"), ("y", "h")):
            if getattr(self, start) + getattr(self, extent) > 1 + CROP_ROUNDING:
                raise InvalidRequest(f"/crop/{extent}", f"{start} + {extent} must be at most 1")


def enough_for(*encoder_sizes: int) -> int:
    """What to ask `decode` for, indexing as well as querying: one picture, one vector."""
    return max(THUMBNAIL_LEAST, *(2 * size for size in encoder_sizes))


def decode(data: bytes, at_least: int = THUMBNAIL_SIDE) -> Picture:
    """Decode once, for everything: encoder input, thumbnail and hash are all made of the answer.

    at_least: pixels, `enough_for` the encoder, divided by the smaller side of a crop if there is
    one; more than 2048 counts as 2048. A larger picture is reduced on the way, but its long side
    stays at or above `at_least`, and its short side above half of it unless it is a ribbon.
    Raises UnreadableImage and nothing else, whatever the bytes.
    """
    if not data:
        raise UnreadableImage("empty")
    if len(data) > MAX_BYTES:
        raise UnreadableImage("too_many_bytes", f"{len(data):,} bytes; at most {MAX_BYTES:,}")
    try:
        with quiet:
            return _decode(data, max(1, min(at_least, MOST_ASKED)))
    except UnreadableImage:
        raise
    except Exception as error:  # decoders raise a dozen types, SyntaxError among them
        raise _refusal(data, error) from error


def _decode(data: bytes, at_least: int) -> Picture:
    check_pieces(data)
    with Image.open(BytesIO(data), formats=CODECS) as image:
        size, format_ = image.size, image.format or ""
        _draft(image, at_least)
        check_cost(image, size, data)
        image.load()
        orientation = _orientation(image)
        profile = image.info.get("icc_profile")
        native = reduce_to_native(image, _factor(image.size, min(2 * at_least, MOST_ASKED)))
    del image  # the full-size pixels: the memory budget counts on it
    pixels = _upright(to_srgb(native, profile), orientation)
    pixels.info = {}
    width, height = size[::-1] if orientation >= 5 else size
    return Picture(pixels, width, height, format_)


def _draft(image: Image.Image, at_least: int) -> None:
    """Have libjpeg decode to a half, quarter or eighth of the size; other codecs do nothing.

    Its scaling drops frequencies exactly, so it may go down to what is asked. The box average
    of the other codecs stays at twice that.
    """
    factor = _factor(image.size, at_least)
    image.draft(None, (max(1, image.width // factor), max(1, image.height // factor)))


def _factor(size: tuple[int, int], at_least: int) -> int:
    """The whole factor to shrink by, so that the result is just above what is asked.

    The second rule is for ribbons, whose short side forbids any shrinking: their area does not
    exceed that of a square of twice the side.
    """
    long, short = max(size), min(size)
    by_sides = min(long // at_least, short // max(1, at_least // 2))
    by_area = math.ceil(math.sqrt(long * short) / (2 * at_least))
    return max(1, by_sides, by_area)


def _orientation(image: Image.Image) -> int:
    """1 to 8 as EXIF or XMP notes it; a broken note counts as none."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1
    return value if value in range(1, 9) else 1


def _upright(pixels: Image.Image, orientation: int) -> Image.Image:
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    return pixels if turn is None else pixels.transpose(turn)


def _refusal(data: bytes, error: Exception) -> UnreadableImage:
    if not _begins_like_ours(data):
        return UnreadableImage("unsupported_format", "not one of " + ", ".join(CODECS))
    if isinstance(error, Image.DecompressionBombError):
        return UnreadableImage("too_many_pixels", f"at most {MAX_PIXELS:,}")
    if isinstance(error, UnidentifiedImageError):
        return UnreadableImage("corrupt", "the header cannot be read")
    return UnreadableImage("corrupt", str(error)[:200] or type(error).__name__)


def _begins_like_ours(data: bytes) -> bool:
    """Tells a broken picture of ours from something else; a text may begin with "BM" too."""
    return (
        data.startswith(SIGNATURES)
        or (data.startswith(b"BM") and data[6:10] == bytes(4))
        or (data.startswith(b"RIFF") and data[8:12] == b"WEBP")
        or data[4:12] in (b"ftypavif", b"ftypavis")
    )


def fit(picture: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The encoder's input: (size, size, 3). Training, indexing and querying all call this."""
    side = (preprocessing.size, preprocessing.size)
    if preprocessing.fit == "pad":
        square = ImageOps.pad(picture, side, Image.Resampling.BICUBIC, color=PADDING)
    elif preprocessing.fit == "crop":
        square = ImageOps.fit(picture, side, Image.Resampling.BICUBIC)
    else:
        square = picture.resize(side, Image.Resampling.BICUBIC)
    return np.asarray(square)


def crop(picture: Image.Image, box: CropBox) -> Image.Image:
    """The part in the box, at least one pixel."""
    width, height = picture.size
    left = min(round(box.x * width), width - 1)
    top = min(round(box.y * height), height - 1)
    right = min(width, max(left + 1, round((box.x + box.w) * width)))
    bottom = min(height, max(top + 1, round((box.y + box.h) * height)))
    return picture.crop((left, top, right, bottom))


def thumbnail(picture: Image.Image) -> bytes:
    """WebP with a long side of at most 512 pixels, without metadata."""
    small = picture.convert("RGB")
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.HAMMING)
    small.info = {}
    file = BytesIO()
    small.save(file, "WEBP", quality=THUMBNAIL_QUALITY, method=THUMBNAIL_METHOD)
    return file.getvalue()


def looks_like_picture(key: str) -> bool:
    """By its name alone; hidden files, and files in hidden folders, never do."""
    parts = key.split("/")
    if any(part.startswith(".") for part in parts):
        return False
    stem, _, suffix = parts[-1].rpartition(".")
    return bool(stem) and f".{suffix.lower()}" in PICTURE_SUFFIXES
