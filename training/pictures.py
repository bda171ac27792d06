"""The pictures to learn from, all in memory as one array of square uint8 pixels."""

import csv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike import images
from lookalike.cards import Preprocessing
from lookalike.errors import UnreadableImage


@dataclass(frozen=True)
class Labelled:
    """A picture file and what is known of it.

    label: pictures of one label look alike; "" when nothing is known.
    group: whoever took it; two pictures of one group may be of one session. "" when unknown.
    """

    path: Path
    label: str = ""
    group: str = ""


@dataclass(frozen=True)
class Pictures:
    """pixels: (n, side, side, 3) uint8. identities: (n,) int64; equal means "these look alike"."""

    pixels: NDArray[np.uint8]
    identities: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pixels)


def grocery(data: Path, split: str) -> list[Labelled]:
    """grocery81: split is train, val, test or iconic."""
    folder = data / "grocery81"
    return [
        Labelled(folder / row["path"], row["class"])
        for row in _rows(folder / "labels.csv")
        if row["split"] == split
    ]


def grocery_classes(data: Path) -> list[str]:
    """The 81 classes in the order of their ids; the class-disjoint protocol cuts this list."""
    rows = _rows(data / "grocery81" / "labels.csv")
    return sorted({row["class"] for row in rows}, key=lambda c: _class_id(rows, c))


def _class_id(rows: Sequence[dict[str, str]], name: str) -> int:
    return next(int(row["class_id"]) for row in rows if row["class"] == name)


def clothing(data: Path) -> list[Labelled]:
    folder = data / "clothing17"
    return [
        Labelled(folder / row["path"], row["class"], row["sender_id"])
        for row in _rows(folder / "labels.csv")
    ]


def photos(folder: Path) -> list[Labelled]:
    """Every picture below the folder, about which nothing is known."""
    return [
        Labelled(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and images.looks_like_picture(path.relative_to(folder).as_posix())
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise SystemExit(f"There is no {path}; say with --data where the pictures are.")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def load(files: Sequence[Labelled], side: int, first_identity: int = 0) -> Pictures:
    """Read the files; the unreadable are skipped, counted and named on the way.

    A label is one identity; a picture without a label is an identity of its own.
    """
    with ThreadPoolExecutor() as threads:
        pixels = list(threads.map(lambda file: read(file.path, side), files))
    read_ones = [
        (file, square) for file, square in zip(files, pixels, strict=True) if square is not None
    ]
    if len(read_ones) < len(files):
        print(f"{len(files) - len(read_ones)} of {len(files)} pictures could not be read")
    if not read_ones:
        return Pictures(np.zeros((0, side, side, 3), np.uint8), np.zeros(0, np.int64))
    names = [file.label or f"\0{position}" for position, (file, _) in enumerate(read_ones)]
    number = {name: first_identity + i for i, name in enumerate(dict.fromkeys(names))}
    return Pictures(
        np.stack([square for _, square in read_ones]),
        np.array([number[name] for name in names], np.int64),
    )


def read(path: Path, side: int) -> NDArray[np.uint8] | None:
    """The picture as the encoder would be given it, or None if it cannot be read."""
    try:
        picture = images.decode(path.read_bytes(), at_least=side)
    except (UnreadableImage, OSError) as error:
        print(f"skipped {path.name}: {error}")
        return None
    return images.fit(picture.pixels, Preprocessing(size=side, fit="squash"))


def joined(parts: Sequence[Pictures]) -> Pictures:
    return Pictures(
        np.concatenate([part.pixels for part in parts]),
        np.concatenate([part.identities for part in parts]),
    )
