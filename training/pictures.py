"""Picture files and what is known of them; the data for development, by name."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lookalike import images
from lookalike.errors import CallerError


class NoData(CallerError):
    """The data for development is not where it was said to be."""


@dataclass(frozen=True)
class Labelled:
    """A picture file and what is known of it.

    label: pictures of one label look alike; "" when nothing is known.
    group: whoever took it; two pictures of one group may be of one session. "" when unknown.
    """

    path: Path
    label: str = ""
    group: str = ""


class Skipped(NamedTuple):
    """A picture nobody could read, and why."""

    path: Path
    reason: str


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
        raise NoData(f"There is no {path}; say with --data where the pictures are.")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
