"""Who looks for what: the named protocols, and one for anybody's own pictures."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import CallerError
from training import labels, metrics, pictures
from training.metrics import NOWHERE, Relevance
from training.pictures import Labelled

UNSEEN_FROM = 41  # classes 41–80 are unseen only by a model whose labels were those of 0–40


class NothingToMeasure(CallerError):
    """These pictures and labels hold no question that has an answer."""


@dataclass(frozen=True)
class Protocol:
    """Queries that look for pictures of their own label in a gallery, never for themselves.

    No file is twice among the queries, nor in the gallery.
    others_only: never find a picture of the query's own group ("" is no group) either.
    Left out and counted: unanswerable queries, for which nothing in the gallery could be right;
    pictures that are copies, byte for byte, of another; pictures that are unlabelled.
    """

    name: str
    queries: list[Labelled]
    gallery: list[Labelled]
    others_only: bool = False
    unanswerable: int = 0
    copies: int = 0
    unlabelled: int = 0


class Relation:
    """Which pictures of the gallery a query may find, and which of them are right.

    Works on blocks of queries: (queries, gallery) is never held whole.
    total: (queries,) how many right ones there are for each.
    """

    def __init__(self, protocol: Protocol) -> None:
        asking, asked = protocol.queries, protocol.gallery
        self._wanted, self._labels = metrics.labels_to_numbers(
            [f.label for f in asking], [f.label for f in asked]
        )
        row_of = {file.path: row for row, file in enumerate(asked)}
        self._himself = np.array([row_of.get(file.path, NOWHERE) for file in asking], np.int64)
        groups = [
            [f.group if protocol.others_only else "" for f in side] for side in (asking, asked)
        ]
        self._owners, self._groups = (
            column.astype(np.int32) for column in metrics.labels_to_numbers(*groups)
        )
        self._grouped = np.array([bool(group) for group in groups[0]])
        self.total = self._totals(protocol)

    def allowed(self, block: slice) -> NDArray[np.bool_]:
        """(queries of the block, gallery)"""
        allowed = np.ones((len(self._himself[block]), len(self._groups)), bool)
        if self._grouped[block].any():
            family = self._owners[block, None] == self._groups[None, :]
            allowed = ~(family & self._grouped[block, None])
        himself = self._himself[block]
        there = np.flatnonzero(himself != NOWHERE)
        allowed[there, himself[there]] = False
        return allowed

    def relevant(self, found: NDArray[np.int64]) -> Relevance:
        """found: (queries, k) gallery rows, -1 for none, which is never right."""
        right = self._labels[np.maximum(found, 0)] == self._wanted[:, None]
        return np.asarray(right & (found >= 0))

    def _totals(self, protocol: Protocol) -> NDArray[np.int64]:
        """All of the label, less those of the own group, or else less the query itself."""
        every = Counter(file.label for file in protocol.gallery)
        himself = Counter((file.label, file.path) for file in protocol.gallery)
        family = Counter((file.label, file.group) for file in protocol.gallery)

        def forbidden(file: Labelled) -> int:
            if protocol.others_only and file.group:
                return family[file.label, file.group]
            return himself[file.label, file.path]

        return np.array([every[f.label] - forbidden(f) for f in protocol.queries], np.int64)


def of_the_data(data: Path, split: str) -> list[Protocol]:
    """The protocols of the data for development.

    split: val while something is still being chosen, test once nothing is. Those of classes 0–40
    and 41–80 search among their own classes alone; they stand side by side, because a model that
    memorises the classes it was trained on gains on the first and loses on the second.
    """
    for source in ("grocery81", "clothing17"):
        if not (file := data / source / "labels.csv").is_file():
            raise NothingToMeasure(f"There is no {file}; say with --data where the pictures are.")
    queries, train = pictures.grocery(data, split), pictures.grocery(data, "train")
    iconic, clothes = pictures.grocery(data, "iconic"), pictures.clothing(data)
    classes = pictures.grocery_classes(data)
    seen, unseen = set(classes[:UNSEEN_FROM]), set(classes[UNSEEN_FROM:])
    name = f"grocery {split}→train"
    every = [
        Protocol(name, queries, train),
        Protocol(f"grocery {split}→iconic", queries, iconic),
        Protocol(f"{name}, 0–40", _of(queries, seen), _of(train, seen)),
        Protocol(f"{name}, 41–80", _of(queries, unseen), _of(train, unseen)),
        Protocol("clothing, other contributors", clothes, clothes, others_only=True),
    ]
    return [protocol for protocol in every if protocol.queries and protocol.gallery]


def of_folders(folder: Path) -> Protocol:
    """Anybody's pictures, one folder per label: each looks for the others."""
    return leave_one_out(folder.resolve().name, labels.from_folders(folder))


def of_csv(file: Path, split: str) -> tuple[Protocol, list[str]]:
    """Anybody's pictures, as a CSV names them, and the paths it names in vain.

    With a column `split`, its pictures of that split look among those of train; without, each
    looks for all the others. With a column `group`, nobody finds a picture of the own group.
    """
    if "split" not in _columns(file):
        files, missing = labels.from_csv(file)
        return leave_one_out(file.name, files), missing
    queries, absent = labels.from_csv(file, split=split)
    gallery, missing = labels.from_csv(file, split="train")
    return across(file.name, split, queries, gallery), [*absent, *missing]


def leave_one_out(name: str, files: list[Labelled]) -> Protocol:
    return _own(f"{name}, leave one out", files, files)


def across(name: str, split: str, queries: list[Labelled], gallery: list[Labelled]) -> Protocol:
    """The pictures of one split look among those of train."""
    return _own(f"{name}, {split}→train", queries, gallery)


def readable(protocol: Protocol, digests: Mapping[Path, bytes]) -> Protocol:
    """Without pictures that have no digest (nobody could read them) and without copies.

    A copy is byte for byte the same as a picture of the gallery, or as an earlier one: to find it
    proves nothing.
    """
    both = [file for file in [*protocol.gallery, *protocol.queries] if file.path in digests]
    first: dict[bytes, Path] = {}
    for file in both:
        first.setdefault(digests[file.path], file.path)
    originals = set(first.values())

    def kept(files: list[Labelled]) -> list[Labelled]:
        return [file for file in files if file.path in originals]

    copies = len({file.path for file in both}) - len(originals)
    return replace(
        protocol, queries=kept(protocol.queries), gallery=kept(protocol.gallery), copies=copies
    )


def answerable(protocol: Protocol) -> Protocol:
    """Without the queries that nothing in the gallery could answer: they measure nothing."""
    total = Relation(protocol).total
    queries = [file for file, count in zip(protocol.queries, total, strict=True) if count]
    if not queries:
        raise NothingToMeasure(
            f"{protocol.name}: no picture has another of its label to find; every label needs at "
            "least two pictures, of two groups if there are groups."
        )
    return replace(
        protocol,
        queries=queries,
        unanswerable=protocol.unanswerable + len(total) - len(queries),
    )


def thinned(protocol: Protocol, limit: int) -> Protocol:
    """At most about `limit` of the queries and of the gallery each, spread over all; 0 is all."""
    if not limit:
        return protocol

    def some(files: list[Labelled]) -> list[Labelled]:
        return files[:: max(1, len(files) // limit)]

    return replace(protocol, queries=some(protocol.queries), gallery=some(protocol.gallery))


def _own(name: str, queries: list[Labelled], gallery: list[Labelled]) -> Protocol:
    """Somebody's own pictures; groups are respected if there are any."""
    files = list({file.path: file for file in [*queries, *gallery]}.values())
    labelled = [file for file in files if file.label]
    if len(labelled) < 2:
        raise NothingToMeasure(
            f"{name}: {len(labelled)} of {len(files)} pictures have a label; give at least two of "
            "each label, one folder per label."
        )
    if len({file.label for file in labelled}) < 2:
        raise NothingToMeasure(
            f"{name}: every picture has the same label, so that every answer would be right; give "
            "at least two labels."
        )
    grouped = any(file.group for file in labelled)
    return Protocol(
        f"{name}, other groups" if grouped else name,
        [file for file in queries if file.label],
        [file for file in gallery if file.label],
        others_only=grouped,
        unlabelled=len(files) - len(labelled),
    )


def _columns(file: Path) -> list[str]:
    """Of the header; none if it cannot be read, of which `labels` says more."""
    try:
        with file.open(encoding="utf-8-sig") as lines:
            return [name.strip(' "\r\n').lower() for name in re.split("[,;\t]", lines.readline())]
    except (OSError, UnicodeDecodeError):
        return []


def _of(files: list[Labelled], wanted: set[str]) -> list[Labelled]:
    return [file for file in files if file.label in wanted]
