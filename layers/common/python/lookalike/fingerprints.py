"""Small numbers that tell whether two pictures are copies: a perceptual hash and a mean colour."""

import math

import numpy as np
from PIL import Image

HASH_SIDE = 32  # the luma is shrunk to this many pixels a side
HASH_FREQUENCIES = 8  # the lowest frequencies kept along each axis: 8 × 8 = 64 bits
# Contrast (root mean square over the picture, in grey levels of 255) that the kept frequencies
# hold besides the mean. Below it their signs are noise of the camera or the codec, and all plain
# pictures would be "duplicates" of one another or of nothing, by chance.
FLAT_CONTRAST = 2.0

_FREQUENCIES = np.arange(HASH_FREQUENCIES)[:, None]
_COSINES = np.cos(np.pi * _FREQUENCIES * (2 * np.arange(HASH_SIDE) + 1) / (2 * HASH_SIDE))  # DCT-II
_NORMS = np.sqrt(np.where(_FREQUENCIES == 0, 1, 2) / HASH_SIDE)  # makes the rows orthonormal


def perceptual_hash(picture: Image.Image) -> str:
    """64-bit DCT hash of the luma as 16 hex digits; "" for a flat picture, which has none.

    A bit is set where a low frequency lies above the median of them all, row by row.
    """
    small = picture.convert("L").resize((HASH_SIDE, HASH_SIDE), Image.Resampling.LANCZOS)
    low = _COSINES @ np.asarray(small, dtype=np.float64) @ _COSINES.T
    energy = (low * _NORMS * _NORMS.T) ** 2
    if math.sqrt(energy.sum() - energy[0, 0]) / HASH_SIDE < FLAT_CONTRAST:
        return ""
    return np.packbits(low > np.median(low)).tobytes().hex()


def hash_distance(a: str, b: str) -> int | None:
    """How many of 64 bits differ; None when a picture is flat and so has no hash."""
    if not a or not b:
        return None
    return (int(a, 16) ^ int(b, 16)).bit_count()


def mean_colour(picture: Image.Image) -> str:
    """Mean of the sRGB values as 6 hex digits."""
    return bytes(picture.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))).hex()  # type: ignore[arg-type]


def colour_distance(a: str, b: str) -> float:
    """Euclidean distance of two mean colours in sRGB levels: 0 to 441."""
    return math.dist(bytes.fromhex(a), bytes.fromhex(b))
