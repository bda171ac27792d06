"""Decoding to upright sRGB, and what is made of it: crops, encoder input, thumbnails."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from lookalike.cards import Fit, Preprocessing
from lookalike.errors import InvalidRequest
from lookalike.images import (
    THUMBNAIL_SIDE,
    CropBox,
    Picture,
    crop,
    decode,
    fit,
    looks_like_picture,
    thumbnail,
)


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """Smooth, coloured, and different in every corner, so that a wrong turn shows."""
    corners = np.array(
        [[[200, 40, 40], [40, 160, 60]], [[40, 60, 190], [220, 200, 90]]], dtype=np.uint8
    )
    return Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC)


def file(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def difference(picture: Picture, expected: Image.Image) -> float:
    """Mean absolute difference in levels of 255."""
    assert picture.pixels.mode == "RGB"
    assert picture.pixels.size == expected.size
    ours, theirs = (np.asarray(p, dtype=float) for p in (picture.pixels, expected.convert("RGB")))
    return float(abs(ours - theirs).mean())


LOSSLESS = [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})]
LOSSY = [("JPEG", {"quality": 95}), ("WEBP", {"quality": 95}), ("AVIF", {"quality": 95})]


@pytest.mark.parametrize(("kind", "options"), LOSSLESS)
def test_lossless_formats_keep_every_pixel(kind: str, options: dict[str, Any]) -> None:
    decoded = decode(file(scene(), kind, **options))

    assert difference(decoded, scene()) == 0
    assert (decoded.width, decoded.height, decoded.format) == (96, 64, kind)


@pytest.mark.parametrize(("kind", "options"), LOSSY)
def test_lossy_formats_come_close(kind: str, options: dict[str, Any]) -> None:
    assert difference(decode(file(scene(), kind, **options)), scene()) < 3


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "GIF", "WEBP", "BMP"])
def test_every_colour_mode_becomes_rgb(mode: str, kind: str) -> None:
    picture = scene().convert(mode)
    try:
        data = file(picture, kind, **({"lossless": True} if kind == "WEBP" else {}))
    except (OSError, ValueError):
        pytest.skip(f"{kind} cannot hold {mode}")

    # A GIF has 256 colours, and its transparency is a colour of them.
    assert difference(decode(data), picture) < (9 if kind == "GIF" else 4)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_use_their_full_range(kind: str) -> None:
    grey = np.asarray(scene().convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)

    assert difference(decode(file(deep, kind)), Image.fromarray(grey)) < 1


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_deeper_modes_are_stretched_between_their_extremes(dtype: type) -> None:
    grey = np.linspace(0, 255, 96 * 64).reshape(64, 96)
    deep = Image.fromarray((grey * 1000 - 7000).astype(dtype))

    assert difference(decode(file(deep, "TIFF")), Image.fromarray(grey.astype(np.uint8))) < 1


def test_floats_that_are_no_numbers_do_no_harm() -> None:
    values = np.full((8, 8), np.nan, dtype=np.float32)
    values[0, 0], values[1, 1] = np.inf, 3.0

    assert decode(file(Image.fromarray(values), "TIFF")).pixels.mode == "RGB"


def test_lab_becomes_srgb() -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    picture = ImageCms.profileToProfile(scene(), srgb, lab, outputMode="LAB")
    assert picture is not None

    assert difference(decode(file(picture, "TIFF")), scene()) < 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_transparency_shows_white(kind: str) -> None:
    picture = Image.new("RGBA", (40, 40), (200, 0, 0, 0))
    picture.paste((0, 0, 200, 255), (0, 0, 20, 40))

    pixels = decode(file(picture, kind)).pixels

    assert np.allclose(pixels.getpixel((35, 20)), (255, 255, 255), atol=4)
    assert np.allclose(pixels.getpixel((5, 20)), (0, 0, 200), atol=8)


@pytest.mark.parametrize(
    ("picture", "transparent"),
    [
        (Image.new("L", (9, 9), 7), 7),
        (Image.new("RGB", (9, 9), (1, 2, 3)), (1, 2, 3)),
        (scene(9, 9).quantize(2).point([1] * 256), 1),
        (scene(9, 9).quantize(2).point([1] * 256), bytes([255, 0])),
        (Image.fromarray(np.full((9, 9), 700, dtype=np.uint16)), 700),
    ],
    ids=["grey", "rgb", "palette", "palette-bytes", "16-bit"],
)
def test_a_transparent_colour_shows_white(picture: Image.Image, transparent: Any) -> None:
    pixels = decode(file(picture, "PNG", transparency=transparent)).pixels

    assert pixels.getpixel((4, 4)) == (255, 255, 255)


TURNED_BY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(96, 64), (1500, 1100)], ids=["small", "reduced"])
def test_every_orientation_comes_out_upright(
    kind: str, orientation: int, size: tuple[int, int]
) -> None:
    if kind == "AVIF" and size[0] > 96:
        pytest.skip("slow to write, and no other path")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    upright = scene(*size)
    stored = upright.transpose(TURNED_BY[orientation]) if orientation > 1 else upright

    decoded = decode(file(stored, kind, exif=exif), at_least=256)

    assert (decoded.width, decoded.height) == size
    assert difference(decoded, upright.resize(decoded.pixels.size)) < 3


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" * 9])
def test_broken_exif_counts_as_upright(exif: bytes) -> None:
    assert difference(decode(file(scene(), "PNG", exif=exif)), scene()) == 0


def test_a_wide_gamut_profile_is_applied() -> None:
    """The profile's three colours are those of sRGB turned round, so a mix-up cannot pass."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    renamed = swapped.replace("sRGB".encode("utf-16-be"), "odd.".encode("utf-16-be"))
    picture = Image.new("RGB", (20, 20), (255, 0, 0))

    pixels = decode(file(picture, "PNG", icc_profile=renamed)).pixels

    assert np.allclose(pixels.getpixel((9, 9)), (0, 255, 0), atol=2)


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 128, b"acsp" * 40])
def test_a_broken_profile_is_ignored(profile: bytes) -> None:
    assert difference(decode(file(scene(), "PNG", icc_profile=profile)), scene()) == 0


def test_a_profile_of_another_colour_space_is_ignored() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()

    assert difference(decode(file(scene(), "PNG", icc_profile=lab)), scene()) == 0


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_only_the_first_frame_counts(kind: str) -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "lime", "blue")]

    decoded = decode(file(frames[0], kind, save_all=True, append_images=frames[1:]))

    assert np.allclose(decoded.pixels.getpixel((30, 20)), (255, 0, 0), atol=4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP"])
@pytest.mark.parametrize("size", [(1, 1), (16_000, 1), (1, 16_000), (3, 2)])
def test_extreme_shapes_work_everywhere(kind: str, size: tuple[int, int]) -> None:
    decoded = decode(file(Image.new("RGB", size, "teal"), kind))

    assert (decoded.width, decoded.height) == size
    assert fit(decoded.pixels, Preprocessing(size=64)).shape == (64, 64, 3)
    assert max(Image.open(BytesIO(thumbnail(decoded.pixels))).size) <= THUMBNAIL_SIDE
    assert crop(decoded.pixels, CropBox(0.9, 0.9, 0.1, 0.1)).width >= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [(2999, 2001), (1000, 700), (513, 400), (511, 300), (4000, 500)])
@pytest.mark.parametrize("at_least", [100, 512, 900])
def test_it_shrinks_large_pictures_but_not_below_what_is_asked(
    kind: str, size: tuple[int, int], at_least: int
) -> None:
    decoded = decode(file(scene(*size), kind), at_least)

    assert max(decoded.pixels.size) >= min(max(size), at_least)
    assert max(decoded.pixels.size) < max(4 * at_least, 8 * size[0] // size[1] * at_least)
    assert (decoded.width, decoded.height) == size


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "1", "I;16", "CMYK"])
def test_shrinking_agrees_with_shrinking_the_whole(mode: str) -> None:
    """Pictures of every mode go through bands; no seam and no shift may show."""
    large = scene(1500, 1100)
    if mode == "I;16":
        stored = Image.fromarray(np.asarray(large.convert("L")).astype(np.uint16) * 257)
        large = large.convert("L")
    else:
        stored = large = large.convert(mode)

    decoded = decode(file(stored, "TIFF" if mode == "CMYK" else "PNG"), at_least=128)

    assert decoded.pixels.width < 600
    expected = large.convert("RGB").resize(decoded.pixels.size, Image.Resampling.BOX)
    assert difference(decoded, expected) < 3


@pytest.mark.parametrize("how", ["squash", "crop", "pad"])
def test_encoder_input_hardly_depends_on_the_reduction(how: Fit) -> None:
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 8, (1536, 2048, 3))
    picture = Image.fromarray((np.asarray(scene(2048, 1536)) + grain).clip(0, 255).astype(np.uint8))
    data = file(picture, "JPEG", quality=90)
    preprocessing = Preprocessing(size=160, fit=how)

    reduced = fit(decode(data).pixels, preprocessing).astype(float)
    whole = fit(Image.open(BytesIO(data)).convert("RGB"), preprocessing).astype(float)

    assert abs(reduced - whole).mean() < 0.5


def test_squash_keeps_everything_crop_the_middle_and_pad_adds_grey() -> None:
    picture = Image.new("RGB", (300, 100), "red")
    picture.paste("blue", (100, 0, 200, 100))
    squash, cropped, padded = (
        fit(picture, Preprocessing(size=60, fit=how)) for how in ("squash", "crop", "pad")
    )

    assert tuple(squash[30, 5]) == (255, 0, 0)
    assert tuple(cropped[30, 5]) == (0, 0, 255)
    assert tuple(padded[2, 30]) == (128, 128, 128)
    assert tuple(padded[30, 5]) == (255, 0, 0)


def test_a_crop_is_the_part_in_the_box() -> None:
    part = crop(scene(200, 100), CropBox(0.5, 0.2, 0.25, 0.4))

    assert part.size == (50, 40)
    assert part.getpixel((0, 0)) == scene(200, 100).getpixel((100, 20))


def test_a_crop_has_at_least_one_pixel() -> None:
    assert crop(scene(10, 10), CropBox(1.0, 0.999, 1e-9, 0.001)).size == (1, 1)
    assert crop(scene(10, 10), CropBox(0, 0, 1, 1)).size == (10, 10)


def test_a_browsers_rounding_is_forgiven() -> None:
    assert crop(scene(100, 50), CropBox(0.1, 0, 0.9000000001, 1)).size == (90, 50)


@pytest.mark.parametrize(
    ("box", "pointer"),
    [
        ((-0.1, 0, 0.5, 0.5), "/crop/x"),
        ((0, 1.1, 0.5, 0.5), "/crop/y"),
        ((0, 0, 0, 0.5), "/crop/w"),
        ((0, 0, 0.5, -1), "/crop/h"),
        ((0.6, 0, 0.5, 0.5), "/crop/w"),
        ((0, 0.6, 0.5, 0.5), "/crop/h"),
        ((float("nan"), 0, 0.5, 0.5), "/crop/x"),
        ((0, 0, float("inf"), 0.5), "/crop/w"),
        (("0", 0, 1, 1), "/crop/x"),
        ((0, True, 1, 1), "/crop/y"),
        ((0, 0, None, 1), "/crop/w"),
    ],
)
def test_a_box_outside_the_picture_is_refused_by_name(box: Any, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        CropBox(*box)

    assert [field.pointer for field in refusal.value.fields] == [pointer]


def test_a_thumbnail_carries_no_metadata() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "SECRETCAM"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = file(
        scene(900, 700),
        "JPEG",
        exif=exif,
        icc_profile=profile,
        xmp=b"<x>SECRETXMP</x>",
        comment="S",
    )

    decoded = decode(data)
    small = thumbnail(decoded.pixels)

    assert decoded.pixels.info == {}
    assert not any(word in small for word in (b"EXIF", b"ICCP", b"XMP ", b"SECRET"))
    shown = Image.open(BytesIO(small))
    assert shown.size == (512, 398)
    assert not shown.getexif()


def test_even_a_picture_with_metadata_of_its_own_loses_it_in_the_thumbnail() -> None:
    picture = scene()
    picture.info["exif"] = b"Exif\0\0SECRET"
    picture.info["icc_profile"] = b"SECRET"

    assert b"SECRET" not in thumbnail(picture)


def test_two_threads_decode_the_same_as_one() -> None:
    files = [file(scene(700 + n, 500), kind) for n in range(6) for kind in ("JPEG", "PNG", "TIFF")]
    alone = [decode(data).pixels.tobytes() for data in files]

    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda data: decode(data).pixels.tobytes(), files * 3))

    assert together == alone * 3


@pytest.mark.parametrize(
    "key",
    ["a.jpg", "A.JPG", "x/y z/ä+😀.Jpeg", "b.heic", "c.svg", "a.b.png", "d.tiff", "..a/b.gif"],
)
def test_a_picture_is_known_by_its_suffix(key: str) -> None:
    assert looks_like_picture(key) is not key.startswith(".")


@pytest.mark.parametrize(
    "key",
    ["a.txt", "jpg", ".jpg", "a.jpg.metadata.json", "x/.hidden/a.jpg", "x/.a.jpg", "a.jpg/", ""],
)
def test_other_names_and_hidden_files_are_not_pictures(key: str) -> None:
    assert not looks_like_picture(key)
