"""A gold set that always exists: does a picture still find itself after what the world does to it?

Nobody's clicks are in it, and it changes only with the catalogue. It shows that an encoder has
stopped telling pictures apart: collapse, or a taste learned from some pictures that ruins the
others. It cannot show that two different pictures of one kind are still found alike; for that, give
folders of labelled pictures.
"""

import zlib

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from lookalike.calibration import recompressed
from lookalike.encoder import Encoder
from training.described import Describe

VIEWS = 3  # of each picture
LEAST_SIDE, MOST_SIDE = 0.35, 0.7  # of the picture that a view shows
BRIGHTER, STRONGER = 0.35, 0.5  # how far brightness and contrast, and saturation, may move
QUALITY = 35  # of JPEG
HIT_AT = 10  # right among the first ten: pictures that differ in colour alone may change places


def views(picture: Image.Image, count: int = VIEWS) -> list[Image.Image]:
    """Part of the picture, mirrored or not, in another light, recompressed; ever the same ones."""
    draw = np.random.default_rng(zlib.crc32(picture.tobytes()))
    return [_view(picture, draw) for _ in range(count)]


def _view(picture: Image.Image, draw: np.random.Generator) -> Image.Image:
    width, height = (
        max(1, round(side * draw.uniform(LEAST_SIDE, MOST_SIDE))) for side in picture.size
    )
    left = int(draw.integers(0, picture.width - width + 1))
    top = int(draw.integers(0, picture.height - height + 1))
    seen = picture.crop((left, top, left + width, top + height))
    if draw.random() < 0.5:
        seen = ImageOps.mirror(seen)
    seen = ImageEnhance.Brightness(seen).enhance(draw.uniform(1 - BRIGHTER, 1 + BRIGHTER))
    seen = ImageEnhance.Contrast(seen).enhance(draw.uniform(1 - BRIGHTER, 1 + BRIGHTER))
    seen = ImageEnhance.Color(seen).enhance(draw.uniform(1 - STRONGER, 1 + STRONGER))
    return recompressed(seen, QUALITY)


def seen_in_views(encoder: Encoder) -> Describe:
    """The vectors of a picture's views behind one another, for `described`, which keeps one."""
    return lambda picture: np.concatenate(list(encoder.encode(views(picture))))
