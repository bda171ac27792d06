"""The pictures that are indexed: real photos where there are some, drawn fabrics elsewhere."""

import os
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageChops

from local.fabrics import draw_catalogue
from lookalike import images
from lookalike.errors import UnreadableImage

SHARED = Path(__file__).parents[3] / "shared/data"
REAL = ("photos", "grocery81")  # below SHARED, where it is there
GRAIN = 9  # grey levels of noise: what makes a 12-megapixel JPEG of a phone weigh 3 to 5 MB
QUALITY = 88
SIDEWAYS = 6  # the EXIF orientation of a phone held upright; every second photo has it


def small_ones(count: int, given: Path | None, folder: Path) -> list[Path]:
    """So many readable pictures, the same ones every time; `folder` is where they may be drawn."""
    found = _found([given] if given else [SHARED / name for name in REAL])
    if given is None and len(found) < count:
        draw_catalogue(folder, count, seed=7)
        found = _found([folder])
    random.Random(1).shuffle(found)
    readable: list[Path] = []
    for path in found:
        if len(readable) == count:
            break
        if _is_readable(path):
            readable.append(path)
    return readable


def photographs(
    count: int, size: tuple[int, int], ideas: Sequence[Path], folder: Path
) -> list[Path]:
    """JPEGs as a camera takes them: `ideas` enlarged, with a sensor's grain, half on their side."""
    folder.mkdir(parents=True)
    grain = Image.effect_noise(size, GRAIN)
    photos = []
    for number in range(count):
        path = folder / f"IMG_{number:04}.jpg"
        idea = Image.open(ideas[number % len(ideas)]).convert("RGB").resize(size)
        moved = ImageChops.offset(grain, 997 * number, 613 * number)
        photo = Image.merge("RGB", [ImageChops.add(band, moved, 1, -128) for band in idea.split()])
        exif = Image.Exif()
        exif[0x0112] = SIDEWAYS if number % 2 else 1
        photo.save(path, "JPEG", quality=QUALITY, exif=exif)
        photos.append(path)
    return photos


def gathered(files: Sequence[Path], folder: Path, copies: int = 1) -> Path:
    """One folder with these files in it, so many times over, without copying their bytes."""
    for copy in range(copies):
        part = folder / f"{copy:04}"
        part.mkdir(parents=True)
        for number, file in enumerate(files):
            _link(file, part / f"{number:05}{file.suffix.lower()}")
    return folder


def _found(folders: Sequence[Path]) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if images.looks_like_picture(path.relative_to(folder).as_posix()) and path.is_file()
    )


def _is_readable(path: Path) -> bool:
    try:
        images.decode(path.read_bytes())
    except UnreadableImage:
        return False
    return True


def _link(file: Path, to: Path) -> None:
    try:
        os.link(file.resolve(), to)
    except OSError:  # another disk
        to.symlink_to(file.resolve())
