"""Where an encoder's scores stop meaning anything: thresholds found without labels."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance

from lookalike.cards import Thresholds
from lookalike.encoder import Encoder

FEWEST = 16  # pictures; with fewer, quantiles of their pairs say nothing
DRAWN = 48  # drawn pictures: 1,128 pairs of different ones
DRAWN_SIDE = 256
COPIES_CAUGHT = 0.5  # of near copies; the others are left to the file's hash and perceptual hash
DIFFERENT_SPARED = 0.999  # of pairs of different pictures
UNRELATED_SHOWN = 0.99  # of pairs of different pictures: the floor must cost no good match


def unlabelled_thresholds(encoder: Encoder, pictures: Sequence[Image.Image]) -> Thresholds:
    """Duplicates by how alike near copies come out; the floor by how alike different pictures do.

    Nobody has said which pictures look alike, so both err on the side of showing a picture.
    """
    vectors = encoder.encode(pictures)
    different = (vectors @ vectors.T)[np.triu_indices(len(vectors), k=1)]
    copies = copy_similarities(encoder, pictures, vectors)
    duplicate = max(
        np.quantile(copies, 1 - COPIES_CAUGHT), np.quantile(different, DIFFERENT_SPARED)
    )
    floor = min(np.quantile(different, 1 - UNRELATED_SHOWN), duplicate)
    return Thresholds(duplicate=rounded(duplicate), floor=rounded(floor))


def rounded(cosine: float) -> float:
    return round(min(float(cosine), 0.9999), 4)


def copy_similarities(
    encoder: Encoder, pictures: Sequence[Image.Image], vectors: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Cosines of every picture to each of its near copies, in one row."""
    copies = [near_copies(picture) for picture in pictures]
    return np.concatenate(
        [encoder.encode(some) @ vector for some, vector in zip(copies, vectors, strict=True)]
    )


def near_copies(picture: Image.Image) -> list[Image.Image]:
    """What becomes of a picture on its way through the world: shrunk, recompressed, trimmed."""
    width, height = picture.size
    smaller = picture.resize((max(1, width * 3 // 5), max(1, height * 3 // 5)))
    trimmed = picture.crop(
        (width // 40, height // 40, max(1, width - width // 40), max(1, height - height // 40))
    )
    brighter = ImageEnhance.Brightness(picture).enhance(1.08)
    return [smaller, recompressed(picture, 50), trimmed, brighter, recompressed(trimmed, 70)]


def recompressed(picture: Image.Image, quality: int) -> Image.Image:
    file = BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(BytesIO(file.getvalue())).convert("RGB")


def drawn(count: int = DRAWN) -> list[Image.Image]:
    """Different pictures, the same on every machine: shapes, stripes, clouds and plain shades.

    Several kinds, for an encoder of photographs finds all pictures of one kind alike.
    """
    kinds = (_shapes, _stripes, _clouds, _shade)
    return [kinds[seed % len(kinds)](np.random.default_rng(seed)) for seed in range(count)]


def _shade(draw: np.random.Generator) -> Image.Image:
    corners = draw.integers(0, 256, (2, 2, 3), dtype=np.uint8)
    return Image.fromarray(corners).resize((DRAWN_SIDE, DRAWN_SIDE), Image.Resampling.BICUBIC)


def _clouds(draw: np.random.Generator) -> Image.Image:
    cells = int(draw.integers(4, 64))
    noise = draw.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((DRAWN_SIDE, DRAWN_SIDE), Image.Resampling.BICUBIC)


def _stripes(draw: np.random.Generator) -> Image.Image:
    across, down = np.meshgrid(np.arange(DRAWN_SIDE), np.arange(DRAWN_SIDE))
    angle, width = draw.uniform(0, np.pi), draw.uniform(4, 40)
    even = ((across * np.cos(angle) + down * np.sin(angle)) // width) % 2 < 1
    ink, ground = draw.integers(0, 256, (2, 3), dtype=np.uint8)
    return Image.fromarray(np.where(even[..., None], ink, ground))


def _shapes(draw: np.random.Generator) -> Image.Image:
    picture = _shade(draw)
    pen = ImageDraw.Draw(picture)
    for _ in range(int(draw.integers(3, 12))):
        x, y = draw.integers(0, DRAWN_SIDE, 2).tolist()
        w, h = draw.integers(DRAWN_SIDE // 16, DRAWN_SIDE // 2, 2).tolist()
        colour = tuple(draw.integers(0, 256, 3).tolist())
        if draw.random() < 0.5:
            pen.rectangle([x, y, x + w, y + h], fill=colour)
        else:
            pen.ellipse([x, y, x + w, y + h], fill=colour)
    return picture
