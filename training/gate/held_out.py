"""Later clicks that no training saw, and what earlier ones said, as `training.clicks` writes."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import CallerError

NAME, LEARNT, DESCRIPTION = "held_out.jsonl", "clicks.jsonl", "dataset.json"
MOST = 2_000  # pairs asked about: minutes on one core, and enough to see a point of difference


class UnreadableClicks(CallerError):
    """The file of held-out clicks is missing or broken; the message names the line."""


@dataclass(frozen=True)
class Pair:
    """Somebody who looked at `anchor` clicked `clicked`, both keys of pictures.

    weight: how many looks its clicks stand for, had every place got as many. passed_over: keys that
    stood above the clicked one. asker: who must not count as several; the anchor, where
    the file does not name a session.
    """

    anchor: str
    clicked: str
    weight: float
    passed_over: tuple[str, ...] = ()
    asker: str = ""

    def keys(self) -> tuple[str, ...]:
        return (self.anchor, self.clicked, *self.passed_over)


def read(folder: Path) -> list[Pair]:
    """Every pair of the file; none if it is empty, which is an answer too.

    Raises UnreadableClicks, and BrokenSeal for a data set that was changed since it was written.
    """
    if (folder / DESCRIPTION).is_file():
        from training.clicks.files import described  # brings DuckDB: only where there is a seal

        described(folder)
    return _lines(folder / NAME)


def learnt(folder: Path) -> list[Pair]:
    """What the challenger learnt from, if it lies beside: right as well, and no question.

    Raises UnreadableClicks.
    """
    file = folder / LEARNT
    return _lines(file) if file.is_file() else []


def some(pairs: Sequence[Pair], seed: int, most: int = MOST) -> list[Pair]:
    """At most so many, drawn without looking at weights, in the order of the file."""
    if len(pairs) <= most:
        return list(pairs)
    chosen = np.random.default_rng(seed).permutation(len(pairs))[:most]
    return [pairs[i] for i in sorted(chosen.tolist())]


def effective(weights: Iterable[float]) -> float:
    """(Σ w)² ÷ Σ w²: how many clicks of equal weight say as much. L. Kish (1965)."""
    given = np.array(list(weights), np.float64)
    return float(given.sum() ** 2 / (given**2).sum()) if len(given) else 0.0


def _lines(file: Path) -> list[Pair]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UnreadableClicks(
            f"{file} cannot be read ({error.strerror}); training.clicks writes it."
        ) from error
    except UnicodeDecodeError as error:
        raise UnreadableClicks(f"{file} is not UTF-8; write it again.") from error
    return [_pair(line, f"{file}, line {n}") for n, line in enumerate(lines, 1) if line.strip()]


def _pair(line: str, where: str) -> Pair:
    try:
        return _of(json.loads(line))
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableClicks(f"{where}: {error!r}; write the file again.") from error


def _of(said: dict[str, Any]) -> Pair:
    anchor, clicked, weight = said["anchor"], said["clicked"], float(said.get("weight", 1))
    over = said.get("passed_over", [])
    if not all(isinstance(key, str) and key for key in (anchor, clicked, *over)):
        raise ValueError("anchor, clicked and passed_over are keys of pictures")
    if not (math.isfinite(weight) and weight > 0):
        raise ValueError("weight is a positive number")
    return Pair(anchor, clicked, weight, tuple(over), str(said.get("session") or anchor))
