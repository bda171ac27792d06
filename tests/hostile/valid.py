"""Sound files of every accepted format, in every way we know to write one."""

from collections.abc import Iterator, Mapping
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageDraw

from tests.hostile import written

SIZE = (64, 48)


def file(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def drawn(size: tuple[int, int] = SIZE, turn: int = 0) -> Image.Image:
    """Coloured, with edges, different in every corner. turn: another one of the kind."""
    width, height = size
    corners = np.array(
        [[[200, 40, 40], [40, 160, 60]], [[40, 60, 190], [220, 200, 90]]], dtype=np.uint8
    )
    picture = Image.fromarray(np.roll(corners, turn, 1)).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width // 8, height // 6, width // 2, height // 2), fill=(240, 230, 40 * turn))
    draw.polygon(((width // 2, height), (width * 3 // 4, height // 3), size), fill=(20, 30, 110))
    for x in range(0, width, max(2, width // 12)):
        draw.line((x, height - height // 5, x, height), fill=(10 * turn, 120, 110), width=2)
    return picture


@cache
def valid_files() -> Mapping[str, bytes]:
    """By name, always in the same order."""
    made: dict[str, bytes] = {}
    for format_ in (_jpegs, _pngs, _webps, _gifs, _bmps, _tiffs, _avifs):
        for name, data in format_():
            made[f"{format_.__name__[1:-1]}-{name}"] = data
    return made


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int = 6, thumbnail: bytes = b"") -> bytes:
    """A block with a few directories, as cameras write it."""
    made = Image.Exif()
    made[ExifTags.Base.Make] = "A camera"
    made[ExifTags.Base.Orientation] = orientation
    made.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    made.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ISOSpeedRatings] = 200
    return made.tobytes() + thumbnail


def metadata() -> dict[str, bytes]:
    return {"exif": exif(), "icc_profile": srgb_profile(), "xmp": b"<x:xmpmeta/>"}


def frames() -> list[Image.Image]:
    return [drawn(turn=1), drawn().rotate(90)]


def _jpegs() -> Iterator[tuple[str, bytes]]:
    picture = drawn()
    cmyk = file(picture.convert("CMYK"), "JPEG")
    yield "baseline", file(picture, "JPEG")
    yield "444", file(picture, "JPEG", subsampling=0, quality=95)
    yield "grey", file(picture.convert("L"), "JPEG", optimize=True)
    yield "progressive", file(picture, "JPEG", progressive=True)
    yield "progressive-444", file(picture, "JPEG", progressive=True, subsampling=0)
    yield "progressive-grey", file(picture.convert("L"), "JPEG", progressive=True)
    yield "restarts", file(picture, "JPEG", restart_marker_blocks=2)
    yield "rgb", file(picture, "JPEG", keep_rgb=True)
    yield "cmyk", cmyk
    yield "progressive-cmyk", file(picture.convert("CMYK"), "JPEG", progressive=True)
    yield "ycck", written.ycck(picture)
    yield "metadata", file(picture, "JPEG", comment="seen", **metadata())
    yield "camera", file(picture, "JPEG", exif=exif(3, file(picture, "JPEG")))
    yield "mpo", file(picture, "MPO", save_all=True, append_images=frames())


def _pngs() -> Iterator[tuple[str, bytes]]:
    picture = drawn()
    rgba, grey = picture.copy(), np.asarray(picture.convert("L"))
    rgba.putalpha(Image.radial_gradient("L").resize(SIZE))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield mode, file(rgba.convert(mode), "PNG")
    yield "16-bit", file(Image.fromarray(grey.astype(np.uint16) * 257), "PNG")
    yield "16-bit-rgb", written.png16(np.asarray(picture))
    yield "16-bit-rgba", written.png16(np.asarray(rgba))
    yield "interlaced", written.interlaced_png(np.asarray(picture))
    yield "interlaced-rgba", written.interlaced_png(np.asarray(rgba))
    yield "one-see-through", file(picture.quantize(16), "PNG", transparency=3)
    yield "all-see-through", file(picture.quantize(8), "PNG", transparency=bytes(range(0, 240, 30)))
    yield "apng", file(picture, "PNG", save_all=True, append_images=frames(), duration=50)
    info = written.text_chunks()
    yield "metadata", file(picture, "PNG", pnginfo=info, exif=exif(), icc_profile=srgb_profile())


def _webps() -> Iterator[tuple[str, bytes]]:
    picture, rgba = drawn(), drawn()
    rgba.putalpha(Image.radial_gradient("L").resize(SIZE))
    yield "lossy", file(picture, "WEBP")
    yield "lossless", file(picture, "WEBP", lossless=True)
    yield "alpha", file(rgba, "WEBP")
    yield "lossless-alpha", file(rgba, "WEBP", lossless=True)
    yield "metadata", file(picture, "WEBP", **metadata())
    yield "animated", file(picture, "WEBP", save_all=True, append_images=frames())
    every = {"save_all": True, "append_images": frames(), "lossless": True}
    yield "animated-lossless", file(rgba, "WEBP", **every, **metadata())


def _gifs() -> Iterator[tuple[str, bytes]]:
    picture = drawn()
    yield "plain", file(picture, "GIF", interlace=0)
    yield "interlaced", file(picture, "GIF", interlace=1, comment="seen")
    yield "grey", file(picture.convert("L"), "GIF")
    yield "see-through", file(picture.quantize(16), "GIF", transparency=2)
    several = {"save_all": True, "append_images": frames(), "loop": 0, "disposal": 2}
    yield "animated", file(picture, "GIF", **several)


def _bmps() -> Iterator[tuple[str, bytes]]:
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield mode, file(drawn().convert(mode), "BMP")
    yield "rle8", written.rle_bmp(drawn().quantize(200), 8)
    yield "rle4", written.rle_bmp(drawn().quantize(16), 4)


def _tiffs() -> Iterator[tuple[str, bytes]]:
    picture = drawn()
    grey = np.asarray(picture.convert("L"))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"):
        yield mode, file(picture.convert(mode) if mode != "LAB" else _lab(picture), "TIFF")
    for codec in ("packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg"):
        yield codec, file(picture, "TIFF", compression=codec)
    for codec in ("group3", "group4", "tiff_ccitt"):
        yield codec, file(picture.convert("1"), "TIFF", compression=codec)
    yield "16-bit", file(Image.fromarray(grey.astype(np.uint16) * 257), "TIFF")
    yield "32-bit", file(Image.fromarray(grey.astype(np.int32) * 1000), "TIFF")
    yield "float", file(_float(picture), "TIFF")
    yield (
        "float-lzw",
        file(Image.fromarray(grey.astype(np.float32)), "TIFF", compression="tiff_lzw"),
    )
    yield "big", file(picture, "TIFF", big_tiff=True, compression="tiff_lzw")
    yield "turned", file(picture, "TIFF", compression="tiff_lzw", tiffinfo={274: 6})
    yield "camera", file(picture, "TIFF", exif=exif(8))
    yield "profile", file(picture, "TIFF", icc_profile=srgb_profile(), strip_size=900)
    yield "pages", file(picture, "TIFF", save_all=True, append_images=frames())
    for order in "<>":
        yield f"tiled{order}", written.tiff(np.asarray(picture), order, tile=16)
        yield f"strips{order}", written.tiff(np.asarray(picture), order, rows=7)
        yield f"planes{order}", written.tiff(np.asarray(picture), order, rows=20, planes=True)


def _avifs() -> Iterator[tuple[str, bytes]]:
    picture, rgba = drawn(), drawn()
    rgba.putalpha(Image.radial_gradient("L").resize(SIZE))
    yield "420", file(picture, "AVIF", speed=10)
    yield "444", file(picture, "AVIF", speed=10, subsampling="4:4:4", quality=90)
    yield "grey", file(picture.convert("L"), "AVIF", speed=10)
    yield "alpha", file(rgba, "AVIF", speed=10)
    yield "metadata", file(picture, "AVIF", speed=10, **metadata())
    yield "animated", file(picture, "AVIF", speed=10, save_all=True, append_images=frames())
    tiles = {"tile_rows": 1, "tile_cols": 1}
    yield "large", file(drawn((256, 160)), "AVIF", speed=10, **tiles)


def _float(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(picture.convert("L")).astype(np.float32) / 255)


def _lab(picture: Image.Image) -> Image.Image:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    made = ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB")
    assert made is not None
    return made
