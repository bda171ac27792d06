"""Every colour mode and every turn, against the upright sRGB original, by the shipped encoder."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms

from lookalike.encoder import Encoder
from lookalike.images import decode, enough_for
from lookalike.models import SHIPPED
from tests.hostile import profiles, written
from tests.hostile.valid import drawn, file

ALIKE = 0.98  # cosine
PHOTOS = Path(__file__).parents[2] / ".." / "shared" / "data" / "photos"
MOST_PHOTOS = 12
SIZE = (480, 360)

# Written well: what the codec itself costs is no question of ours.
FINE: Mapping[str, Mapping[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95, "speed": 10},
    "PNG": {},
    "TIFF": {},
}

Variant = Callable[[Image.Image], bytes]


@dataclass(frozen=True, slots=True)
class Mode:
    """How a picture is written, and what of the original can be seen in it at all.

    best: of colours that are lost before we see them, what is left.
    """

    name: str
    write: Variant
    best: Callable[[Image.Image], Image.Image] = lambda picture: picture


def pictures(photos: Path = PHOTOS) -> Iterator[Image.Image]:
    """Drawn ones, and photos where there are some; the same ones each time."""
    yield from drawings()
    files = sorted(path for path in photos.rglob("*.jpg")) if photos.is_dir() else []
    for path in files[:: max(1, len(files) // MOST_PHOTOS)][:MOST_PHOTOS]:
        with Image.open(path) as photo:
            yield photo.convert("RGB")


def drawings() -> Iterator[Image.Image]:
    return (drawn(SIZE, turn) for turn in range(3))


@cache
def encoder() -> Encoder:
    return Encoder(SHIPPED)


def cosine(data: bytes, expected: Image.Image) -> float:
    """Of the file as it is indexed, and of the pixels as they should come out."""
    shipped = encoder()
    ours = decode(data, enough_for(shipped.card.preprocessing.size)).pixels
    one, other = shipped.encode([ours, expected])
    return float(one @ other)


def worst(mode: Mode, of: Iterable[Image.Image]) -> float:
    return min(cosine(mode.write(picture), mode.best(picture)) for picture in of)


def measured() -> Iterator[tuple[str, float]]:
    """Each mode, with the worst cosine over all pictures."""
    seen = list(pictures())
    return ((mode.name, worst(mode, seen)) for mode in (*TURNED, *MODES))


def _saved(mode: str, kind: str, **options: object) -> Variant:
    return lambda picture: file(picture.convert(mode), kind, **options)


def _turned(kind: str, orientation: int) -> Variant:
    back = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]

    def write(picture: Image.Image) -> bytes:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        stored = picture if back is None else picture.transpose(back)
        return file(stored, kind, exif=exif, **FINE[kind])

    return write


def _few_colours(picture: Image.Image) -> Image.Image:
    return picture.quantize(256).convert("RGB")


def _grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L").convert("RGB")


def _of_two(picture: Image.Image) -> Image.Image:
    return picture.convert("1").convert("RGB")


def _deep(picture: Image.Image, kind: str, dtype: str, factor: float) -> bytes:
    grey = np.asarray(picture.convert("L")).astype(np.float64)
    return file(Image.fromarray((grey * factor).astype(dtype)), kind)


def _stretched(picture: Image.Image) -> Image.Image:
    """As 32-bit files are shown, which have no agreed white: from black to white."""
    grey = np.asarray(picture.convert("L")).astype(np.float64)
    low, high = grey.min(), max(grey.max(), grey.min() + 1)
    return Image.fromarray(np.rint((grey - low) * 255 / (high - low)).astype(np.uint8)).convert(
        "RGB"
    )


def _mask(picture: Image.Image) -> Image.Image:
    return Image.radial_gradient("L").resize(picture.size).point(lambda value: 255 - value)


def _see_through(mode: str, kind: str, **options: object) -> Variant:
    def write(picture: Image.Image) -> bytes:
        seen = picture.convert("RGB")
        seen.putalpha(_mask(picture))
        return file(seen.convert(mode), kind, **options)

    return write


def _on_white(picture: Image.Image) -> Image.Image:
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=_mask(picture))
    return white


def _lab(picture: Image.Image) -> bytes:
    return file(_by_profiles(picture, "LAB"), "TIFF")


def _by_profiles(picture: Image.Image, mode: str) -> Image.Image:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    made = ImageCms.profileToProfile(picture, srgb, lab, outputMode=mode)
    assert made is not None
    return made


def _in_wide_gamut(profile: bytes, kind: str) -> Variant:
    """The same colours in other numbers: without its profile the picture is duller."""

    def write(picture: Image.Image) -> bytes:
        wide = ImageCms.ImageCmsProfile(BytesIO(profile))
        made = ImageCms.profileToProfile(picture, ImageCms.createProfile("sRGB"), wide)
        assert made is not None
        return file(made, kind, icc_profile=profile, **FINE[kind])

    return write


def _with_a_hole(picture: Image.Image) -> bytes:
    return file(picture.quantize(256), "PNG", transparency=0)


def _hole_on_white(picture: Image.Image) -> Image.Image:
    """The first colour of the palette shows white."""
    paletted = picture.quantize(256)
    shown = paletted.convert("RGB")
    shown.paste("white", mask=Image.fromarray(np.asarray(paletted) == 0))
    return shown


TURNED = tuple(
    Mode(f"{kind} turned as EXIF's {orientation}", _turned(kind, orientation))
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
    for orientation in range(1, 9)
)
WIDE: Mapping[str, bytes] = {"Display P3": profiles.display_p3(), "Adobe RGB": profiles.adobe_rgb()}
MODES = (
    Mode("RGB, JPEG", _saved("RGB", "JPEG", quality=90)),
    Mode("RGB, JPEG, progressive", _saved("RGB", "JPEG", quality=90, progressive=True)),
    Mode("RGB, WebP", _saved("RGB", "WEBP", quality=90)),
    Mode("RGB, WebP, lossless", _saved("RGB", "WEBP", lossless=True)),
    Mode("RGB, AVIF", _saved("RGB", "AVIF", speed=10, quality=90)),
    Mode("RGB, BMP", _saved("RGB", "BMP")),
    Mode("P, GIF", lambda p: file(p.quantize(256), "GIF"), _few_colours),
    Mode("RGB, PNG of 16 bits", lambda p: written.png16(np.asarray(p))),
    Mode("RGB, PNG, interlaced", lambda p: written.interlaced_png(np.asarray(p))),
    Mode("RGB, TIFF, tiled", lambda p: written.tiff(np.asarray(p), tile=64)),
    Mode("RGB, TIFF, in planes", lambda p: written.tiff(np.asarray(p), rows=50, planes=True)),
    Mode("RGBA, PNG, opaque", _saved("RGBA", "PNG")),
    Mode("RGBA, PNG, on white", _see_through("RGBA", "PNG"), _on_white),
    Mode("RGBA, WebP, on white", _see_through("RGBA", "WEBP", lossless=True), _on_white),
    Mode("RGBA, TIFF, on white", _see_through("RGBA", "TIFF"), _on_white),
    Mode("P, PNG", lambda p: file(p.quantize(256), "PNG"), _few_colours),
    Mode("P, PNG, one colour see-through", _with_a_hole, _hole_on_white),
    Mode("P, TIFF", lambda p: file(p.quantize(256), "TIFF"), _few_colours),
    Mode("L, JPEG", _saved("L", "JPEG", quality=90), _grey),
    Mode("L, PNG", _saved("L", "PNG"), _grey),
    Mode("LA, PNG, on white", _see_through("LA", "PNG"), lambda p: _grey(_on_white(p))),
    Mode("1, PNG", _saved("1", "PNG"), _of_two),
    Mode("1, TIFF, group 4", _saved("1", "TIFF", compression="group4"), _of_two),
    Mode("I;16, PNG", lambda p: _deep(p, "PNG", "uint16", 257), _grey),
    Mode("I;16, TIFF", lambda p: _deep(p, "TIFF", "uint16", 257), _grey),
    Mode("I, TIFF", lambda p: _deep(p, "TIFF", "int32", 1000), _stretched),
    Mode("F, TIFF", lambda p: _deep(p, "TIFF", "float32", 1 / 255), _stretched),
    Mode("CMYK, JPEG, inverted as Adobe does", _saved("CMYK", "JPEG", quality=95)),
    Mode("CMYK, TIFF", _saved("CMYK", "TIFF")),
    Mode("YCCK, JPEG, inverted as Adobe does", written.ycck),
    Mode("YCbCr, TIFF", _saved("YCbCr", "TIFF")),
    Mode("LAB, TIFF", _lab),
    *(
        Mode(f"{name}, {kind}", _in_wide_gamut(profile, kind))
        for name, profile in WIDE.items()
        for kind in ("PNG", "JPEG", "TIFF", "WEBP", "AVIF")
    ),
)
