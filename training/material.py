"""What a run learns from: the pictures, who looks like whom, and what is held out."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lookalike.errors import CallerError
from lookalike.folder import UNDECODABLE
from training import labels, pool
from training.distributed import tell
from training.options import Options, given
from training.pairs import ClickedPair, Clicks, Labels, Mixed, PairSource
from training.pictures import Labelled
from training.pool import Pool

SPARE = 1.1  # pictures are kept this much larger than the views: a crop is an enlargement


class NothingToLearn(CallerError):
    """No pictures, labels or clicks were given, or none that can teach."""


@dataclass(frozen=True)
class Material:
    """held_out: labelled pictures that are not in the pool, to measure on."""

    pool: Pool
    source: PairSource
    held_out: Pool | None = None

    @property
    def labelled(self) -> list[Labelled]:
        return [file for file in self.pool.files if file.label]


def gathered(options: Options, side: int, cache: Path) -> Material:
    """side: pixels of the largest view. Raises NothingToLearn, UnusableLabels or NoPictures."""
    if not any(map(given, (options.pictures, options.labels, options.clicks))):
        raise NothingToLearn(
            "There is nothing to learn from; give --pictures FOLDER, --labels FOLDER or FILE.csv, "
            "or --clicks FILE, or several."
        )
    labelled, held_out = _labelled(options)
    known = {file.path.resolve() for file in [*labelled, *held_out]}
    others = [
        file
        for file in some(_unlabelled(options), options.limit)
        if file.path.resolve() not in known
    ]
    everything = pool.prepare([*labelled, *others], round(SPARE * side), cache)
    apart = pool.prepare(held_out, round(SPARE * side), cache) if held_out else None
    tell_of_skipped(everything, apart)
    if labelled and not others:
        labels.checked(everything.files)  # once more: some may have been unreadable
    elif len(everything) < 2:
        raise NothingToLearn("One picture looks like nothing else; training needs two at least.")
    return Material(everything, source_of(everything, options), apart)


def tell_of_skipped(*pools: Pool | None) -> None:
    skipped = [one for each in pools if each is not None for one in each.skipped]
    if skipped:
        first = skipped[0]
        tell(
            f"{len(skipped)} pictures could not be read, such as {first.path.name}: {first.reason}"
        )


def _labelled(options: Options) -> tuple[list[Labelled], list[Labelled]]:
    """To learn from, and held out: what a table's column `split` says, or a share of each label."""
    if not given(options.labels):
        return [], []
    table = not options.labels.is_dir()
    if table and {"train", "val"} <= labels.splits(options.labels):
        return labels.checked(_of_table(options, "train")), _of_table(options, "val")
    files = _of_table(options) if table else some(_of_folder(options), options.limit)
    files = labels.checked(files)
    return divided([file for file in files if file.label], options.validation_share)


def _of_folder(options: Options) -> list[Labelled]:
    if options.label_by == "folder":
        return labels.from_folders(options.labels)
    files, problems = labels.from_groups(options.labels)
    for problem in problems:
        tell(f"a sidecar says nothing: {problem}")
    return files


def _of_table(options: Options, split: str | None = None) -> list[Labelled]:
    files, missing = labels.from_csv(options.labels, split=split)
    if missing:
        tell(f"{len(missing)} labelled pictures are missing, such as {missing[0]}")
    return some([file for file in files if file.label], options.limit)


def divided(files: Sequence[Labelled], share: float) -> tuple[list[Labelled], list[Labelled]]:
    """Hold out about this share of the pictures, two of each label left: by name, not by chance.

    A picture is on the same side in every run, whatever else is in the folder.
    """
    of_label = defaultdict(list)
    for file in files:
        of_label[file.label].append(file)
    kept, held = [], []
    for group in of_label.values():
        order = sorted(group, key=_place)
        out = min(sum(_place(file) < share for file in order), max(0, len(order) - 2))
        held += order[:out]
        kept += order[out:]
    return kept, held


def _place(file: Labelled) -> float:
    """A number from 0 to 1 that is the file name's own."""
    digest = hashlib.sha256(file.path.name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:6]) / (1 << 48)


def _unlabelled(options: Options) -> list[Labelled]:
    if not given(options.pictures):
        return []
    return [replace(file, label="") for file in labels.from_folders(options.pictures)]


def some(files: list[Labelled], limit: int) -> list[Labelled]:
    """Evenly thinned to at most so many; 0 is all."""
    return files[:: -(-len(files) // limit)] if limit and len(files) > limit else files


def source_of(everything: Pool, options: Options) -> PairSource:
    """Labels and views in one source, labels with half the chance; clicks with half the batch."""
    names = [file.label for file in everything.files]
    of_labels = len({name for name in names if name})
    alone = names.count("")
    looks = Labels(names, options.each, alone=max(of_labels, 1) / max(alone, 1))
    if not given(options.clicks):
        return looks
    return Mixed([looks, read_clicks(options, everything)], [1, 1])


def read_clicks(options: Options, everything: Pool) -> Clicks:
    """The pairs whose two pictures are in the pool; the others are counted and told."""
    if not given(options.pictures):
        raise NothingToLearn(
            "Clicks name pictures by key; give --pictures, the folder they are in."
        )
    try:
        lines = options.clicks.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NothingToLearn(f"{options.clicks} cannot be read as text ({error}).") from error
    row = {
        file.path.relative_to(options.pictures).as_posix().translate(UNDECODABLE): row
        for row, file in enumerate(everything.files)
        if file.path.is_relative_to(options.pictures)
    }
    pairs, lost = [], 0
    for number, line in enumerate(lines, 1):
        pair = (
            _clicked(line, row, f"{options.clicks.name}, line {number}") if line.strip() else None
        )
        if pair is not None:
            pairs.append(pair)
        else:
            lost += bool(line.strip())
    if lost:
        tell(f"{lost} of {lost + len(pairs)} clicked pairs name pictures that are not there")
    if not pairs:
        raise NothingToLearn(f"{options.clicks} has no pair of pictures that are there.")
    return Clicks(pairs, len(everything))


def _clicked(line: str, row: dict[str, int], place: str) -> ClickedPair | None:
    """{"anchor": key, "clicked": key, "weight": 1.5, "passed_over": [key, …]}"""
    try:
        told = json.loads(line)
        anchor, clicked = str(told["anchor"]), str(told["clicked"])
        weight = float(told.get("weight", 1.0))
        over = [str(key) for key in told.get("passed_over", [])]
    except (ValueError, TypeError, KeyError) as error:
        raise NothingToLearn(
            f'{place} is not {{"anchor": key, "clicked": key, "weight": number, "passed_over": '
            f"[keys]}}."
        ) from error
    if not 0 <= weight < float("inf"):
        raise NothingToLearn(f"{place}: the weight is {weight}, not a number from 0 up.")
    if anchor not in row or clicked not in row or anchor == clicked:
        return None
    return ClickedPair(
        row[anchor], row[clicked], weight, tuple(row[key] for key in over if key in row)
    )
