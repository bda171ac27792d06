"""Any Pillow mode to upright 8-bit sRGB on white, a band at a time so that memory stays small."""

import math
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

BAND_PIXELS = 512 * 1024  # converted at a time: a few MB, whatever the size of the picture
MAX_PROFILE = 4 * 2**20  # bytes; those of printing presses have up to three million
WHITE = (255, 255, 255)
NATIVE_MODES = ("L", "RGB", "CMYK")  # reduced as they are; the colour profile is applied afterwards
PROFILE_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


def reduce_to_native(image: Image.Image, factor: int) -> Image.Image:
    """Shrink by a whole factor (box average) into L, RGB or CMYK, without a full-size copy.

    Transparent pixels turn white before they are averaged.
    """
    levels = _levels(image)
    if factor == 1:
        native = _native(image, levels)
        return native.copy() if native is image else native
    if image.mode in NATIVE_MODES and not image.has_transparency_data:
        return image.reduce(factor)
    return _reduce_in_bands(image, factor, levels)


def _reduce_in_bands(image: Image.Image, factor: int, levels: tuple[float, float]) -> Image.Image:
    width, height = image.size
    rows = factor * max(1, BAND_PIXELS // (width * factor))
    reduced: Image.Image | None = None
    for top in range(0, height, rows):
        band = _native(image.crop((0, top, width, min(height, top + rows))), levels).reduce(factor)
        if reduced is None:
            reduced = Image.new(band.mode, (band.width, math.ceil(height / factor)))
        reduced.paste(band, (0, top // factor))
    assert reduced is not None  # every picture has a first row  # noqa: S101
    return reduced


def to_srgb(native: Image.Image, profile: bytes | None) -> Image.Image:
    """From L, RGB or CMYK to sRGB, by the picture's own colour profile when it has a sound one."""
    if profile and len(profile) <= MAX_PROFILE:
        try:
            return _by_profile(native, profile)
        except Exception:  # noqa: S110 - a broken profile says nothing about the pixels
            pass
    return native if native.mode == "RGB" else native.convert("RGB")


def _by_profile(native: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    space = source.profile.xcolor_space.strip()
    if space == "RGB" and native.mode == "L":
        native = native.convert("RGB")
    if space != PROFILE_SPACES[native.mode]:
        return native.convert("RGB")
    if "sRGB" in (source.profile.profile_description or ""):
        return native.convert("RGB")
    converted = ImageCms.profileToProfile(
        native, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    return converted if converted is not None else native.convert("RGB")


def _levels(image: Image.Image) -> tuple[float, float]:
    """The values that mean black and white, for modes deeper than 8 bits.

    16-bit files use their full range. Integers of 32 bits and floats have no agreed white, so
    the picture's own extremes are stretched.
    """
    if image.mode not in ("I", "F"):
        return 0.0, 65535.0
    low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return 0.0, 255.0
    return low, high


def _native(image: Image.Image, levels: tuple[float, float]) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bits(image, levels)
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    if image.mode in NATIVE_MODES:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _on_white(image: Image.Image) -> Image.Image:
    flat = Image.new("RGB", image.size, WHITE)
    flat.paste(image, mask=image.getchannel("A"))
    return flat


def _eight_bits(image: Image.Image, levels: tuple[float, float]) -> Image.Image:
    low, high = levels
    values = np.asarray(image).astype(np.float32)
    scaled = np.nan_to_num((values - low) * (255.0 / (high - low)), nan=0.0)
    grey = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey)
