"""Bytes from strangers: each has one fate, a picture or UnreadableImage with a closed reason.

Mutants and bombs by the hundred, and what they cost: tests/hostile/.
"""

import csv
import struct
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lookalike import images, limits
from lookalike.errors import RejectReason, UnreadableImage
from lookalike.images import ACCEPTED_FORMATS, MAX_BYTES, MAX_PIXELS, decode
from tests.hostile import written
from tests.hostile.valid import drawn, file, valid_files

ROBUSTNESS = Path(__file__).parents[2] / ".." / "shared" / "data" / "robustness"


def fate(data: bytes) -> str:
    """The reason, or "" for a picture. Any other exception fails the test."""
    try:
        picture = decode(data)
    except UnreadableImage as error:
        refusal = error
    else:
        assert picture.pixels.mode == "RGB"
        assert picture.pixels.info == {}
        return ""
    assert refusal.reason in get_args(RejectReason)
    assert len(refusal.detail) <= 200
    return refusal.reason


SCENE = drawn((48, 40))
ONE_OF_EACH = ("jpeg-baseline", "jpeg-progressive-444", "jpeg-cmyk", "jpeg-mpo", "png-RGB")
ONE_OF_EACH += ("png-one-see-through", "png-apng", "webp-lossy", "webp-lossless-alpha")
ONE_OF_EACH += ("gif-animated", "bmp-RGB", "tiff-RGB", "tiff-tiff_lzw", "avif-420")
VALID = {name: valid_files()[name] for name in ONE_OF_EACH}


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=300))
def test_any_bytes_have_a_fate(data: bytes) -> None:
    assert fate(data) in ("empty", "unsupported_format", "corrupt")


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_truncated_file_is_corrupt(name: str, share: float) -> None:
    data = VALID[name]
    # The first picture of several may be whole before the cut.
    several = name in ("jpeg-mpo", "png-apng", "gif-animated")

    assert fate(data[: int(len(data) * share)]) in ({"corrupt", ""} if several else {"corrupt"})


def test_no_bytes_are_empty() -> None:
    assert fate(b"") == "empty"


def test_too_many_bytes_are_not_even_looked_at() -> None:
    assert fate(b"\xff\xd8\xff" + bytes(MAX_BYTES)) == "too_many_bytes"


@pytest.mark.parametrize(
    "data",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200),
        b"BMW is a make of car, and this is a text",
        b"%PDF-1.7\n" + bytes(100),
        file(SCENE, "PPM"),
        file(SCENE, "ICO"),
        b"\0" * 64,
    ],
    ids=["svg", "heic", "text", "pdf", "ppm", "ico", "zeros"],
)
def test_other_formats_are_unsupported(data: bytes) -> None:
    assert fate(data) == "unsupported_format"


@pytest.mark.parametrize("head", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"II*\0"])
def test_a_header_with_nothing_behind_it_is_corrupt(head: bytes) -> None:
    assert fate(head) == "corrupt"


def png(width: int, height: int, rows: int = 1) -> bytes:
    """A PNG whose header promises width × height and that holds few rows of zeros."""
    return written.png((width, height), bytes(rows * (1 + 3 * width)))


@pytest.mark.parametrize(
    ("width", "height"),
    [(7_100, 7_100), (9_000, 9_000), (12_000, 12_000), (65_000, 65_000), (2**31 - 1, 1)],
)
def test_a_bomb_is_refused_by_its_header(width: int, height: int) -> None:
    """Sizes around Pillow's own warning and its own limit: ours comes first at each."""
    assert fate(png(width, height, rows=0)) == "too_many_pixels"


def test_a_ribbon_longer_than_any_camera_makes_is_refused() -> None:
    assert fate(png(70_000, 10)) == "too_many_pixels"


def test_a_large_picture_within_the_limit_is_read() -> None:
    large = Image.new("L", (7_000, 7_000), 90)

    decoded = decode(file(large, "PNG"))

    assert large.width * large.height < MAX_PIXELS
    assert (decoded.width, decoded.height) == (7_000, 7_000)
    assert max(decoded.pixels.size) < 2_000


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("WEBP", {"method": 0}),
        ("TIFF", {"compression": "tiff_lzw", "tiffinfo": {274: 6}}),
        ("JPEG", {"progressive": True, "subsampling": 0}),
    ],
    ids=["webp", "turned-tiff", "progressive"],
)
def test_what_needs_too_much_memory_is_refused_with_the_figure(
    monkeypatch: pytest.MonkeyPatch, kind: str, options: dict[str, Any]
) -> None:
    """The real limit, scaled down: files that reach it take seconds to write."""
    data = file(SCENE.resize((1000, 1000)), kind, **options)
    monkeypatch.setattr(limits, "DECODING_BYTES", limits.DECODING_BYTES // 50)

    with pytest.raises(UnreadableImage, match="1000 × 1000 needs") as refusal:
        decode(data)

    assert refusal.value.reason == "too_many_pixels"


def test_a_baseline_jpeg_of_any_size_within_the_limit_needs_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "DECODING_BYTES", limits.DECODING_BYTES // 50)

    for options in ({}, {"subsampling": 0}, {"exif": b"Exif\0\0" + bytes(90)}):
        assert fate(file(SCENE.resize((3000, 2000)), "JPEG", **options)) == ""


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    progressive = VALID["jpeg-progressive-444"]
    start = progressive.index(b"\xff\xda")
    scan = progressive[start : progressive.index(b"\xff\xc4", start)]

    assert fate(progressive[:start] + scan * 200 + progressive[start:]) == "corrupt"


@pytest.mark.parametrize(
    "error",
    [
        SyntaxError("not a PNG file"),
        NotImplementedError(),
        struct.error("unpack requires 4 bytes"),
        ZeroDivisionError(),
        MemoryError(),
        RecursionError(),
        OSError("broken data stream"),
        EOFError(),
        KeyError("x" * 500),
        OverflowError(),
        AssertionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_decoder_raises_becomes_corrupt(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(image: Image.Image, factor: int) -> Image.Image:
        raise error

    monkeypatch.setattr(images, "reduce_to_native", broken)

    assert fate(VALID["png-RGB"]) == "corrupt"


def test_no_warning_escapes_and_the_filters_stay_as_they_were() -> None:
    malformed = file(SCENE, "MPO", save_all=True, append_images=[SCENE])
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fate(malformed.replace(b"MPF\0II", b"MPF\0XX"))
        fate(VALID["png-apng"].replace(b"acTL", b"acTL", 1))
        fate(png(10_000, 10_000))

    assert caught == []
    assert list(warnings.filters) == before


def real_files() -> list[Any]:
    if not ROBUSTNESS.is_dir():
        return []
    with (ROBUSTNESS / "manifest.csv").open(newline="") as manifest:
        return [pytest.param(row, id=row["path"]) for row in csv.DictReader(manifest)]


@pytest.mark.skipif(not ROBUSTNESS.is_dir(), reason="no ../shared/data/robustness")
@pytest.mark.parametrize("row", real_files())
def test_odd_real_files_have_the_fate_they_deserve(row: dict[str, str]) -> None:
    """What Pillow decodes in an accepted format is a picture; nothing else is."""
    sound = row["pillow13_outcome"] == "ok" and row["format"] in ACCEPTED_FORMATS

    reason = fate((ROBUSTNESS / row["path"]).read_bytes())

    assert (reason == "") == sound


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units elsewhere")
@pytest.mark.parametrize(
    ("kind", "mode", "side", "options"),
    [
        ("JPEG", "RGB", 6_000, {"progressive": True, "subsampling": 0}),
        ("PNG", "P", 7_000, {"compress_level": 1, "transparency": 0}),
        ("WEBP", "RGBA", 3_800, {"method": 0, "lossless": True, "quality": 0}),
    ],
)
def test_an_accepted_picture_adds_at_most_300_mb(
    tmp_path: Path, kind: str, mode: str, side: int, options: dict[str, Any]
) -> None:
    gradient = Image.radial_gradient("L").convert(mode).resize((side, side))
    gradient.save(tmp_path / "picture", kind, **options)
    script = (
        "import resource, sys\n"
        "from lookalike.images import decode\n"
        "used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "data = open(sys.argv[1], 'rb').read(); before = used(); decode(data)\n"
        "print((used() - before) * 1024)"
    )

    command = [sys.executable, "-c", script, str(tmp_path / "picture")]
    added = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    assert added < 300e6
