"""Which pictures look alike, as people said it: in folders, in a CSV file, in sidecars."""

import csv
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from lookalike import sidecars
from lookalike.catalogue import sidecar_of
from lookalike.errors import CallerError, InvalidRequest
from lookalike.images import looks_like_picture
from training.pictures import Labelled

WANTED = ("path", "label")
DELIMITERS = (",", ";", "\t")  # as spreadsheets write them; the header tells which


class UnusableLabels(CallerError):
    """The labels cannot be learned from as they are."""


def from_folders(folder: Path) -> list[Labelled]:
    """Every picture below, labelled with its folder's path: shoes/red/1.jpg is a "shoes/red".

    One directly in `folder` has no label. As in the catalogue, hidden files and links to folders
    are passed over. The order is that of the paths, the same on every machine.
    Raises UnusableLabels without a picture.
    """
    files = []
    for path in _pictures(folder):
        parent = path.parent.relative_to(folder).as_posix()
        files.append(Labelled(path, "" if parent == "." else parent))
    return files


def from_groups(folder: Path) -> tuple[list[Labelled], list[str]]:
    """Every picture below, labelled with the group (the product) its sidecar puts it in.

    Without a group it has no label. Second: what is wrong with each sidecar that cannot be read.
    Raises UnusableLabels without a picture.
    """
    files, problems = [], []
    for path in _pictures(folder):
        beside = Path(sidecar_of(str(path)))
        group = ""
        try:
            group = sidecars.parse(beside.read_bytes()).group if beside.is_file() else ""
        except (InvalidRequest, OSError) as error:
            problems.append(f"{beside.relative_to(folder).as_posix()}: {error}")
        files.append(Labelled(path, group))
    return files, problems


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UnusableLabels(f"There is no folder {folder}; say where the pictures are.")
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(place, name) for name in names if looks_like_picture(name))
        found.extend(path for path in paths if path.is_file())
    if not found:
        raise UnusableLabels(f"There is no picture in {folder}, nor in the folders in it.")
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def from_csv(
    file: Path, folder: Path | None = None, split: str | None = None
) -> tuple[list[Labelled], list[str]]:
    """The pictures a table names, and which of them are not there.

    Its columns: path, label (may be empty: nothing is known), and if there is one, group. Others
    are passed over. A path starts from `folder`, which is the table's own unless said; it may also
    be absolute or lead out of there: who writes the labels may name any picture of this machine.
    split: only the rows with this in the column split. Raises UnusableLabels.
    """
    rows = list(_rows(file))
    if split is not None:
        rows = _of_split(rows, split, file)
    root = file.parent if folder is None else folder
    files: dict[Path, Labelled] = {}
    for line, row in rows:
        one = Labelled(root / row["path"], row["label"].strip(), row.get("group", "").strip())
        if files.setdefault(one.path, one) != one:
            raise UnusableLabels(
                f"Line {line} of {file} says of {row['path']} something else than a line before"
                " it; a picture has one label and one group."
            )
    there = [one for one in files.values() if one.path.is_file()]
    missing = sorted(str(path) for path in files.keys() - {one.path for one in there})
    if not there:
        first = f": there is no {missing[0]}" if missing else ""
        raise UnusableLabels(f"{file} names no picture that exists{first}.")
    return there, missing


def splits(file: Path) -> set[str]:
    """What its column split says; nothing without one. Raises UnusableLabels."""
    return {row["split"] for _, row in _rows(file) if row.get("split")}


def _of_split(
    rows: Sequence[tuple[int, dict[str, str]]], split: str, file: Path
) -> list[tuple[int, dict[str, str]]]:
    chosen = [(line, row) for line, row in rows if row.get("split") == split]
    if not chosen:
        splits = sorted({row["split"] for _, row in rows if "split" in row})
        has = f"only {', '.join(splits)}" if splits else "no column split"
        raise UnusableLabels(f"{file} has no row of the split {split}; it has {has}.")
    return chosen


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number, and cells by column. Raises UnusableLabels, and says where."""
    line = 1
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:  # spreadsheets write a mark
            delimiter, columns = _header(text.readline(), file)
            table = csv.reader(text, delimiter=delimiter, strict=True)
            for cells in table:
                line = 1 + table.line_num
                if cells:
                    yield line, _row(cells, columns, f"Line {line} of {file}")
    except OSError as error:
        raise UnusableLabels(f"{file} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise UnusableLabels(f"{file} is not UTF-8 text; save it as such.") from error
    except csv.Error as error:
        raise UnusableLabels(f"{file} is no table after line {line}: {error}.") from error


def _header(line: str, file: Path) -> tuple[str, list[str]]:
    """The delimiter with which the columns we want are there, and all columns."""
    readings = {
        delimiter: [
            name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])
        ]
        for delimiter in DELIMITERS
    }
    for delimiter, columns in readings.items():
        if set(WANTED) <= set(columns):
            return delimiter, columns
    most = max(len(columns) for columns in readings.values())
    found = next(", ".join(c) for c in readings.values() if len(c) == most) or "none"
    raise UnusableLabels(
        f"{file} needs the columns path and label (and may have group and split), named in its"
        f" first line; found there: {found}."
    )


def _row(cells: list[str], columns: list[str], where: str) -> dict[str, str]:
    if len(cells) != len(columns):
        raise UnusableLabels(
            f"{where} has {len(cells)} cells for {len(columns)} columns; put quotes around a cell"
            " with a delimiter in it."
        )
    row = dict(zip(columns, cells, strict=True))
    if not row["path"].strip():
        raise UnusableLabels(f"{where} has no path.")
    return row


def checked(files: Sequence[Labelled], needs: int = 2) -> list[Labelled]:
    """The files, if something can be learned from their labels; ask again of the readable ones.

    needs: pictures that at least one label must have. Raises UnusableLabels.
    """
    if len(files) < 2:
        raise UnusableLabels("One picture looks like nothing else; training needs two at least.")
    counts = Counter(file.label for file in files if file.label)
    if not counts:
        raise UnusableLabels(
            "No picture has a label; put alike ones into a folder of their own, or train without"
            " labels."
        )
    label, most = counts.most_common(1)[0]
    if len(counts) == 1 and most == len(files):
        raise UnusableLabels(
            f"Labels teach only by contrast: all {most:,} pictures have the label {label}; add"
            " others, or train without labels."
        )
    if most < needs:
        raise UnusableLabels(
            f"No label has {needs} pictures, so nothing says what looks alike; the most common,"
            f" {label}, has {most}. Add pictures, or train without labels."
        )
    return list(files)
