"""Model folders beside the one they are made of: may one of them serve in its place?"""

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike import calibration, images
from lookalike.cards import ONNX_NAME, ModelCard, Thresholds
from lookalike.encoder import Encoder
from lookalike.errors import CallerError, UnreadableImage
from training import cost, metrics
from training.described import Describe
from training.described import described as decoded_once
from training.metrics import Scores, Vectors
from training.pictures import Labelled

MAX_DROP = 0.005  # of Recall@10 (hit rate) and of mAP@10: half a point, each
MIN_GAIN = 0.10  # of the milliseconds; less is not worth a second model to look after
JUDGED = ("recall@10", "map@10")
SHOWN = ("recall@1", *JUDGED)
TURNS, ROUNDS = 9, 20  # the median over turns of the least of a turn's rounds
COPIED = 100  # queries whose near copies help to carry the thresholds over


class UnusableVariant(CallerError):
    """No variant can be made or judged; the message says what is missing."""


@dataclass(frozen=True)
class Change:
    """A score in 0–1. low, high: 95 % paired bootstrap interval of the drop, over the queries."""

    before: float
    after: float
    low: float
    high: float

    @property
    def drop(self) -> float:
        return self.before - self.after


@dataclass(frozen=True)
class Verdict:
    """changes: by score. milliseconds: a picture at batch 1 on one thread.

    cosines: (queries,) between the two vectors of one picture. why: one sentence.
    """

    model: str
    queries: int
    changes: dict[str, Change]
    milliseconds_before: float
    milliseconds_after: float
    cosines: NDArray[np.float32]
    bytes_before: int
    bytes_after: int
    thresholds: Thresholds
    passes: bool
    why: str

    @property
    def worst(self) -> Change:
        """Of the scores that decide, the one that lost most."""
        return max((self.changes[name] for name in JUDGED), key=lambda change: change.drop)


@dataclass(frozen=True)
class Seen:
    """What one encoder makes of the same pictures. copies: cosines to near copies, in one row."""

    queries: Vectors
    gallery: Vectors
    copies: NDArray[np.float32]


@dataclass(frozen=True)
class Measured:
    """One of the models. scores: by name, one number for each query that has a right answer."""

    card: ModelCard
    bytes: int
    seen: Seen
    scores: dict[str, Scores]
    milliseconds: float


def judge(
    folder: Path,
    variants: Sequence[Path],
    queries: Sequence[Labelled],
    gallery: Sequence[Labelled],
) -> list[Verdict]:
    """Measure every variant beside the model of `folder`, and decide on each; see `decided`.

    All see the same pictures, decoded once, and take turns at the clock. Drops are those of these
    queries; how far chance may have moved one, its interval says.
    Raises UnusableVariant if no query has its label in the gallery.
    """
    folders = [folder, *variants]
    encoders = [Encoder(each) for each in folders]
    (asking, ours), (asked, theirs) = described(encoders, queries), described(encoders, gallery)
    wanted, found = metrics.labels_to_numbers([f.label for f in asking], [f.label for f in asked])
    same = wanted[:, None] == found[None, :]
    if not same.any():
        raise UnusableVariant("No query has a picture of its label in the gallery; give labels.")
    copies = copy_cosines(encoders, asking[:COPIED])
    seen = [Seen(*each) for each in zip(ours, theirs, copies, strict=True)]
    original, *others = (
        Measured(encoder.card, (each / ONNX_NAME).stat().st_size, one, scores(one, same), taken)
        for encoder, each, one, taken in zip(
            encoders, folders, seen, milliseconds(folders), strict=True
        )
    )
    return [verdict(original, other) for other in others]


def verdict(before: Measured, after: Measured) -> Verdict:
    changes = {name: change(before.scores[name], after.scores[name]) for name in SHOWN}
    passes, why = decided(changes, before.milliseconds, after.milliseconds)
    return Verdict(
        after.card.model,
        len(before.scores[SHOWN[0]]),
        changes,
        before.milliseconds,
        after.milliseconds,
        (before.seen.queries * after.seen.queries).sum(axis=1),
        before.bytes,
        after.bytes,
        carried(before.card.thresholds, before.seen, after.seen),
        passes,
        why,
    )


def described(
    encoders: Sequence[Encoder], files: Sequence[Labelled]
) -> tuple[list[Labelled], list[Vectors]]:
    """The files that could be read, and their vectors by each encoder; the others are named."""
    describe = {str(i): only(encoder) for i, encoder in enumerate(encoders)}
    found = decoded_once(describe, [file.path for file in files], enough_for(encoders))
    for path, reason in ((one.path, one.reason) for one in found.skipped):
        print(f"skipped {path.name}: {reason}", file=sys.stderr)
    readable = [file for file in files if file.path in found.sizes]
    if not readable:
        raise UnusableVariant("None of the pictures could be read; give others.")
    return readable, [
        np.stack([vectors[file.path] for file in readable]) for vectors in found.vectors.values()
    ]


def only(encoder: Encoder) -> Describe:
    return lambda picture: encoder.encode([picture])[0]


def enough_for(encoders: Sequence[Encoder]) -> int:
    return images.enough_for(*(encoder.card.preprocessing.size for encoder in encoders))


def opened(files: Sequence[Labelled], at_least: int) -> list[Image.Image]:
    """Those that can be read; at_least: pixels."""
    shown = []
    for file in files:
        with suppress(UnreadableImage, OSError):
            shown.append(images.decode(file.path.read_bytes(), at_least).pixels)
    return shown


def copy_cosines(
    encoders: Sequence[Encoder], files: Sequence[Labelled]
) -> list[NDArray[np.float32]]:
    shown = opened(files, enough_for(encoders))
    return [
        calibration.copy_similarities(encoder, shown, encoder.encode(shown)) for encoder in encoders
    ]


def scores(seen: Seen, same: NDArray[np.bool_]) -> dict[str, Scores]:
    """By name, one number for each query that has a right answer. same: (queries, gallery)."""
    found = metrics.nearest(seen.queries, seen.gallery, 10)
    total = same.sum(axis=1)
    answerable = total > 0
    relevant = np.take_along_axis(same, found, axis=1)[answerable]
    hits = {f"recall@{k}": metrics.hit_rate(relevant, k) for k in (1, 10)}
    return {**hits, "map@10": metrics.average_precision(relevant, total[answerable])}


def change(before: Scores, after: Scores) -> Change:
    low, high = metrics.paired_interval(before, after)
    return Change(float(before.mean()), float(after.mean()), low, high)


def milliseconds(folders: Sequence[Path]) -> list[float]:
    """Of each; they take turns within a turn too, so that other programs' work hits all alike."""
    names = [ModelCard.read(each).model for each in folders]
    turns = [cost.milliseconds(folders, ROUNDS) for _ in range(TURNS)]
    return [median(turn[name] for turn in turns) for name in names]


def decided(changes: dict[str, Change], before: float, after: float) -> tuple[bool, str]:
    """Does it pass, and why. before, after: milliseconds.

    It does if no score of JUDGED drops by more than MAX_DROP and the time falls by MIN_GAIN.
    """
    reasons = [
        f"{name} drops by {100 * changes[name].drop:.1f} points, more than {100 * MAX_DROP:.1f}"
        for name in JUDGED
        if changes[name].drop > MAX_DROP
    ]
    gain = 1 - after / before
    if gain < MIN_GAIN:
        reasons.append(f"its time falls by {gain:.0%}, less than {MIN_GAIN:.0%}")
    if reasons:
        return False, "; ".join(reasons)
    worst = max(changes[name].high for name in JUDGED)
    return True, f"{gain:.0%} faster; so few queries cannot rule out {100 * worst:.1f} points lost"


def carried(thresholds: Thresholds, before: Seen, after: Seen) -> Thresholds:
    """Thresholds that pass as many of the same pairs and near copies as they did before."""
    old, new = (
        np.sort(np.concatenate([(seen.queries @ seen.gallery.T).ravel(), seen.copies]))[::-1]
        for seen in (before, after)
    )

    def moved(threshold: float) -> float:
        passed = int((old >= threshold).sum())
        if passed in (0, len(old)):  # beyond all that was seen: nothing tells where it would be
            return threshold
        return calibration.rounded(float(new[passed - 1]))

    return Thresholds(moved(thresholds.duplicate), moved(thresholds.floor))
